"""Images to files, by the command line; the files are read again as labels."""

import json
import os
import signal

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps
from pycocotools.coco import COCO

from datasets.formats.images import read_image
from engine import predict
from engine.modes.predict.session import Session
from tests.killing import before_call, run_in_fork
from tests.labels import custom_dataset

IMAGES = {"a.png": (90, 61), "b.png": (48, 64), "c.png": (20, 100)}


def everything(folder):
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.*")}


def listed(folder):
    return json.loads((folder / "predictions.json").read_text())


@pytest.fixture(scope="module")
def predicted(tmp_path_factory, run_of_network, image):
    """A folder `in` of images, and `out` with all that is saved of them."""
    import train_test

    root = tmp_path_factory.mktemp("predicted")
    (root / "in").mkdir()
    for seed, (name, size) in enumerate(IMAGES.items()):
        cv2.imwrite(str(root / "in" / name), image(seed, size))
    words = [
        "--mode",
        "predict",
        "--ckpt",
        run_of_network,
        "--threshold",
        "0.2",
        "--batch_size",
        "1",
    ]
    words += ["--input", root / "in", "--output", root / "out", "--device", "cpu"]
    assert train_test.main([str(word) for word in words]) == 0
    return root


@pytest.fixture(scope="module")
def by_library(predicted, network):
    """What the library predicts of each image."""
    return {name: predict(*network, read_image(predicted / "in" / name)) for name in IMAGES}


def labels(predicted, network, **sources):
    """What the program reads from the files, as labels of the images: by name."""
    tasks = {task.name: task for task in network[1]}
    words = {"images": "in/*.png", "split": "0.5", **sources}
    if "detection" in sources:
        words["detection_classes"] = tasks["detection"].classes
    if "segmentation" in sources:
        words["segmentation_classes"] = tasks["segmentation:NYUD_MT"].classes
    data = custom_dataset("predicted", root=str(predicted), **words)
    samples = [s for part in ("train", "test") for s in data.read(predicted, part).samples]
    assert {sample.image.name for sample in samples} == set(IMAGES)
    return {
        sample.image.name: {task: label.read(IMAGES[sample.image.name]) for task, label in
                            sample.labels.items()}
        for sample in samples
    }  # fmt: skip


@pytest.mark.parametrize(
    ("task", "name", "source", "tolerance"),
    [
        ("segmentation", "segmentation:NYUD_MT", "out/segmentation-NYUD_MT/maps/*.png", 0),
        ("depth", "depth", "out/depth/png/*.png", 6e-4),
        ("depth", "depth", "out/depth/npy/*.npy", 0),
        ("normal", "normal", "out/normal/png/*.png", 8e-3),
        ("normal", "normal", "out/normal/npy/*.npy", 1e-6),
    ],
)
def test_maps_read_again_are_what_the_library_predicts(
    predicted, by_library, network, task, name, source, tolerance
):
    for image, targets in labels(predicted, network, **{task: source}).items():
        expected = by_library[image][name]
        assert targets[task].shape[:2] == IMAGES[image]
        np.testing.assert_allclose(targets[task], expected, atol=tolerance, rtol=0)
        assert expected.std() > 0, "a constant could be anything"


@pytest.mark.parametrize("source", ["instances.json", "yolo/*.txt", "voc/*.xml"])
def test_boxes_read_again_are_what_the_library_predicts(predicted, by_library, network, source):
    read = labels(predicted, network, detection=f"out/detection/{source}")
    for image, targets in read.items():
        expected = by_library[image]["detection"]
        expected = expected[expected[:, 6] >= 0.2]
        assert len(expected), "boxes of no image could be anything"
        np.testing.assert_allclose(targets["detection"], expected[:, :6], atol=0.011)


def test_cocos_own_tools_read_instances_and_results(predicted, by_library, capsys):
    folder = predicted / "out/detection"
    coco = COCO(folder / "instances.json")
    results = coco.loadRes(str(folder / "results.json"))
    for entry in coco.loadImgs(coco.getImgIds()):
        expected = by_library[entry["file_name"]]["detection"]
        scores = [a["score"] for a in results.loadAnns(results.getAnnIds(entry["id"]))]
        assert scores == pytest.approx(expected[:, 6].tolist(), abs=1e-5), "all, whatever the score"
        shown = coco.loadAnns(coco.getAnnIds(entry["id"]))
        assert [a["score"] for a in shown] == pytest.approx([s for s in scores if s >= 0.2])


