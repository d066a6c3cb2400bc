"""What becomes of training images that a task has no label for."""

from __future__ import annotations

from utils.option import option
from utils.part import Part, Registry


class Missing(Part):
    """A task learns nothing from images without a label for it."""

    section = "data"

    @property
    def weight(self) -> float:
        """How much such an image counts for the task, beside 1 of a labelled one."""
        return 0.0


class TeacherLabels(Missing):
    """The single-task network of the task labels them."""

    missing_weight: float = option(
        0.5,
        "how much an image that a single-task network has labelled counts for the task, beside 1 "
        "of a labelled one; 0: nothing, as with ignore",
        at_least=0,
    )
    missing_threshold: float = option(
        0.5,
        "nothing is learnt from what the single-task network is no surer of, in segmentation and "
        "detection; depth and normals have no confidence",
        at_least=0,
        at_most=1,
    )

    @property
    def weight(self) -> float:
        return self.missing_weight


MISSING = Registry("treatment of missing labels", {"ignore": Missing, "teacher": TeacherLabels})
"""Every treatment, by its name in a cfg."""
