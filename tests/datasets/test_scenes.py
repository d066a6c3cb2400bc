"""Rendered scenes: the labels are exact, and the files are what the readers expect."""

import runpy
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import datasets
from datasets.scenes import CLASSES, LAYOUTS, render, write
from datasets.scenes.arrangement import furnish
from datasets.scenes.classes import OBJECTS
from datasets.scenes.layouts import voc_mask
from datasets.scenes.raycast import cast
from datasets.scenes.room import focal_length
from datasets.scenes.shapes import BALL, BOX, CYLINDER, Solid, turn
from datasets.scenes.textures import plain
from tests.labels import read_split
from utils.errors import DataError

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "render_scenes.py"
SIZE = (60, 80)
COUNTS = {"train": 24, "val": 5, "size": (36, 48), "seed": 3}
PAPERS = ("VOC", "NYU", "NYUD_MT")
"""The datasets of the paper; `test_layouts.py` looks at the others."""


@pytest.fixture(scope="module")
def scenes():
    return [render(0, index, SIZE) for index in range(12)]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rendered")
    write(folder, PAPERS, processes=1, **COUNTS)
    return folder


def points_of(scene):
    """(H, W, 3): every pixel's point in the camera's frame, from its depth alone."""
    height, width = scene.depth.shape
    focal = focal_length((height, width))
    y, x = np.mgrid[:height, :width] + 0.5
    rays = np.stack([(x - width / 2) / focal, (y - height / 2) / focal, np.ones_like(x)], axis=2)
    return rays * scene.depth[..., None]


