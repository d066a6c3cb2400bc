"""`--mode check`: what it counts, what it finds wrong, and the sheet of samples."""

import contextlib
import io
import json
import os
import re
import shutil
import signal
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import train_test
from datasets import DATASETS
from datasets.formats.depth_maps import DepthMap
from engine.modes.check.scan import ScanResult
from engine.modes.check.sheet import write_sheet
from tasks.depth import Depth
from tasks.detection import Detection
from tasks.segmentation import Segmentation
from tests.labels import read_split

ALL = """
[run]
tasks = seg det depth normal
[data]
train_dataset = VOC NYU NYUD_MT
num_workers = 0
"""
DENSE = ALL.replace("VOC NYU NYUD_MT", "NYUD_MT").replace("seg det", "seg")
BOXES = ALL.replace("VOC NYU NYUD_MT", "VOC").replace("seg det depth normal", "det")


@pytest.fixture(scope="module")
def checked(scenes_root, tmp_path_factory):
    """What a check of the rendered data, which are whole, has to say, and where its sheet is."""
    folder = tmp_path_factory.mktemp("checked")
    status, printed = run_check(folder, scenes_root, ALL, "--json")
    assert status == 0
    return json.loads(printed)


@pytest.fixture
def root(scenes_root, tmp_path):
    """A copy of the rendered data, to be damaged."""
    return shutil.copytree(scenes_root, tmp_path / "data")


@pytest.fixture
def check(root, tmp_path):
    """Checks that copy; returns the exit status and the object that is printed."""

    def check(text=ALL, *options):
        status, printed = run_check(tmp_path, root, text, "--json", *options)
        return status, json.loads(printed)

    return check


def run_check(folder, root, text, *options) -> tuple[int, str]:
    """Runs the check of a cfg in `folder`; returns the exit status and what is printed."""
    path = folder / "cfg" / "tiny.cfg"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    argv = [str(path), "--mode", "check", "--dataset_root", str(root)]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        status = train_test.main([*argv, "--runs", str(folder / "runs"), *options])
    return status, printed.getvalue()


def split(values: dict, dataset: str, part: str) -> dict:
    return next(s for s in values["splits"] if (s["dataset"], s["split"]) == (dataset, part))


def words(path: Path) -> list[str]:
    return path.read_text().split()


