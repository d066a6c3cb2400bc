"""Answers at the size of an image: what the network's input did to it is undone."""

import cv2
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from engine.runs.prediction import predict
from models.normalisation import IMAGENET
from tasks import segmentation
from tasks.base import BoxPrediction
from tasks.depth import Depth
from tasks.detection import Detection
from tasks.normal import Normal
from tasks.segmentation import Segmentation
from utils.errors import DataError

SIZES = [(60, 80), (90, 50), (30, 200), (240, 320), (31, 33)]


class Echo(nn.Module):
    """Says of each pixel what a function makes of it, (B, 3, H, W) to (B, C, H, W)."""

    def __init__(self, aspect, **functions):
        super().__init__()
        self.size, self.aspect, self.functions = (60, 80), aspect, functions
        self.register_buffer("mean", torch.tensor(IMAGENET.mean).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET.std).view(3, 1, 1))

    def forward(self, images):
        return {name: function(images) for name, function in self.functions.items()}


def ramp(size):
    """(H, W, 3) uint8: red grows to the right, green downwards."""
    height, width = size
    image = np.full((height, width, 3), 128, np.uint8)
    image[..., 0] = np.linspace(20, 235, width)[None]
    image[..., 1] = np.linspace(20, 235, height)[:, None]
    return image


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("aspect", ["stretch", "keep"])
class TestGeometry:
    def test_maps_lie_where_their_pixels_do(self, size, aspect):
        network = Echo(aspect, depth=lambda images: 9 * images[:, :1])
        image = ramp(size)
        depth = predict(network, [Depth()], image)["depth"]
        assert depth.dtype == np.float32
        expected = 9 / 255 * image[..., 0]
        # Half a pixel of the coarser of the two grids is how far edges move.
        step = 9 * 215 / 255 / min(size[1], 80 if aspect == "stretch" else size[1], 12)
        assert np.abs(depth - expected).max() < step
        assert np.abs(depth - expected).mean() < 0.1

    def test_classes_lie_where_their_pixels_do(self, size, aspect):
        def logits(images):
            return torch.stack([images[:, 1] - 0.5, 0.5 - images[:, 1]], dim=1)

        task = Segmentation(("low", "high"))
        image = ramp(size)
        labels = predict(Echo(aspect, segmentation=logits), [task], image)["segmentation"]
        assert labels.dtype == np.uint8
        assert (labels == (image[..., 1] < 127.5)).mean() > 0.94

    def test_normals_are_of_unit_length(self, size, aspect):
        def vectors(images):
            return F.normalize(images - 0.5, dim=1)

        normals = predict(Echo(aspect, normal=vectors), [Normal()], ramp(size))["normal"]
        assert normals.shape == (*size, 3)
        lengths = np.linalg.norm(normals, axis=2)
        assert (lengths > 0.99).mean() > 0.98
        assert lengths.max() < 1.001

    def test_boxes_are_in_the_pixels_of_the_image(self, size, aspect):
        height, width = size
        scale = max(height / 60, width / 80)
        shares = (0.25, 0.5, 0.2, 0.3)  # centre and size, of the image
        part = (width / scale / 80, height / scale / 60) if aspect == "keep" else (1, 1)

        def boxes(images):
            anchor = torch.tensor([shares]) * torch.tensor([*part, *part])
            anchors = torch.cat([anchor, torch.tensor([[0.99, 0.99, 0.1, 0.1]])])
            logits = torch.tensor([[[5.0], [-9.0]]])
            return BoxPrediction(logits, torch.zeros(1, 2, 4), anchors, (2,), (60, 80))

        network = Echo(aspect, detection=boxes)
        (row,) = predict(network, [Detection(("car",))], ramp(size))["detection"]
        expected = [0.15 * width, 0.35 * height, 0.35 * width, 0.65 * height]
        # The edges of a padded image come to lie on whole pixels of the network's input.
        np.testing.assert_allclose(row[:4], expected, atol=0.6 * scale)
        assert row[6] == pytest.approx(torch.tensor(5.0).sigmoid().item())


def test_boxes_are_clipped_to_the_image():
    def boxes(images):
        logits, anchors = torch.full((1, 1, 1), 5.0), torch.tensor([[0.5, 0.5, 3.0, 3.0]])
        return BoxPrediction(logits, torch.zeros(1, 1, 4), anchors, (1,), (60, 80))

    result = predict(Echo("keep", detection=boxes), [Detection(("car",))], ramp((90, 50)))
    np.testing.assert_allclose(result["detection"][0, :4], [0, 0, 50, 90], atol=1e-4)


def test_the_classes_of_a_large_image_are_found_a_few_at_a_time(monkeypatch):
    logits = torch.randn(1, 7, 12, 16, generator=torch.Generator().manual_seed(0))
    task, shown, size = Segmentation(tuple("abcdefg")), torch.tensor([[0, 0, 14, 12]]), (50, 61)
    whole = F.interpolate(logits[..., :14], size, mode="bilinear").argmax(1)[0]
    for most in (10**9, 3 * 50 * 61, 1):
        monkeypatch.setattr(segmentation, "_MOST_LOGITS", most)
        (labels,) = task.decode_at(logits, shown, [size])
        assert labels.dtype == np.uint8
        assert (labels == whole.numpy()).all()


def test_depths_are_void_nowhere():
    network = Echo("stretch", depth=lambda images: 40 * images[:, :1] - 20)
    task = Depth()
    depth = predict(network, [task], ramp((60, 80)))["depth"]
    assert task.valid_pixels(depth).all()
    assert depth.min() < 0.01
    assert depth.max() > 9.99


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_what_is_no_image_is_refused(image):
    with pytest.raises(DataError, match="an image is an array"):
        predict(Echo("stretch"), [], image)


def test_an_image_of_the_networks_size_is_taken_as_it_is():
    image = cv2.resize(ramp((5, 7)), (80, 60))
    network = Echo("keep", depth=lambda images: images[:, :1] * 9)
    depth = predict(network, [Depth()], image)["depth"]
    np.testing.assert_allclose(depth, image[..., 0] * (9 / 255), atol=1e-5)
