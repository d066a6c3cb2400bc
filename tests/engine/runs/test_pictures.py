"""Pictures of results: without padding, named, each panel by itself, and in TensorBoard."""

import cv2
import numpy as np
import torch
from torch import nn

from datasets.merge import MultiTaskDataset
from engine.runs.folder import RunFolder
from engine.runs.pictures import NO_LABEL, draw_results
from tests.building import make_network
from tests.labels import read_split, tasks_of
from tests.running import CPU


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
    draw_results(Constant(network), data, CPU, RunFolder(folder), step=7)
    return folder / "pictures"


def read(path):
    return cv2.imread(str(path))[..., ::-1]


def test_they_are_cut_back_to_the_image(scenes_root, tmp_path):
    """Of 48×64, at the same scale on a canvas of 64×64."""
    keep = pictures(scenes_root, tmp_path / "keep", (64, 64), aspect="keep")
    plain = pictures(scenes_root, tmp_path / "plain", (48, 64))
    for number in range(8):
        # The image, and the truths of all tasks; but the heads see other images.
        for name in ("image", "segmentation_truth", "detection_truth", "depth_truth"):
            letterboxed = read(keep / f"{number}/{name}.png")
            assert letterboxed.shape == (240, 320, 3), "enlarged"
            np.testing.assert_array_equal(letterboxed, read(plain / f"{number}/{name}.png"))
    assert (read(keep / "7/segmentation_truth.png") == NO_LABEL).all(), "NYU has no masks"


def test_a_sheet_has_the_panels_and_tensorboard_the_sheets(scenes_root, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = pictures(scenes_root, tmp_path, (48, 64))
    sheet, panel = read(folder / "0.png"), read(folder / "0/depth_prediction.png")
    height, width = panel.shape[:2]
    assert sheet.shape[1] > 4 * width
    found = cv2.matchTemplate(sheet, panel, cv2.TM_SQDIFF)
    left, top = cv2.minMaxLoc(found)[2]
    np.testing.assert_array_equal(sheet[top : top + height, left : left + width], panel)
    assert left > 3 * width, "the last column"
    assert top > height, "below the truth"
    events = EventAccumulator(str(tmp_path / "tensorboard"), {"images": 1}).Reload()
    assert [events.Images(f"pictures/{number}")[0].step for number in range(8)] == [7] * 8