class TestWhole:
    """Data without a fault: every number is counted a second time, from the files alone."""

    def test_each_split_of_each_dataset_once(self, check):
        status, values = check(ALL, "--val", "NYU:test", "VOC:test", "NYUD_MT:test")
        assert status == 0
        assert values["damaged"] == []
        assert [(s["dataset"], s["split"]) for s in values["splits"]] == [
            (name, part) for name in ("VOC", "NYU", "NYUD_MT") for part in ("train", "test")
        ]
        assert split(values, "NYU", "train")["sizes"] == {
            "different": 1,
            "common": [{"size": [48, 64], "images": 16}],
            "heights": [48, 48],
            "widths": [64, 64],
        }
        assert [s["images"] for s in values["splits"]] == [10, 6, 16, 6, 16, 6]
        assert not any(s["notes"] + s["warnings"] for s in values["splits"])

    def test_classes_of_pixels(self, checked, scenes_root):
        folder = scenes_root / "VOC" / "VOC2012"
        held_out = words(folder / "ImageSets" / "Segmentation" / "val.txt")
        masks = [
            np.asarray(Image.open(path))
            for kind in ("SegmentationClass", "SegmentationClassAug")
            for path in (folder / kind).iterdir()
            if path.stem not in held_out
        ]
        pixels = np.bincount(np.concatenate([mask.ravel() for mask in masks]), minlength=256)
        told = split(checked, "VOC", "train")["tasks"]["segmentation"]
        assert told["labels"] == told["counted"] == len(masks)
        assert told["void"] == pixels[255] / pixels.sum()
        names = DATASETS["VOC"].labels["segmentation"]
        assert told["classes"] == {
            name: pixels[k] / pixels[:255].sum() for k, name in enumerate(names)
        }
        assert told["never"] == [name for k, name in enumerate(names) if not pixels[k]]

    def test_objects(self, checked, scenes_root):
        folder = scenes_root / "VOC"
        ids = [
            *[("VOC2007", name) for name in words(folder / "VOC2007/ImageSets/Main/test.txt")],
            *[("VOC2012", n) for n in words(folder / "VOC2012/ImageSets/Segmentation/val.txt")],
        ]
        files = [ET.parse(folder / year / "Annotations" / f"{name}.xml") for year, name in ids]
        objects = [item for file in files for item in file.iter("object")]
        told = split(checked, "VOC", "test")["tasks"]["detection"]
        assert told["labels"] == len(files)
        assert told["objects"] == len(objects) > 0
        assert told["difficult"] == sum(item.findtext("difficult") == "1" for item in objects)
        assert told["images_without_objects"] == sum(not list(f.iter("object")) for f in files)
        counts = Counter(item.findtext("name") for item in objects)
        assert {name: n for name, n in told["classes"].items() if n} == counts
        assert set(told["never"]) == set(DATASETS["VOC"].labels["detection"]) - set(counts)

    def test_depths(self, checked, scenes_root):
        files = sorted((scenes_root / "NYU" / "sync").rglob("*.png"))
        metres = np.stack([np.asarray(Image.open(path)) for path in files]) / 1000
        readings = metres[metres > 0]
        told = split(checked, "NYU", "train")["tasks"]["depth"]
        assert told["nearest"] == pytest.approx(readings.min())
        assert told["farthest"] == pytest.approx(readings.max())
        assert told["median"] == pytest.approx(np.median(readings), abs=0.01)
        assert told["without_reading"] == pytest.approx((metres == 0).mean())
        assert told["beyond_max_depth"] == 0

    def test_depths_beyond_the_farthest(self, check, root):
        for file in (root / "NYUD_MT" / "depth").iterdir():
            np.save(file, np.load(file) * 1000)  # in millimetres
        status, values = check(DENSE)
        train = split(values, "NYUD_MT", "train")
        assert status == 1
        assert "no label of the train set is usable for depth" in values["damaged"][0]["reason"]
        assert train["tasks"]["depth"]["beyond_max_depth"] == 1
        assert "are the depths in metres?" in train["notes"][0]

    def test_normals(self, check, root):
        files = [
            root / "NYUD_MT" / "normals" / f"{name}.npy"
            for name in words(root / "NYUD_MT" / "gt_sets" / "train.txt")
        ]
        normals = np.load(files[0])
        normals[:12] = 0  # a quarter has none
        normals[24:] *= 1.4  # half is longer
        np.save(files[0], normals)
        _, values = check(DENSE)
        told = split(values, "NYUD_MT", "train")["tasks"]["normal"]
        assert told["without_normal"] == pytest.approx(1 / 4 / len(files))
        assert told["not_of_unit_length"] == pytest.approx(1 / 2 / (len(files) - 1 / 4))

    def test_images_and_maps_of_other_sizes(self, check, root):
        folder = root / "NYUD_MT"
        first, second = words(folder / "gt_sets" / "val.txt")[:2]
        image = folder / "images" / f"{first}.jpg"
        Image.open(image).resize((100, 75)).save(image)
        mask = folder / "segmentation" / f"{second}.png"
        Image.open(mask).resize((56, 42), Image.Resampling.NEAREST).save(mask)
        status, values = check(DENSE)
        test = split(values, "NYUD_MT", "test")
        assert status == 0
        assert test["sizes"]["heights"] == [48, 75]
        assert test["sizes"]["widths"] == [64, 100]
        assert test["sizes"]["common"][0] == {"size": [48, 64], "images": 5}
        notes = dict(note.split(": ", 1) for note in test["notes"])
        assert list(notes) == ["segmentation", "depth", "normal"]
        assert notes["segmentation"].startswith("2 labels are of another size than the image")
        assert notes["depth"].startswith("1 label is of another size")
        assert notes["normal"].endswith(f"{first}.npy: 48×64 for an image of 75×100")

    def test_a_box_that_leaves_the_image_is_told_and_used(self, check, root, tmp_path):
        file = sorted((root / "VOC" / "VOC2007" / "Annotations").iterdir())[0]
        file.write_text(re.sub(r"<xmax>\d+", "<xmax>70", file.read_text(), count=1))
        status, values = check(BOXES)
        assert status == 0
        assert split(values, "VOC", "train")["tasks"]["detection"]["boxes_past_the_image"] == 1
        (warning,) = split(values, "VOC", "train")["warnings"]
        assert warning.startswith(f"{file}: a box of '")
        assert f"\n  {warning}\n" in run_check(tmp_path, root, BOXES)[1]

    def test_in_words(self, scenes_root, tmp_path):
        status, text = run_check(tmp_path, scenes_root, ALL)
        assert status == 0
        paragraphs = [paragraph.splitlines() for paragraph in text.split("\n\n")]
        assert paragraphs[-1] == ["every file can be read"]
        assert paragraphs[0][0] == "VOC train: 10 images (15,215 in the full data), 48×64"
        assert "  segmentation: 7 labels (10,477 in the full data)" in paragraphs[0]
        assert max(len(line) for line in paragraphs[0]) <= 100
        assert any(
            line.strip().startswith("never (1") and "aeroplane, bicycle" in line
            for line in paragraphs[0]
        )

    def test_images_that_the_cfg_does_not_use_are_left_alone(self, check, root, tmp_path):
        for file in (root / "VOC" / "VOC2007" / "JPEGImages").iterdir():
            file.write_bytes(b"")
        status, values = check(BOXES.replace("det", "seg"))
        assert status == 0, "2007 has no masks"
        assert [(s["images"], s["used"]) for s in values["splits"]] == [(10, 7), (6, 3)]
        text = run_check(tmp_path, root, BOXES.replace("det", "seg"))[1]
        assert "7 of them with labels of the cfg's tasks" in text

    def test_images_without_a_label_that_the_cfg_keeps_are_read(self, check, root):
        text = BOXES.replace("det", "seg")
        status, values = check(text, "--keep_unlabelled")
        assert status == 0
        assert [(s["images"], s["used"]) for s in values["splits"]] == [(10, 10), (6, 3)]
        files = list((root / "VOC" / "VOC2007" / "JPEGImages").iterdir())
        for file in files:
            file.write_bytes(b"")
        status, values = check(text, "--keep_unlabelled")
        assert status == 1
        assert len(values["damaged"]) == 3, "those that are trained on, and none of the tested"

    def test_the_disk_that_pseudo_labels_need(self, scenes_root, tmp_path):
        """Of images with a label for one of the tasks: three of VOC have boxes alone."""
        partial = ALL.replace("VOC NYU NYUD_MT", "VOC NYU").replace("seg det depth normal", "{}")

        def note(tasks, *options):
            options = ("--missing", "teacher", "--val", "test", "--json", *options)
            printed = run_check(tmp_path, scenes_root, partial.format(tasks), *options)[1]
            notes = json.loads(printed)["notes"]
            return [note for note in notes if note.startswith("missing = teacher")]

        assert note("seg depth") == [
            "missing = teacher: pseudo-labels for images without a label (segmentation 16, depth "
            f"7) take about 0.2 MB on the disk of {tmp_path / 'runs' / 'cache'}"
        ]
        assert note("seg") == [], "the network of a single task does not teach itself"
        assert note("depth normal", "--train_dataset", "NYUD_MT") == [
            "missing = teacher: every training image has a label for every task"
        ]

    def test_the_number_of_workers_changes_nothing(self, check, root):
        for name in words(root / "NYUD_MT" / "gt_sets" / "train.txt")[::3]:
            (root / "NYUD_MT" / "depth" / f"{name}.npy").write_bytes(b"")
        alone, together = (check(ALL, "--num_workers", n) for n in ("0", "2"))
        assert alone == together
        assert alone[0] == 1
        assert len(alone[1]["damaged"]) == 6


