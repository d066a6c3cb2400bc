"""The program of torch.export, read as somebody would who has not this program."""

import json
import zipfile
from pathlib import Path

import pytest
import torch


@pytest.fixture(scope="module")
def exported(trained):
    printed = trained.export("--format", "pt2")
    return trained.best.with_suffix(".pt2"), printed


def test_it_gives_what_the_network_gives_for_any_number_and_size(exported, trained):
    extra = {"metadata.json": ""}
    program = torch.export.load(exported[0], extra_files=extra)
    about = json.loads(extra["metadata.json"])
    names = json.loads(about["outputs"])
    assert names == ["segmentation", "detection_boxes", "detection_scores", "depth"]
    assert json.loads(about["units"]).keys() == set(names)
    for count, size in ((1, (64, 96)), (2, (128, 64))):
        images = torch.rand(count, 3, *size)
        with torch.no_grad():
            given = dict(zip(names, program.module()(images), strict=True))
            wanted = trained.network(images)
        torch.testing.assert_close(given["depth"], wanted["depth"])
        scores = wanted["detection"].logits.sigmoid()
        torch.testing.assert_close(given["detection_scores"], scores)


def test_it_was_compared_with_the_network(exported):
    for images in ("3 random images", "a random image of 96 × 160", "3 test images"):
        assert f"{images}: the largest difference is 0e+00" in exported[1]


def test_no_path_of_the_machine_is_in_the_file(exported):
    with zipfile.ZipFile(exported[0]) as archive:
        stored = b"".join(map(archive.read, archive.namelist()))
    for folder in (exported[0].parent, Path(__file__).parents[4], "site-packages"):
        assert str(folder).encode() not in stored
