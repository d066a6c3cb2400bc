"""What every test can have: a small rendered dataset. And one thread, which is the fastest for
arrays as small as those of the tests."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the processes that tests start as well

import cv2
import pytest
import torch

from datasets import scenes
from utils.locks import locked

cv2.setNumThreads(0)
torch.set_num_threads(1)

TRAIN, VAL = 16, 6
"""Images of the rendered NYU and NYUD_MT; VOC has 15/24 as many to train on, 10."""
FEW = 6, 3
"""Images of all other rendered datasets, to train and to test on."""
RENDERED_SIZE = (48, 64)
"""Their height and width."""


@pytest.fixture(scope="session")
def scenes_root(tmp_path_factory):
    """A `dataset_root` with every dataset that can be rendered. It is shared, also by the processes
    that run the tests: tests do not change it."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    root = base / "datasets"
    with locked(base / "datasets.lock", "the datasets are being rendered"):
        if not root.exists():
            many = ["VOC", "NYU", "NYUD_MT"]
            few = [name for name in scenes.LAYOUTS if name not in many]
            scenes.write(root, many, TRAIN, VAL, RENDERED_SIZE, seed=0)
            scenes.write(root, few, *FEW, RENDERED_SIZE, seed=0)
    return root
