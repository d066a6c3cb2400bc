"""Which classes the labels of an image tell of, where merged datasets label different ones.

A task's classes are numbered from 0 to C - 1. From C on come its coarse classes, which labels may
have and predictions may not, such as a vehicle that is a car, a bus or a truck.

A *class map* says for each image and each of the C classes by which number the labels of the image
know what is of this class:

- by the number of the class: the image's dataset labels it,
- by the number of a coarse class: the dataset labels the coarse class alone,
- by the number of the background: the dataset calls background what it does not label,
- by `UNLABELLED`: nothing in the labels tells of it.

The map of B images is (B, C) int64, and stays on the CPU. None stands for one by which every
dataset labels every class.
"""

from __future__ import annotations

import torch
from torch import Tensor

LEFT_OUT = -1
"""The number of what a label shows and nothing is to be learnt from."""
UNLABELLED = -2
"""The number of a class of which the labels do not tell."""


def labelled_classes(class_map: Tensor) -> Tensor:
    """(B, C) bool: whether the dataset of each image labels each class."""
    return class_map == torch.arange(class_map.shape[1])


def labels_all(class_map: Tensor) -> bool:
    """Whether the dataset of every image labels every class."""
    return bool(labelled_classes(class_map).all())