def test_pictures_have_the_size_of_their_image(predicted, network):
    for name, size in IMAGES.items():
        file = name.replace(".png", ".jpg")
        for task in network[1]:
            folder = predicted / "out" / task.name.replace(":", "-") / "pictures"
            assert cv2.imread(str(folder / file)).shape[:2] == size
        sheet = cv2.imread(str(predicted / "out/sheets" / file))
        assert sheet.shape[1] > 3 * 320, "six tiles, three in a row"


def test_the_palette_of_a_mask_has_the_colours_of_the_pictures(predicted):
    mask = Image.open(predicted / "out/segmentation-VOC/maps/b.png")
    assert mask.mode == "P"
    assert len(mask.convert("RGB").getcolors()) == len(mask.getcolors()) > 1


def test_everything_is_listed(predicted):
    content = listed(predicted / "out")
    paths = {"predictions.json", *content["files"]["detection"].values()}
    for entry in content["inputs"]:
        assert (entry["height"], entry["width"]) == IMAGES[os.path.basename(entry["input"])]
        paths.add(entry["sheet"])
        paths |= {path for files in entry["files"].values() for path in files.values()}
    assert paths == set(everything(predicted / "out"))
    assert content["complete"]
    assert content["failed"] == content["skipped"] == []


def test_a_photo_is_turned_as_the_camera_notes(tmp_path, put, image, predict_mode, network):
    photo = Image.fromarray(image(3, (40, 70)))
    exif = photo.getexif()
    exif[0x0112] = 6
    photo.save(tmp_path / "photo.jpg", exif=exif, quality=95)
    assert predict_mode(tmp_path / "photo.jpg", tmp_path / "out", "--save", "depth") == 0
    upright = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "photo.jpg")))
    depth = np.load(tmp_path / "out/depth/npy/photo.npy")
    assert depth.shape == upright.shape[:2] == (70, 40)
    np.testing.assert_allclose(depth, predict(*network, upright)["depth"], atol=0.05)


def test_a_damaged_file_is_named_and_the_others_are_done(
    tmp_path, put, image, predict_mode, capsys
):
    put(tmp_path / "in/a.png", image())
    (tmp_path / "in/b.png").write_bytes((tmp_path / "in/a.png").read_bytes()[:200])
    put(tmp_path / "in/sub/c.png", image())
    assert predict_mode(tmp_path / "in", tmp_path / "out", "--save", "maps") == 1
    captured = capsys.readouterr()
    assert "in/b.png: cannot be read as an image" in captured.err
    assert captured.err.count("\n") == 1
    assert "2 images predicted, 1 input failed" in captured.out
    content = listed(tmp_path / "out")
    assert [os.path.basename(entry["input"]) for entry in content["inputs"]] == ["a.png", "c.png"]
    assert [entry["input"] for entry in content["failed"]] == [str(tmp_path / "in/b.png")]
    assert (tmp_path / "out/segmentation-VOC/maps/sub/c.png").exists()


def test_images_of_one_name_do_not_overwrite_one_another(tmp_path, put, image, predict_mode):
    paths = [put(tmp_path / name, image(k)) for k, name in
             enumerate(["x/a.png", "y/a.png", "y/a.bmp"])]  # fmt: skip
    (tmp_path / "list.txt").write_text("# photos\nx/a.png\n\ny/a.png\ny/a.bmp\n")
    for source in (paths, tmp_path / "list.txt"):
        out = tmp_path / f"out{isinstance(source, list)}"
        assert predict_mode(source, out, "--save", "maps") == 0
        names = {path for path in everything(out) if path.startswith("segmentation-VOC")}
        assert names == {
            f"segmentation-VOC/maps/{name}.png" for name in ("x/a", "y/a.png", "y/a.bmp")
        }