def rewrite(path: Path, pattern: str, new: str) -> None:
    """Changes the first place in a text file that matches."""
    text, times = re.subn(pattern, new, path.read_text(), count=1, flags=re.DOTALL)
    assert times == 1
    path.write_text(text)


class TestDamaged:
    def test_every_file_is_listed_with_the_reason(self, check, root):
        folder = root / "NYUD_MT"
        ids = words(folder / "gt_sets" / "train.txt")
        image, mask, depth, normal = (
            [folder / kind / f"{name}.{ending}" for name in ids]
            for kind, ending in (
                ("images", "jpg"), ("segmentation", "png"), ("depth", "npy"), ("normals", "npy")
            )
        )  # fmt: skip
        boxes = [
            root / "VOC" / "VOC2007" / "Annotations" / f"{name}.xml"
            for name in words(root / "VOC/VOC2007/ImageSets/Main/test.txt")
        ]
        wrong = {}

        image[0].write_bytes(image[0].read_bytes()[:-2])
        wrong[image[0]] = "cannot be read as an image"
        mask[1].write_bytes(b"")
        wrong[mask[1]] = "the file is empty"
        image[2].unlink()
        wrong[image[2]] = "missing"
        depth[2].unlink()
        wrong[depth[2]] = "missing"
        np.save(depth[3], np.ones((48, 64, 3), np.float32))
        wrong[depth[3]] = "(48, 64, 3)"
        np.save(normal[4], np.array([{}], object), allow_pickle=True)
        wrong[normal[4]] = "pickled objects"
        Image.open(image[5]).save(mask[5])
        wrong[mask[5]] = "colours"
        Image.fromarray(np.full((48, 64), 41, np.uint8)).save(mask[6])
        wrong[mask[6]] = "the value 41"
        rewrite(boxes[0], "<height>.*</height>", "")
        wrong[boxes[0]] = "size"
        rewrite(boxes[1], "(<object>.*?<name>)[a-z]+", r"\1throne")
        wrong[boxes[1]] = "unknown class 'throne'"
        rewrite(boxes[2], r"<xmin>\d+", "<xmin>nan")
        wrong[boxes[2]] = "'nan', not a number"

        status, values = check()
        assert status == 1
        told = {Path(damage["file"]): damage["reason"] for damage in values["damaged"]}
        assert set(told) == set(wrong)
        assert len(values["damaged"]) == len(wrong)
        assert [f for f, reason in wrong.items() if reason not in told[f]] == []
        assert all(str(file) not in told[file].partition("(")[0] for file in wrong)
        assert [s["damaged"] for s in values["splits"]] == [0, 3, 0, 0, 8, 0]
        # What can be read is counted all the same; a label whose image cannot be is not.
        train = split(values, "NYUD_MT", "train")["tasks"]
        assert {kind: task["labels"] for kind, task in train.items()} == dict.fromkeys(train, 16)
        counted = {kind: task["counted"] for kind, task in train.items()}
        assert counted == {"segmentation": 11, "depth": 13, "normal": 13}

    def test_a_box_beside_the_image(self, check, root):
        file = sorted((root / "VOC" / "VOC2007" / "Annotations").iterdir())[0]
        rewrite(file, r"<xmin>\d+(.*?)<xmax>\d+", r"<xmin>90\1<xmax>99")
        status, values = check(BOXES)
        assert status == 1
        (damage,) = values["damaged"]
        assert damage["file"] == str(file)
        assert "outside the image of 64 x 48" in damage["reason"]

    def test_in_words_by_file_at_the_end(self, root, tmp_path):
        files = sorted((root / "NYUD_MT" / "depth").iterdir())
        for file in files[:2]:
            file.unlink()
        status, text = run_check(tmp_path, root, DENSE)
        assert status == 1
        assert "\n  damaged: 2 files, named at the end\n" in text
        assert text.splitlines()[-3:] == [
            "missing, damaged or not what the dataset should hold: 2 files",
            f"  {files[0]}: the file is missing",
            f"  {files[1]}: the file is missing",
        ]

    def test_a_split_that_cannot_be_listed_leaves_the_others(self, check, root):
        file = root / "NYUD_MT" / "gt_sets" / "train.txt"
        file.write_bytes(b"")
        status, values = check(DENSE)
        assert status == 1
        assert [s["split"] for s in values["splits"]] == ["test"]
        (damage,) = values["damaged"]
        assert str(file) in damage["reason"]

    def test_the_lists_of_other_data_are_one_mistake_and_not_many(self, root, tmp_path, capsys):
        for name in ("train", "val"):
            (root / "NYUD_MT" / "gt_sets" / f"{name}.txt").write_text("9001\n9002\n")
        assert run_check(tmp_path, root, DENSE) == (2, "")
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert "train.txt" in error or "9001" in error
        assert error.count("\n") == 1

    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            (["--dataset_root", "nowhere"], "the dataset NYUD_MT is not there"),
            (["--tasks", "det"], "no dataset of the cfg has labels for detection"),
        ],
    )
    def test_where_nothing_can_be_read_it_is_a_mistake(
        self, scenes_root, tmp_path, capsys, options, complaint
    ):
        assert run_check(tmp_path, scenes_root, DENSE, "--json", *options) == (2, "")
        error = capsys.readouterr().err
        assert complaint in error
        assert error.count("\n") == 1
        assert not (tmp_path / "runs").exists()

    def test_a_worker_that_is_ended_from_outside_is_one_line(
        self, scenes_root, tmp_path, capsys, monkeypatch
    ):
        def fatal(*_):
            os.kill(os.getpid(), signal.SIGKILL)

        monkeypatch.setattr(DepthMap, "read", fatal)
        assert run_check(tmp_path, scenes_root, DENSE, "--num_workers", "2") == (2, "")
        error = capsys.readouterr().err
        assert re.search(r"too little memory.*--num_workers 1", error)
        assert error.count("\n") == 1


