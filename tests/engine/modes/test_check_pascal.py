"""`--mode check` on PASCAL-Context with five tasks, whole and damaged."""

import contextlib
import io
import json
import shutil

import pytest

import train_test
from datasets import DATASETS
from tests.conftest import FEW

CFG = """[run]
tasks = segmentation human_parts normal saliency edge
[data]
train_dataset = PASCALContext
size = 48 64
num_workers = 0
"""
TASKS = ("segmentation", "human_parts", "normal", "saliency", "edge")


@pytest.fixture
def check(tmp_path):
    """The exit status and the text or the JSON of a check of the data in a root."""

    def check(root, *options):
        path = tmp_path / "tiny.cfg"
        path.write_text(CFG)
        argv = [str(path), "--mode", "check", "--dataset_root", str(root), *options]
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            status = train_test.main([*argv, "--runs", str(tmp_path / "runs")])
        text = printed.getvalue()
        return status, json.loads(text) if "--json" in options else text

    return check


def test_it_counts_the_labels_of_each_task_beside_those_of_the_full_data(check, scenes_root):
    status, values = check(scenes_root, "--json")
    assert status == 0
    assert values["damaged"] == []
    for split, images, full in zip(values["splits"], FEW, (4_998, 5_105), strict=True):
        labels = {task: split["tasks"][task]["labels"] for task in TASKS}
        assert 0 < labels.pop("human_parts") < images
        assert set(labels.values()) == {images}
        assert split["expected"] == dict.fromkeys(("images", *labels), full)
        assert split["decided"]["dataset"] == {"folder": "PASCALContext, not PASCAL_MT"}
    _, text = check(scenes_root)
    assert "edge: 6 labels (4,998 in the full data)" in text
    assert "edges: of the classes in LabelMap, thinned to one pixel" in text


def test_damaged_and_missing_files_are_named_in_a_line_each(check, scenes_root, tmp_path):
    root = tmp_path / "data"
    shutil.copytree(scenes_root / "PASCALContext", root / "PASCAL_MT")
    folder = root / "PASCAL_MT"
    parts = json.loads((folder / "ImageSets/Parts/train.txt").read_text())
    name = next(name for name, numbers in parts.items() if 15 in numbers)
    torn, gone = folder / f"human_parts/{name}.mat", folder / f"sal_distill/{name}.png"
    torn.write_bytes(torn.read_bytes()[:300])
    gone.unlink()
    status, values = check(root, "--json")
    assert status == 1
    assert {damage["file"] for damage in values["damaged"]} == {str(torn), str(gone)}
    assert "cannot be read as a .mat" in next(
        damage["reason"] for damage in values["damaged"] if damage["file"] == str(torn)
    )


def test_a_folder_of_labels_that_is_not_there_is_named(check, scenes_root, tmp_path, capsys):
    folder = tmp_path / "data/PASCALContext"
    shutil.copytree(scenes_root / "PASCALContext", folder)
    shutil.rmtree(folder / "sal_distill")
    status, _ = check(folder.parent)
    assert status == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert f"no dataset of the cfg has labels for saliency; {folder / 'sal_distill'} is not" in line
    assert check(folder.parent, "--tasks", "seg", "edge")[0] == 0


def test_the_numbers_of_nyud_v2_are_known():
    for name in ("NYUD_MT", "NYUDv2"):
        expected = DATASETS[name].expected
        assert set(expected["train"].values()) == {795}
        assert set(expected["test"].values()) == {654}
        assert "edge" in expected["train"]
