"""Edges, human parts and saliency of a user's own files, from the check to an exported network."""

import json

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

import train_test
from datasets.formats import Label
from datasets.formats.binary_maps import BinaryMap

IMAGES, SIZE = 10, (32, 48)
TASKS = ("edge", "human_parts", "saliency")
CFG = """
[run]
tasks = edge parts saliency
loss = weighted-sum
[data]
train_dataset = people
val = 0.25
size = 32 64
batch_size = 4
num_workers = 0
[dataset.people]
images = images/*.png
edge = edges/*.png
human_parts = parts/*.png
saliency = salient/*.npy
classes = background head torso
split = 0.2
[baselines]
potential = 0.5 0.5 0.5
[network]
arch = VMM
backbone = timm/test_resnet
pretrained = false
channels = 8
[training]
optimizer = adam
max_epoch = 1
"""


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Figures of a head on a torso; two pictures show nobody."""
    folder = tmp_path_factory.mktemp("people")
    rng = np.random.default_rng(0)
    for kind in ("images", "edges", "parts", "salient"):
        (folder / "data/people" / kind).mkdir(parents=True)
    for number in range(IMAGES):
        parts = np.zeros(SIZE, np.uint8)
        if number >= 2:
            x, y = int(rng.integers(10, 38)), int(rng.integers(6, 12))
            cv2.rectangle(parts, (x - 6, y + 5), (x + 6, y + 18), 2, -1)
            cv2.circle(parts, (x, y), 5, 1, -1)
        edges = cv2.morphologyEx(parts, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8)) > 0
        picture = rng.integers(0, 90, (*SIZE, 3)) + 80 * parts[..., None]
        root = folder / "data/people"
        cv2.imwrite(str(root / f"images/{number}.png"), picture.astype(np.uint8))
        cv2.imwrite(str(root / f"edges/{number}.png"), edges * np.uint8(255))
        cv2.imwrite(str(root / f"parts/{number}.png"), parts)
        np.save(root / f"salient/{number}.npy", parts > 0)
    (folder / "people.cfg").write_text(CFG)
    return folder


def call(people, *options):
    return train_test.main([str(o) for o in (*options, "--device", "cpu")])


@pytest.fixture(scope="module")
def trained(people):
    data, runs = people / "data", people / "runs"
    assert call(people, people / "people.cfg", "--dataset_root", data, "--runs", runs) == 0
    return runs / "people/weighted-sum/seed0"


def test_they_are_trained_and_tested(trained):
    results = json.loads((trained / "results.json").read_text())
    assert results["metrics"].keys() == set(TASKS)
    assert results["metrics"]["edge"].keys() == {"odsF", "loss"}
    for task, metric in zip(TASKS, ("odsF", "mIoU", "maxF"), strict=True):
        assert 0 <= results["metrics"][task][metric] <= 1
    assert results["constant"]["saliency"]["maxF"] > 0
    assert "edge_tolerance = 0.0075" in (trained / "config.cfg").read_text()
    assert list((trained / "pictures").iterdir())


def test_they_are_predicted_as_files_that_are_read_again(people, trained):
    source, out = people / "data/people/images", people / "predicted"
    words = ("--mode", "predict", "--ckpt", trained, "--input", source, "--output", out)
    assert call(people, *words) == 0
    for task in ("edge", "saliency"):
        shares = np.load(out / task / "npy/3.npy")
        assert (shares.shape, shares.dtype) == (SIZE, np.float32)
        read = Label(BinaryMap(certain=255), (out / task / "png/3.png",)).read(SIZE)
        np.testing.assert_array_equal(read, shares >= 0.5)
        assert (out / task / "pictures/3.jpg").exists()
    with Image.open(out / "human_parts/maps/3.png") as mask:
        assert np.asarray(mask).max() < 3


@pytest.mark.slow
def test_they_are_exported(people, trained):
    data = ("--dataset_root", people / "data", "--runs", people / "runs")
    assert call(people, people / "people.cfg", "--mode", "export", "--format", "pt2", *data) == 0
    program = torch.export.load(trained / "best.pt2").module()
    shapes = [tuple(output.shape) for output in program(torch.zeros(1, 3, *SIZE))]
    assert shapes == [(1, 1, *SIZE), (1, 3, *SIZE), (1, 2, *SIZE)]


def test_their_labels_are_checked(people, trained, capsys):
    words = ("--mode", "check", "--dataset_root", people / "data", "--runs", people / "runs")
    assert call(people, people / "people.cfg", *words) == 0
    out = capsys.readouterr().out
    assert "edge: 8 labels" in out
    assert "labels without any yes" in out
    assert "from 127.5 on (PNG of 8 bits)" in out
