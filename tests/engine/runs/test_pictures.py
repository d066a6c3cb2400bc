"""Pictures of results show the images without their padding."""

import cv2
import numpy as np
import torch
from torch import nn

from datasets.merge import MultiTaskDataset
from engine.runs.pictures import NO_LABEL, draw_results
from tests.building import make_network
from tests.labels import read_split, tasks_of
from tests.running import CPU

GAP = 4  # between the parts of a picture


class Constant(nn.Module):
    """Depth of 2 m, beside a network's other predictions."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        depth = torch.full((len(images), 1, *images.shape[2:]), 2.0)
        return {**self.network(images), "depth": depth}


def pictures(scenes_root, folder, size, **options):
    splits = [read_split(name, scenes_root, "test") for name in ("VOC", "NYU")]
    tasks = tasks_of(("segmentation", "detection", "depth"), splits)
    data = MultiTaskDataset(splits, tasks, size, **options)
    network = make_network("VMM", "resnet18", {t.name: t.head for t in tasks}, size, channels=8)
    draw_results(Constant(network), data, CPU, folder)
    return data, [cv2.imread(str(path))[..., ::-1] for path in sorted(folder.glob("*.png"))]


def test_they_are_cut_back_to_the_image(scenes_root, tmp_path):
    """Of 48×64, at the same scale on a canvas of 64×64."""
    data, shown = pictures(scenes_root, tmp_path / "keep", (64, 64), keep_aspect=True)
    _, plain = pictures(scenes_root, tmp_path / "plain", (48, 64))
    assert len(shown) == len(plain) == 8
    for letterboxed, picture in zip(shown, plain, strict=True):
        assert letterboxed.shape == picture.shape == (2 * 48 + GAP, 4 * 64 + 3 * GAP, 3)
        # The image, and the truths of all tasks; but the heads see other images.
        np.testing.assert_array_equal(letterboxed[:48], picture[:48])
        np.testing.assert_array_equal(letterboxed[-48:, -64:], picture[-48:, -64:])
    unlabelled = shown[-1][:48, 64 + GAP : 2 * 64 + GAP]
    assert (unlabelled == NO_LABEL).all(), "NYU has no masks"
    assert len(data.tasks) == 3