def files_of(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# The scenes


def test_a_scene_is_a_function_of_seed_and_index(scenes):
    again = render(0, 3, SIZE)
    for mine, other in zip(scenes[3], again, strict=True):
        assert mine.dtype == other.dtype
        np.testing.assert_array_equal(mine, other)
    assert not np.array_equal(again.image, render(0, 4, SIZE).image)
    assert not np.array_equal(again.image, render(1, 3, SIZE).image)


def test_maps_have_the_stated_types(scenes):
    for scene in scenes:
        assert (scene.image.shape, scene.image.dtype) == ((*SIZE, 3), np.uint8)
        assert (scene.classes.shape, scene.classes.dtype) == (SIZE, np.uint8)
        assert (scene.depth.shape, scene.depth.dtype) == (SIZE, np.float32)
        assert (scene.normals.shape, scene.normals.dtype) == ((*SIZE, 3), np.float32)
        assert scene.boxes.dtype == np.float32
        assert scene.boxes.shape == (len(scene.box_classes), 4) == (len(scene.difficult), 4)


def test_labels_are_those_of_the_ray_through_the_centre_of_a_pixel(scenes):
    # The middle one of 3 × 3 pixels of a larger picture is the same ray.
    large = render(0, 3, (3 * SIZE[0], 3 * SIZE[1]))
    same = large.classes[1::3, 1::3] == scenes[3].classes
    assert same.mean() > 0.999  # rounding may fall either way on an edge
    np.testing.assert_allclose(large.depth[1::3, 1::3][same], scenes[3].depth[same], rtol=1e-4)


def test_depth_is_that_of_a_room(scenes):
    depths = np.stack([scene.depth for scene in scenes])
    assert depths.min() > 0.5
    assert depths.max() < 9
    assert np.ptp(depths, axis=(1, 2)).min() > 1  # every picture has a near and a far


def test_floor_is_a_level_plane_below_the_camera(scenes):
    for scene in scenes:
        floor = scene.classes == CLASSES.index("floor")
        normals = scene.normals[floor]
        np.testing.assert_allclose(normals, normals[:1].repeat(len(normals), 0), atol=1e-5)
        height = -points_of(scene)[floor] @ normals[0]
        np.testing.assert_allclose(height, height[0], rtol=1e-4)
        assert 1.1 < height[0] < 1.7
        assert normals[0, 1] < -0.9  # up is against y
        assert normals[0, 2] < 0  # the camera looks down on it


def test_normals_are_unit_vectors_that_face_the_camera(scenes):
    for scene in scenes:
        np.testing.assert_allclose(np.linalg.norm(scene.normals, axis=2), 1, atol=1e-5)
        assert (scene.normals * points_of(scene)).sum(2).max() < 1e-3


def test_normals_agree_with_the_depth_around_them(scenes):
    errors = []
    for scene in scenes:
        points, normals = points_of(scene), scene.normals
        across = points[1:-1, 2:] - points[1:-1, :-2]
        down = points[2:, 1:-1] - points[:-2, 1:-1]
        measured = np.cross(down, across)
        measured /= np.linalg.norm(measured, axis=2, keepdims=True)
        cosine = (measured * normals[1:-1, 1:-1]).sum(2)
        flat = np.ones_like(cosine, bool)  # where all neighbours are of one class and one plane
        for dy, dx in ((0, 1), (2, 1), (1, 0), (1, 2)):
            window = (slice(dy, dy + cosine.shape[0]), slice(dx, dx + cosine.shape[1]))
            flat &= scene.classes[window] == scene.classes[1:-1, 1:-1]
            step = ((points[window] - points[1:-1, 1:-1]) * normals[1:-1, 1:-1]).sum(2)
            flat &= np.abs(step) < 2e-3
        assert flat.mean() > 0.4
        errors.append(np.degrees(np.arccos(np.clip(cosine[flat], -1, 1))))
    assert np.percentile(np.concatenate(errors), 98) < 2


def solid(shape, centre, half, axes=None):
    """A white solid."""
    axes = np.eye(3) if axes is None else axes
    return Solid(shape, np.array(centre), np.array(half), plain(np.ones(3)), axes=axes)


def test_curved_solids_have_the_normals_of_their_shape():
    ball = solid(BALL, [0.0, 3, 1], [0.5, 0.5, 0.5])
    pole = solid(CYLINDER, [0.0, 3, 1], [0.2, 0.2, 1])
    up = np.array([[0.0], [0], [1]], np.float32) * 0.5
    np.testing.assert_allclose(ball.normals(up), [[0], [0], [1]], atol=1e-6)
    side = np.array([[0.12], [0.16], [0.3]], np.float32)
    np.testing.assert_allclose(pole.normals(side), [[0.6], [0.8], [0]], atol=1e-5)


def test_boxes_are_the_visible_extent_of_each_object(scenes):
    for scene in scenes:
        assert set(np.unique(scene.instances)) - {0} == set(range(1, len(scene.boxes) + 1))
        for number, (box, kind) in enumerate(zip(scene.boxes, scene.box_classes, strict=True), 1):
            y, x = np.nonzero(scene.instances == number)
            assert box.tolist() == [x.min(), y.min(), x.max() + 1, y.max() + 1]
            assert (scene.classes[y, x] == kind).all()
        objects = np.isin(scene.classes, [CLASSES.index(name) for name in OBJECTS])
        np.testing.assert_array_equal(objects, scene.instances > 0)


def test_objects_are_few_and_large_and_of_every_class():
    scenes = [render(5, index, SIZE) for index in range(40)]
    assert all(1 <= len(scene.boxes) <= 5 for scene in scenes)
    boxes = np.concatenate([scene.boxes for scene in scenes])
    sides = (boxes[:, 2:] - boxes[:, :2]) / SIZE[0]
    assert 0.25 < np.median(sides) < 0.5
    kinds = {CLASSES[k] for scene in scenes for k in scene.box_classes}
    assert kinds == set(OBJECTS)
    difficult = np.concatenate([scene.difficult for scene in scenes])
    assert difficult.mean() < 0.1


# The ray caster, against its own solids without the shortcuts


@pytest.mark.parametrize("shape", [BOX, BALL, CYLINDER])
def test_a_ray_meets_a_solid_where_it_first_comes_inside(shape):
    rng = np.random.default_rng(0)
    axes = turn(0.7, 0.3)
    thing = solid(shape, [0.2, 0.1, 1], [0.5, 0.3, 0.8], axes)

    def scaled(vectors):
        return (axes @ vectors) / thing.half[:, None]

    def inside(points):  # (3, N), by the equation of the solid
        local = scaled(points - thing.centre[:, None])
        return np.all([(local[list(group)] ** 2).sum(0) < 1 for group in shape], axis=0)

    hits = 0
    for _ in range(20):
        origin = rng.normal(size=(3, 1)) * 3 + 2
        if inside(origin).any():
            continue
        way = thing.centre[:, None] + rng.normal(size=(3, 40)) * 0.5 - origin
        t = thing.hit(
            scaled(origin - thing.centre[:, None])[:, 0].astype(np.float32),
            scaled(way).astype(np.float32),
        )
        steps = np.linspace(0, 3, 3001)
        walked = np.stack([inside(origin + step * way) for step in steps])
        first = np.where(walked.any(0), steps[walked.argmax(0)], np.inf)
        assert np.isclose(t, first, rtol=0, atol=2e-3).mean() > 0.9  # a step may pass over a corner
        assert not (np.isinf(t) & (walked.sum(0) > 3)).any()
        hits += np.isfinite(t).sum()
    assert hits > 100


def test_no_window_leaves_a_hit_out():
    for index in range(4):
        room = furnish(np.random.default_rng(index))
        hits = cast(room, SIZE)
        rays = hits.rays.reshape(3, -1)
        parts = [part for thing in room.objects for part in thing.solids]
        scaled = [part.axes / part.half[:, None] for part in parts]
        t = [
            part.hit(
                (axes @ (room.camera.position - part.centre)).astype(np.float32),
                (axes @ rays).astype(np.float32),
            )
            for part, axes in zip(parts, scaled, strict=True)
        ]
        np.testing.assert_allclose(hits.depth.ravel(), np.min(t, axis=0), rtol=1e-4)


# The files


def test_layouts_have_the_imbalance_of_the_real_datasets(root):
    result = {}
    for name in PAPERS:
        for split in ("train", "test"):
            samples = read_split(name, root, split).samples
            result[name, split] = (len(samples), sum("segmentation" in s.labels for s in samples))
    assert result == {
        ("VOC", "train"): (15, 10),
        ("VOC", "test"): (5, 3),
        ("NYU", "train"): (24, 0),
        ("NYU", "test"): (5, 0),
        ("NYUD_MT", "train"): (24, 24),
        ("NYUD_MT", "test"): (5, 5),
    }


def test_every_file_on_disk_is_in_a_list(root):
    for name in PAPERS:
        listed = set()
        for split in ("train", "test"):
            for sample in read_split(name, root, split).samples:
                listed |= {sample.image, *(label.file for label in sample.labels.values())}
        assert {p for p in (root / name).rglob("*") if p.is_file() and p.suffix != ".txt"} == listed


def test_no_image_is_used_twice(root):
    images = [image.read_bytes() for image in root.rglob("*.jpg")]
    assert len(images) == 15 + 5 + 2 * (24 + 5) == len(set(images))


@pytest.mark.parametrize(("train", "val"), [(1, 1), (2, 1), (3, 7), (480, 100)])
def test_voc_always_has_every_part(train, val):
    parts = [job.part for job in LAYOUTS["VOC"].jobs(train, val)]
    for part in ("VOC2007/trainval", "VOC2007/test", "VOC2012/train", "VOC2012/val"):
        assert part in parts
    tested = sum(part.endswith(("/test", "/val")) for part in parts)
    assert tested == max(2, val)
    if train > 10:
        assert len(parts) - tested == round(train * 15 / 24)


def jobs_of(name):
    for job in LAYOUTS[name].jobs(COUNTS["train"], COUNTS["val"]):
        yield job, render(COUNTS["seed"], job.scene, COUNTS["size"])


def test_voc_boxes_and_masks_are_those_of_the_scene(root):
    voc = datasets.voc.CLASSES["segmentation"]
    for job, scene in jobs_of("VOC"):
        folder = root / "VOC" / job.part.split("/")[0]
        xml = ET.parse(folder / "Annotations" / f"{job.name}.xml").getroot()
        assert xml.findtext("size/width") == "48"
        assert xml.findtext("size/height") == "36"
        stored = [
            (
                item.findtext("name"),
                [int(item.findtext(f"bndbox/{key}")) for key in ("xmin", "ymin", "xmax", "ymax")],
                item.findtext("difficult") == "1",
            )
            for item in xml.findall("object")
        ]
        expected = [
            (CLASSES[kind], (box + np.array([1, 1, 0, 0])).tolist(), bool(difficult))
            for box, kind, difficult in zip(
                scene.boxes, scene.box_classes, scene.difficult, strict=True
            )
            if CLASSES[kind] in voc
        ]
        assert stored == expected
        masks = list(folder.glob(f"SegmentationClass*/{job.name}.png"))
        assert len(masks) == (job.part in ("VOC2012/train", "VOC2012/aug", "VOC2012/val"))
        for file in masks:
            picture = Image.open(file)
            mask = np.asarray(picture)
            assert picture.mode == "P"
            assert picture.getpalette()[15 * 3 : 16 * 3] == [192, 128, 128]  # a person is pink
            named = [n if n in voc else "background" for n in CLASSES]
            truth = np.array([voc.index(n) for n in named])[scene.classes]
            np.testing.assert_array_equal(mask[mask != 255], truth[mask != 255])
            for number, (name, (x1, y1, x2, y2), difficult) in enumerate(stored):
                inner = mask[y1 - 1 : y2, x1 - 1 : x2]  # from 1, both ends in
                assert difficult or (inner == voc.index(name)).any(), number
            assert (mask == 255).mean() < 0.25


def test_voc_mask_is_void_on_borders_and_difficult_objects(scenes):
    scene = scenes[0]._replace(boxes=np.zeros_like(scenes[0].boxes))
    assert scene.difficult.all()
    named = np.isin(scene.classes, [CLASSES.index(name) for name in OBJECTS[:6]])
    assert named.any()
    assert (voc_mask(scene)[named] == 255).all()
    mask = voc_mask(scenes[0])
    left, right = mask[:, :-1], mask[:, 1:]
    touching = (left != right) & (left != 255) & (right != 255)
    assert not touching.any()


def test_nyu_depth_is_in_millimetres_with_holes(root):
    holes = []
    for job, scene in jobs_of("NYU"):
        room, number = job.name.split("/")
        file = root / "NYU" / job.part / room / f"sync_depth_{number}.png"
        stored = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        assert stored.dtype == np.uint16
        there = stored > 0
        np.testing.assert_allclose(stored[there] / 1000, scene.depth[there], atol=5.1e-4)
        holes.append(1 - there.mean())
    assert 0 < np.mean(holes) < 0.1
    line = (root / "NYU" / "nyudepthv2_train_files_with_gt.txt").read_text().split("\n")[0]
    assert line == "/room_0000/rgb_00000.jpg /room_0000/sync_depth_00000.png 45.6000"


def test_nyud_mt_holds_everything(root):
    folder = root / "NYUD_MT"
    for job, scene in jobs_of("NYUD_MT"):
        mask = np.asarray(Image.open(folder / "segmentation" / f"{job.name}.png"))
        for kind, number in {"wall": 1, "floor": 2, "chair": 5, "tvmonitor": 25}.items():
            np.testing.assert_array_equal(mask == number, scene.classes == CLASSES.index(kind))
        assert mask.min() >= 1
        assert mask.max() <= 40
        np.testing.assert_array_equal(np.load(folder / "depth" / f"{job.name}.npy"), scene.depth)
        normals = np.load(folder / "normals" / f"{job.name}.npy")
        np.testing.assert_array_equal(normals, scene.normals)
        image = np.asarray(Image.open(folder / "images" / f"{job.name}.jpg")).astype(int)
        assert np.abs(image - scene.image).mean() < 8  # what JPEG loses


def test_the_number_of_processes_changes_nothing(root, tmp_path):
    write(tmp_path, ["NYU"], processes=2, **COUNTS)
    assert files_of(tmp_path / "NYU") == files_of(root / "NYU")


def test_an_existing_folder_is_refused(root):
    before = files_of(root)
    with pytest.raises(DataError, match="NYU is already there"):
        write(root, ["NYU"], processes=1, **COUNTS)
    assert files_of(root) == before


def test_an_unknown_layout_is_refused(tmp_path):
    with pytest.raises(DataError, match="no layout NYUD: it is one of VOC, NYU, NYUD_MT"):
        write(tmp_path / "new", ["NYUD"], processes=1, **COUNTS)
    assert not (tmp_path / "new").exists()


def test_an_interrupted_render_leaves_nothing(tmp_path):
    def interrupt(done, **about):
        for number, each in enumerate(done):
            if number == 2:
                raise KeyboardInterrupt
            yield each

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, ["VOC"], processes=1, progress=interrupt, **COUNTS)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_render_leaves_no_dataset_and_no_process(tmp_path):
    words = ["--root", tmp_path, "--layout", "NYU", "--train", "5000", "--processes", "2"]
    child = subprocess.Popen([sys.executable, SCRIPT, *words], stderr=subprocess.PIPE)
    while not list(tmp_path.rglob("*.png")):
        assert child.poll() is None
        time.sleep(0.05)
    child.kill()
    child.communicate(timeout=30)  # the pipe closes when the last worker has ended, too
    assert not (tmp_path / "NYU").exists()