class TestSheet:
    def tiles(self, path) -> np.ndarray:
        """(rows, 6, 168, 224, 3): the pictures of a sheet with one split."""
        sheet = np.asarray(Image.open(path))[40:, 132:]
        rows = (sheet.shape[0] - 6) // 174
        return (
            sheet[: rows * 174, : 6 * 230]
            .reshape(rows, 174, 6, 230, 3)
            .swapaxes(1, 2)[:, :, :168, :224]
        )

    def test_a_row_of_images_and_one_for_each_task(self, checked, scenes_root):
        path = Path(checked["contact_sheet"])
        assert path.parts[-3:] == ("runs", "tiny", "check.png")
        rows = sum(1 + len(s["tasks"]) for s in checked["splits"])
        blocks = len(checked["splits"])
        assert Image.open(path).size == (132 + 6 * 230, rows * 174 + blocks * 46)

    def test_samples_are_shown_as_they_are(self, check, root):
        ids = words(root / "NYUD_MT" / "gt_sets" / "train.txt")
        (root / "NYUD_MT" / "depth" / f"{ids[0]}.npy").unlink()
        _, values = check(DENSE, "--test_dataset", "NYUD_MT", "--val", "test")
        sheet = np.asarray(Image.open(values["contact_sheet"]))
        first = sheet[40 : 40 + 168, 132 : 132 + 224].astype(float)
        stored = Image.open(root / "NYUD_MT" / "images" / f"{ids[1]}.jpg").resize((224, 168))
        assert np.abs(first - np.asarray(stored)).mean() < 5, "the first that can be read"
        depth = sheet[40 + 2 * 174 : 208 + 2 * 174, 132 : 132 + 224]
        assert depth.std() > 10

    def test_images_with_the_most_labels_are_preferred_and_no_label_is_grey(self, root, tmp_path):
        source = read_split("VOC", root, "train")
        unlabelled = replace(
            source, samples=tuple(replace(s, labels={}) for s in source.samples[:6])
        )
        result = ScanResult(unlabelled, "train", 6, [Depth()], {})
        result.read(range(6))
        tiles = self.tiles(write_sheet(tmp_path / "grey.png", [result]))
        assert tiles.shape[:2] == (2, 6)
        assert (tiles[1] == 200).all()
        assert tiles[0].std() > 20

        mixed = replace(source, samples=(*unlabelled.samples, *source.samples[-2:]))
        detection = Detection(classes=source.classes["detection"])
        result = ScanResult(mixed, "train", 8, [detection], {})
        result.read(range(8))
        tiles = self.tiles(write_sheet(tmp_path / "mixed.png", [result]))
        assert (tiles[:, 2:] == 255).all(), "two images have labels, and only they are shown"
        assert (tiles[:, :2] != 255).any(axis=(2, 3, 4)).all()

    def test_images_with_boxes_alone_are_shown_beside_those_with_masks_too(self, root, tmp_path):
        source = read_split("VOC", root, "train")
        tasks = [
            Detection(source.classes["detection"]),
            Segmentation(source.classes["segmentation"]),
        ]
        result = ScanResult(source, "train", len(source.samples), tasks, {})
        result.read(range(len(source.samples)))
        tiles = self.tiles(write_sheet(tmp_path / "sheet.png", [result]))
        assert tiles.shape[:2] == (3, 6)
        has_mask = [not (tile == 200).all() for tile in tiles[2]]
        assert has_mask == [True] * 3 + [False] * 3


