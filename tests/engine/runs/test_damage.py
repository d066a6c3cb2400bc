"""A run whose data are damaged: it stops with a line, or goes on and names the files at its end."""

import shutil

import pytest

from tests.running import run
from utils.errors import DataError


@pytest.fixture
def depth_alone(dense):
    return dense.replace("seg depth normal", "depth").replace("ema = true", "ema = false")


@pytest.fixture
def damaged(scenes_root, tmp_path):
    """A dataset root of its own, with an image that is cut off and a label that is empty."""
    root = tmp_path / "data"
    shutil.copytree(scenes_root / "NYUD_MT", root / "NYUD_MT")
    names = (root / "NYUD_MT" / "gt_sets" / "train.txt").read_text().split()
    image = root / "NYUD_MT" / "images" / f"{names[1]}.jpg"
    image.write_bytes(image.read_bytes()[:300])
    depth = root / "NYUD_MT" / "depth" / f"{names[2]}.npy"
    return root, image, depth


def test_stop_is_at_the_file(make_config, depth_alone, damaged):
    root, image, depth = damaged
    config = make_config(depth_alone, "--dataset_root", str(root), "--device", "cpu")
    with pytest.raises(DataError, match=f"{image.name}: cannot be read as an image"):
        run(config)
    depth.write_bytes(b"")
    with pytest.raises(DataError, match=rf"{depth.name}: the file is empty \(1 of"):
        run(config)


def test_skip_goes_on_and_names_each_file_once(make_config, depth_alone, damaged, tmp_path):
    root, image, depth = damaged
    depth.write_bytes(b"")
    options = ("--dataset_root", str(root), "--device", "cpu", "--on_bad_sample", "skip")
    results = run(make_config(depth_alone, *options))
    assert results["finished"]
    (log,) = (tmp_path / "runs").glob("**/log.txt")
    text = log.read_text()
    assert "2 images were left out" in text
    for path in (image, depth):
        assert text.count(f"{path}: ") == 1
