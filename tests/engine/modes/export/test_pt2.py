"""The program of torch.export, read as somebody would who has not this program."""

import json
import zipfile
from pathlib import Path

import pytest
import torch


@pytest.fixture(scope="module")
def exported(dense_of_any_size):
    printed = dense_of_any_size.export("--format", "pt2")
    return dense_of_any_size.best.with_suffix(".pt2"), printed


def test_it_gives_what_the_network_gives_for_any_number_and_size(exported, dense_of_any_size):
    extra = {"metadata.json": ""}
    program = torch.export.load(exported[0], extra_files=extra)
    about = json.loads(extra["metadata.json"])
    names = json.loads(about["outputs"])
    assert names == ["segmentation", "depth"]
    assert json.loads(about["units"]).keys() == set(names)
    assert about["sizes"] in exported[1]
    for count, size in ((1, (64, 64)), (2, (96, 160))):
        images = torch.rand(count, 3, *size)
        with torch.no_grad():
            given = program.module()(images)
            wanted = dense_of_any_size.network(images)
        for name, output in zip(names, given, strict=True):
            torch.testing.assert_close(output, wanted[name])


def test_it_was_compared_with_the_network(exported):
    assert "size: any height and width that are multiples of 32, from 64 on" in exported[1]
    for images in ("3 random images", "a random image of 96 × 128", "3 test images"):
        assert f"{images}: the largest difference is 0e+00" in exported[1]


def test_no_path_of_the_machine_is_in_the_file(exported):
    with zipfile.ZipFile(exported[0]) as archive:
        stored = b"".join(map(archive.read, archive.namelist()))
    for folder in (exported[0].parent, Path(__file__).parents[4], "site-packages"):
        assert str(folder).encode() not in stored
