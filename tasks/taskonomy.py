"""The types of Taskonomy (Zamir et al., CVPR 2018) that are numbers by pixel, with the values and
losses of Standley et al. (ICML 2020), as Jeong and Yoon (ICLR 2025) train them.

How a file's numbers become these values stands in `datasets.taskonomy`.
"""

from __future__ import annotations

import math

import numpy as np

from tasks.regression import Regression

LOG_LARGEST = math.log(2**16)


class LogDepth(Regression):
    """log(1 + d) / log 2¹⁶ of a depth d in 512ths of a metre, which is in [0, 1] up to 128 m; not a
    number where there is no reading.

    Accuracy: the share of pixels that are off by less than log 1.25 / log 2¹⁶. For depths of more
    than a few 512ths, that is d1: a factor of less than 1.25.
    """

    unit = "log(1 + 512 × metres) / log 65536"
    range = (0.4, 0.9)  # 0.16 m to 42 m
    selection = ("within", "rmse")
    paper_metrics = protocol_metrics = ("rmse",)
    tolerance = math.log(1.25) / LOG_LARGEST
    typical = 0.65  # 2.6 m

    def warp(self, target, warp):
        """Zooming in brings the scene closer: the depths are divided by the zoom."""
        moved = super().warp(target, warp)
        if warp.zoom == 1:
            return moved
        depth = np.expm1(moved * np.float32(LOG_LARGEST))
        return np.log1p(depth / np.float32(warp.zoom)) / np.float32(LOG_LARGEST)


class DepthEuclidean(LogDepth):
    """The distance from the camera."""

    task_type = "depth_euclidean"


class DepthZbuffer(LogDepth):
    """The distance along the camera's axis."""

    task_type = "depth_zbuffer"


class EdgeOcclusion(Regression):
    """How much an edge hides what is behind it."""

    task_type = "edge_occlusion"


class EdgeTexture(Regression):
    """How strong an edge is in the image."""

    task_type = "edge_texture"


class Keypoints2D(Regression):
    """How much a place of the image stands out."""

    task_type = "keypoints2d"


class Keypoints3D(Regression):
    """How much a place of the surface stands out."""

    task_type = "keypoints3d"


class PrincipalCurvature(Regression):
    """The two principal curvatures of the surface, standardised: about 0 and 1 are the mean and the
    standard deviation of each over the dataset. 8 bits reach from -5.5 to 6.2."""

    task_type = "principal_curvature"
    channels = 2
    squared = True
    metrics = {"within": 1, "l1": -1, "mse": -1}
    selection = ("within", "mse")
    paper_metrics = protocol_metrics = ("mse",)
    loss_name = "squared error"
    range = (-4.0, 4.0)
    tolerance = 0.4  # a twentieth of the range


class Reshading(Regression):
    """The surface under another light, in red, green and blue."""

    task_type = "reshading"
    channels = 3


class SegmentUnsup2D(Regression):
    """Superpixels of the image: neighbours of one segment have one value."""

    task_type = "segment_unsup2d"


class SegmentUnsup25D(Regression):
    """Segments by image, depth, normals and curvature."""

    task_type = "segment_unsup25d"