def test_files_that_are_there_stay_unless_the_user_says_otherwise(
    tmp_path, put, image, predict_mode, capsys
):
    source, out = put(tmp_path / "a.png", image()), tmp_path / "out"
    assert predict_mode(source, out, "--save", "maps", "boxes") == 0
    before = {name: path.read_bytes() for name, path in everything(out).items()}
    (out / "detection/yolo/a.txt").unlink()
    put(source, image(7))
    capsys.readouterr()
    assert predict_mode(source, out, "--save", "maps", "boxes") == 1
    told = capsys.readouterr().err.splitlines()
    assert sorted(line.partition(": ")[0] for line in told) == sorted(
        str(out / name) for name in before if name != "detection/yolo/a.txt"
    )
    after = {name: path.read_bytes() for name, path in everything(out).items()}
    assert after.pop("detection/yolo/a.txt") != before.pop("detection/yolo/a.txt")
    assert after == before
    assert predict_mode(source, out, "--save", "maps", "boxes", "--overwrite") == 0
    replaced = {name: path.read_bytes() for name, path in everything(out).items()}
    assert all(replaced[name] != before[name] for name in before if "predictions" not in name)


def test_a_signal_ends_it_in_order(tmp_path, put, image, run_of_network):
    for number in range(12):
        put(tmp_path / f"in/{number}.png", image(number))
    argv = ["--mode", "predict", "--ckpt", run_of_network, "--input", tmp_path / "in"]
    argv += ["--output", tmp_path / "out", "--save", "depth", "--device", "cpu"]
    ended = run_in_fork(
        argv,
        setup=lambda: before_call(Session, "count", lambda: os.kill(os.getpid(), signal.SIGINT), 3),
    )
    assert ended.status == 130, ended.err
    assert "stopped by SIGINT" in ended.err
    content = listed(tmp_path / "out")
    assert not content["complete"]
    assert 0 < len(content["inputs"]) < 12
    assert not list(tmp_path.rglob("*.tmp"))
    for entry in content["inputs"]:
        assert np.load(tmp_path / "out" / entry["files"]["depth"]["npy"]).shape == (90, 61)


@pytest.mark.slow  # a signal, above, takes the same way out of most places
def test_a_kill_leaves_no_half_file(tmp_path, put, image, run_of_network):
    for number in range(4):
        put(tmp_path / f"in/{number}.png", image(number))
    argv = ["--mode", "predict", "--ckpt", run_of_network, "--input", tmp_path / "in"]
    argv += ["--output", tmp_path / "out", "--save", "depth", "--device", "cpu"]
    assert run_in_fork(argv, after=6).status == -signal.SIGKILL
    arrays = list((tmp_path / "out").rglob("*.npy"))
    assert all(np.load(path).shape == (90, 61) for path in arrays)
    assert run_in_fork([*argv, "--overwrite"]).status == 0
    assert len(everything(tmp_path / "out")) == 1 + 2 * 4, "and nothing half written"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--input", "nowhere.jpg", "--output", "out"], "--input: there is no file or folder now"),
        (["--input", "empty", "--output", "out"], "--input: there is no image and no video in em"),
        (["--input", "empty", "--output", "empty"], "--output: empty is the folder of the input"),
        (["--input", "a.png", "b.png", "0", "--output", "out"], "0 is a camera or a stream, and"),
        (["--input", "a.png"], "predict needs output"),
        (["--output", "out"], "predict needs input"),
        (["--input", "a.png", "--output", "out", "--save", "map"], "did you mean maps?"),
        (["--input", "a.png", "--output", "a.png/x"], "--output: a.png/x: cannot be made"),
    ],
)
def test_mistakes_are_told_in_one_line(
    tmp_path, put, image, run_of_network, monkeypatch, capsys, words, says
):
    import train_test

    put(tmp_path / "a.png", image())
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    argv = ["--mode", "predict", "--ckpt", str(run_of_network / "best.pt"), "--device", "cpu"]
    assert train_test.main([*argv, *words]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == 1
    assert sorted(os.listdir(tmp_path)) == ["a.png", "empty"], "nothing is written"
