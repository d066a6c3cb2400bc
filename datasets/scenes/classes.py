"""The classes of a scene's pixels, under VOC's names where VOC has them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

SURROUNDINGS = ("wall", "floor", "ceiling", "door", "window", "picture", "rug")
OBJECTS = (
    "chair", "diningtable", "sofa", "pottedplant", "tvmonitor", "bottle",
    "cabinet", "bookshelf", "bed", "lamp",
)  # fmt: skip
"""Those that have boxes."""

CLASSES = (*SURROUNDINGS, *OBJECTS)

VOC_NUMBERS = {
    "bottle": 5, "chair": 9, "diningtable": 11, "pottedplant": 16, "sofa": 18, "tvmonitor": 20,
}  # fmt: skip
"""VOC's numbers of those that it has; 0 is its background."""


def table(numbers: Mapping[str, int], others: int = 0) -> np.ndarray:
    """By the number of a class here, its number in a dataset; `others` for those that it lacks."""
    return np.array([numbers.get(name, others) for name in CLASSES], np.uint8)
