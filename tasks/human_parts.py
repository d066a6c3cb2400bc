"""Human parts: to which part of a body every pixel belongs."""

from __future__ import annotations

import numpy as np

from tasks.segmentation import VOID, Segmentation


class HumanParts(Segmentation):
    """Target and prediction are those of segmentation. The classes are the background and the
    parts, as in Chen et al., "Detect What You Can" (CVPR 2014): head, torso, upper and lower arms,
    upper and lower legs.

    An image without a part, whose pixels are all background or void, is not usable: it counts
    neither in training nor in testing, as in Maninis et al., "Attentive Single-Tasking of Multiple
    Tasks" (CVPR 2019).

    Accuracy: the intersection over union, averaged over the classes, the background's included.
    """

    task_type = "human_parts"
    aliases = ("parts",)
    unit = "logits of the background and the parts"

    label_smoothing = 0.0  # no option

    def usable(self, target):
        counts = np.bincount(target.ravel(), minlength=VOID + 1)
        counts[[*self._background_numbers(), VOID]] = 0
        return bool(counts.any())