OWN = """
[run]
tasks = det depth
[data]
train_dataset = yard
num_workers = 0
[dataset.yard]
images = *.jpg
detection = boxes.json
depth = *.npy
split = 0.25
"""


class TestOwnData:
    @pytest.fixture
    def root(self, tmp_path):
        """Eight images of a user's own, with boxes in a COCO JSON, and a depth map each."""
        folder = tmp_path / "data" / "yard"
        folder.mkdir(parents=True)
        for k in range(8):
            noise = np.random.default_rng(k).integers(0, 255, (40, 60, 3), np.uint8)
            Image.fromarray(noise).save(folder / f"{k}.jpg")
            np.save(folder / f"{k}.npy", np.full((40, 60), 1.0 + k, np.float32))
        images = [{"id": k, "file_name": f"{k}.jpg", "height": 40, "width": 60} for k in range(8)]
        box = {"category_id": 1, "iscrowd": 0}
        boxes = [{**box, "id": k, "image_id": k, "bbox": [5, 5, 20, 20]} for k in range(7)]
        boxes[3]["bbox"] = [50, 5, 20, 20]
        content = {"images": images, "categories": [{"id": 1, "name": "barrow"}]}
        (folder / "boxes.json").write_text(json.dumps({**content, "annotations": boxes}))
        return folder.parent

    def test_is_checked_like_any_other(self, check, root):
        status, values = check(OWN)
        assert status == 0
        parts = values["splits"]
        assert [(s["dataset"], s["split"]) for s in parts] == [("yard", "train"), ("yard", "test")]
        assert sum(s["images"] for s in parts) == 8
        boxes = [s["tasks"]["detection"] for s in parts]
        assert sum(told["classes"]["barrow"] for told in boxes) == 7
        assert sum(told["images_without_objects"] for told in boxes) == 1
        assert [warning for s in parts for warning in s["warnings"]] == [
            f"{root}/yard/boxes.json: 3.jpg: a box of 'barrow' reaches past the image and is "
            "clipped to it"
        ]
        assert max(s["tasks"]["depth"]["farthest"] for s in parts) == 8

    def test_what_was_decided_stands_apart(self, check, root):
        _, values = check(OWN)
        decided = values["splits"][0]["decided"]
        assert set(decided) == {"dataset", "detection", "depth"}
        assert decided["depth"]["unit"].startswith("1 m")
        assert "10 m" in decided["depth"]["range"]
        words = " ".join(run_check(root.parent, root, OWN)[1].split())
        assert f"decided: {'; '.join(f'{k}: {v}' for k, v in decided['depth'].items())}" in words

    def test_labels_without_an_image_are_told_and_the_status_is_1(self, check, root):
        np.save(root / "yard" / "stray.npy", np.ones((40, 60), np.float32))
        status, values = check(OWN)
        assert status == 1
        assert not values["damaged"]
        (entry,) = values["unmatched"]
        assert (entry["dataset"], entry["task"], entry["count"]) == ("yard", "depth", 1)
        assert entry["example"] == "stray.npy"
        said = run_check(root.parent, root, OWN)[1]
        assert "yard depth: 1 label belongs to no image, such as stray.npy" in said

    def test_depths_in_another_unit_are_no_data_to_train_on(self, check, root):
        for file in (root / "yard").glob("*.npy"):
            np.save(file, 1000 * np.load(file))
        status, values = check(OWN)
        assert status == 1
        (damage,) = values["damaged"]
        assert "no label of the train set is usable for depth" in damage["reason"]
        depth = values["splits"][0]["tasks"]["depth"]
        assert depth["nearest"] <= depth["median"] <= depth["farthest"]

    def test_a_size_that_turns_the_images(self, check):
        notes = check(OWN, "--size", "60", "40")[1]["splits"][0]["notes"]
        assert any("60 40 (height, width) turns most images" in note for note in notes)
        assert not any(
            "turns" in n for n in check(OWN, "--size", "40", "60")[1]["splits"][0]["notes"]
        )

    def test_a_size_that_lies_across_the_images(self, check):
        """Images of 40×60 that keep their aspect ratio at 60×40 lie on canvases of 90×60."""
        keep = ("--aspect", "keep", "--size", "60", "40")
        notes = check(OWN, *keep)[1]["splits"][0]["notes"]
        assert any(
            "60 40" in note and "padding takes 55.6 % of the pixels" in note for note in notes
        )
        assert not any("turns" in note for note in notes)
        assert not check(OWN, *keep[:3], "40", "40")[1]["splits"][0]["notes"]

    def test_a_camera_s_note_is_told(self, check, root):
        file = root / "yard" / "2.jpg"
        exif = Image.Exif()
        exif[274] = 6
        Image.open(file).save(file, exif=exif)
        notes = [note for part in check(OWN)[1]["splits"] for note in part["notes"]]
        assert any(note.startswith("1 image carries a camera's note") for note in notes)

    def test_few_images_to_validate_on(self, check):
        (note,) = check(OWN)[1]["notes"]
        assert note.startswith("few labelled images to validate on: 1 for detection, 1 for depth")
        assert not check(OWN, "--val", "test")[1]["notes"]

    def test_damage_is_named_once(self, check, root):
        image, depth = root / "yard" / "2.jpg", root / "yard" / "5.npy"
        image.write_bytes(image.read_bytes()[:-1])
        depth.write_bytes(depth.read_bytes()[:-1])
        status, values = check(OWN)
        assert status == 1
        assert {damage["file"] for damage in values["damaged"]} == {str(image), str(depth)}
        assert len(values["damaged"]) == 2

    def test_a_fault_in_a_line_is_told_with_its_number(self, check, root):
        for k in range(8):
            (root / "yard" / f"{k}.txt").write_text("0 0.5 0.5 0.25 0.25\n")
        (root / "yard" / "3.txt").write_text("0 0.5 0.5 0.25 0.25\n\n1 0.5 0.5 0.25 0.25\n")
        text = OWN.replace("boxes.json", "*.txt\nclasses = barrow")
        status, values = check(text)
        assert status == 1
        assert values["damaged"] == [
            {
                "file": str(root / "yard" / "3.txt"),
                "reason": "line 3: is of the class 1, and the classes are 0 barrow",
            }
        ]