def run_script(*words, cwd):
    return subprocess.run([sys.executable, SCRIPT, *words], capture_output=True, text=True, cwd=cwd)


@pytest.fixture
def answer(tmp_path, monkeypatch, capsys):
    """Runs the script in this process, where it takes no second to import; returns its exit status
    and what it prints."""
    monkeypatch.chdir(tmp_path)

    def answer(*words):
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *words])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        return ended.value.code, *capsys.readouterr()

    return answer


def test_the_script_renders_from_anywhere(tmp_path):
    words = "--root data --layout NYUD_MT NYU --train 2 --val 1 --size 32 48 --seed 4 --processes 1"
    done = run_script(*words.split(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(read_split("NYUD_MT", tmp_path / "data", "train").samples) == 2
    assert len(read_split("NYU", tmp_path / "data", "test").samples) == 1
    again = run_script(*words.split(), cwd=tmp_path)
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr.startswith("error: ")
    assert again.stderr.count("\n") == 1
    assert "already there" in again.stderr


@pytest.mark.parametrize(
    "words", ["--layout KITTI", "--train 0", "--size 8 8", "--val many", "--train 3 --colour red"]
)
def test_the_script_answers_a_mistake_with_one_line(words, answer, tmp_path):
    status, _, error = answer("--root", str(tmp_path / "new"), *words.split())
    assert status == 2
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "words", ["--size 16 9999", "--train 1000001", "--val 1e3", "--processes 0"]
)
def test_the_script_refuses_numbers_that_no_computer_can_hold(words, answer, tmp_path):
    status, out, error = answer("--root", "data", *words.split())
    assert (status, out) == (2, "")
    assert error.startswith(f"error: argument {words.split()[0]}: ")
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())
