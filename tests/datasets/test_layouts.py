"""Rendered NYUDv2, NYUv2, PASCALContext, COCO and both Cityscapes: what is read of their files is
the scene."""

import json

import numpy as np
import pytest
from pycocotools import mask as reference

from datasets import DATASETS
from datasets.formats.coco_file import CocoAnnotations
from datasets.formats.images import read_image
from datasets.scenes import CLASSES, LAYOUTS, render, write
from datasets.scenes.room import focal_length
from tests.labels import read_split, tasks_of
from utils.errors import DataError

OTHERS = ("NYUDv2", "NYUv2", "PASCALContext", "COCO", "Cityscapes", "Cityscapes_MTAN")
SIZE = (48, 64)
COUNTS = {"train": 8, "val": 2, "size": SIZE, "seed": 3}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rendered")
    write(folder, OTHERS, processes=1, **COUNTS)
    return folder


def read_back(root, name, kind):
    """Every scene, with what a task reads of it, in the order of the list."""
    jobs = iter(sorted(LAYOUTS[name].jobs(COUNTS["train"], COUNTS["val"]), key=order))
    for split in ("train", "test"):
        source = read_split(name, root, split)
        (task,) = tasks_of([kind], [source], max_depth=80.0)
        for sample in source.samples:
            job = next(jobs)
            assert job.name in str(sample.image)
            scene = render(COUNTS["seed"], job.scene, SIZE)
            image = read_image(sample.image).astype(int)
            assert np.abs(image - scene.image).mean() < 8  # what JPEG loses
            yield scene, task, sample.labels[kind].read(SIZE)


def order(job):
    return job.part.startswith("val"), int(job.name) if job.name.isdigit() else job.name


def classes_of(scene, names):
    """(H, W) bool: the pixels of a scene that are of these of its classes."""
    return np.isin(scene.classes, [CLASSES.index(name) for name in names])


@pytest.mark.parametrize("name", OTHERS)
def test_every_file_is_of_an_image_and_every_image_another(root, name):
    used, images = set(), []
    for split, count in (("train", 8), ("test", 2)):
        samples = read_split(name, root, split).samples
        assert len(samples) == count
        images += [sample.image.read_bytes() for sample in samples]
        used |= {sample.image for sample in samples}
        used |= {label.file for s in samples for label in s.labels.values()}
    assert len(set(images)) == len(images)
    there = {path for path in (root / DATASETS[name].folder).rglob("*") if path.is_file()}
    others = {p for p in there - used if p.suffix != ".txt" and "camera" not in p.name}
    assert {p for p in others if p.parent.name != "human_parts"} == set()  # of nobody
    assert used <= there


def test_nyuv2_holds_classes_depth_and_normals(root):
    inner = (slice(1, -1), slice(1, -1))
    for scene, task, mask in read_back(root, "NYUv2", "segmentation"):
        assert (mask[0] == 255).all()  # the outermost pixels are void
        for name, kinds in {
            "wall": ("wall", "door"),
            "tv": ("tvmonitor",),
            "bed": ("bed",),
        }.items():
            result = mask == task.classes.index(name)
            np.testing.assert_array_equal(result[inner], classes_of(scene, kinds)[inner])
    for scene, _, depth in read_back(root, "NYUv2", "depth"):
        assert not depth[0].any()
        np.testing.assert_array_equal(depth[inner], scene.depth[inner])
    for scene, _, normals in read_back(root, "NYUv2", "normal"):
        np.testing.assert_allclose(normals, scene.normals, atol=1e-5)


def test_nyudv2_holds_everything_of_every_image_in_png_but_depth(root):
    for scene, task, mask in read_back(root, "NYUDv2", "segmentation"):
        for name, kind in {"wall": "wall", "floor mat": "rug", "television": "tvmonitor"}.items():
            np.testing.assert_array_equal(
                mask == task.classes.index(name), classes_of(scene, [kind])
            )
    for scene, _, depth in read_back(root, "NYUDv2", "depth"):
        np.testing.assert_array_equal(depth, scene.depth)
    for scene, _, normals in read_back(root, "NYUDv2", "normal"):
        np.testing.assert_allclose(normals, scene.normals, atol=0.01)
    for scene, _, edges in read_back(root, "NYUDv2", "edge"):
        for y, x in np.argwhere(edges[:-1, :-1] == 1):  # something else begins beside or below
            around = {tuple(pixel(scene, y + i, x + j)) for i, j in ((0, 0), (0, 1), (1, 0))}
            assert len(around) > 1
        assert 0.01 < edges.mean() < 0.3
    files = (root / "NYUDv2").rglob("*.*")
    assert {(f.parent.name, f.suffix) for f in files} == {
        *((name, ".png") for name in ("images", "segmentation", "normals", "edge")),
        ("depth", ".npy"),
        ("gt_sets", ".txt"),
    }


def pixel(scene, y, x):
    return scene.classes[y, x], scene.instances[y, x]


PEOPLE = ("cabinet", "bookshelf", "lamp")


def test_pascal_context_holds_voc_s_classes_and_normals_of_8_bits(root):
    for scene, task, mask in read_back(root, "PASCALContext", "segmentation"):
        for name in ("sofa", "chair", "tvmonitor"):
            np.testing.assert_array_equal(
                mask == task.classes.index(name), classes_of(scene, [name])
            )
        np.testing.assert_array_equal(
            mask == task.classes.index("person"), classes_of(scene, PEOPLE)
        )
    for scene, _, normals in read_back(root, "PASCALContext", "normal"):
        none = classes_of(scene, ["window", "pottedplant"])  # NYU has no pottedplants
        assert not normals[none].any()
        np.testing.assert_allclose(normals[~none], scene.normals[~none], atol=0.01)


def test_pascal_context_holds_edges_between_its_classes(root):
    for scene, _, edges in read_back(root, "PASCALContext", "edge"):
        same = np.pad(scene.classes, 1, mode="reflect")
        shifted = (same[:-2, 1:-1], same[2:, 1:-1], same[1:-1, :-2], same[1:-1, 2:])
        inside = np.all([other == scene.classes for other in shifted], axis=0)
        assert not edges[inside].any()
        assert 0.01 < edges.mean() < 0.3


def test_pascal_context_s_objects_are_salient(root):
    for scene, _, salient in read_back(root, "PASCALContext", "saliency"):
        np.testing.assert_array_equal(salient, scene.instances > 0)


def test_pascal_context_s_people_have_parts_and_other_images_no_label(root):
    people = 0
    for job in LAYOUTS["PASCALContext"].jobs(COUNTS["train"], COUNTS["val"]):
        scene = render(COUNTS["seed"], job.scene, SIZE)
        split = read_split("PASCALContext", root, "train" if job.part == "train" else "test")
        [sample] = [s for s in split.samples if s.image.stem == job.name]
        shown = classes_of(scene, PEOPLE)
        assert ("human_parts" in sample.labels) == shown.any()
        if shown.any():
            parts = sample.labels["human_parts"].read(SIZE)
            assert not parts[~shown].any()
            assert (parts[shown] > 0).mean() > 0.6
            rows = [np.argwhere(parts == number)[:, 0].mean() for number in (1, 2, 5, 6)]
            assert rows == sorted(rows)  # head, torso, upper and lower legs, from above
            people += 1
    assert 1 < people < COUNTS["train"] + COUNTS["val"]


def test_the_same_scene_is_the_same_mat(root, tmp_path):
    write(tmp_path, ["PASCAL_MT"], processes=1, **COUNTS)
    for file in (tmp_path / "PASCAL_MT").rglob("*"):
        if file.is_file():
            twin = root / "PASCALContext" / file.relative_to(tmp_path / "PASCAL_MT")
            assert file.read_bytes() == twin.read_bytes()


def test_cityscapes_holds_numbers_of_classes_and_depth_as_disparity(root):
    for scene, task, mask in read_back(root, "Cityscapes", "segmentation"):
        for name, kind in {"road": "floor", "sky": "ceiling", "car": "sofa"}.items():
            np.testing.assert_array_equal(
                mask == task.classes.index(name), classes_of(scene, [kind])
            )
        np.testing.assert_array_equal(mask == 255, classes_of(scene, ["window"]))
    for scene, _, depth in read_back(root, "Cityscapes", "depth"):
        none = classes_of(scene, ["window"])
        assert not depth[none].any()
        np.testing.assert_allclose(depth[~none], scene.depth[~none], rtol=0.005)


def test_cityscapes_instances_are_objects_of_classes_that_have_some(root):
    things = ["chair", "diningtable", "sofa", "bottle", "cabinet", "bed"]
    for scene, _, ids in read_back(root, "Cityscapes", "instance"):
        np.testing.assert_array_equal(ids > 0, classes_of(scene, things))
        for instance in np.unique(ids[ids > 0]):
            assert len(set(scene.instances[ids == instance])) == 1
        assert len(np.unique(ids[ids > 0])) == len(np.unique(scene.instances[ids > 0]))


def test_cityscapes_disparity_has_the_unit_of_published_figures(root):
    for scene, _, disparity in read_back(root, "Cityscapes", "disparity"):
        none = classes_of(scene, ["window"])
        assert not disparity[none].any()
        stored = disparity[~none] * 2729.068
        pixels = 0.2 * focal_length(SIZE) / scene.depth[~none]
        np.testing.assert_allclose((stored - 1) / 256, pixels, atol=0.5 / 256 + 1e-4)


def test_cityscapes_of_mtan_holds_7_classes_and_inverse_depth(root):
    for scene, task, mask in read_back(root, "Cityscapes_MTAN", "segmentation"):
        for name, kinds in {"flat": ["floor", "rug"], "sky": ["ceiling"]}.items():
            np.testing.assert_array_equal(
                mask == task.classes.index(name), classes_of(scene, kinds)
            )
        np.testing.assert_array_equal(mask == 255, classes_of(scene, ["window"]))
    for scene, _, inverse in read_back(root, "Cityscapes_MTAN", "inverse_depth"):
        none = classes_of(scene, ["window"])
        assert not inverse[none].any()
        np.testing.assert_allclose(inverse[~none], 1 / scene.depth[~none], rtol=1e-6)


NAMES = {
    "bottle": "bottle", "chair": "chair", "sofa": "couch", "pottedplant": "potted plant",
    "bed": "bed", "diningtable": "dining table", "tvmonitor": "tv", "bookshelf": "book",
}  # fmt: skip


def test_coco_holds_the_boxes_and_shelves_are_crowds(root):
    crowds = 0
    for scene, task, result in read_back(root, "COCO", "detection"):
        kinds = [CLASSES[kind] for kind in scene.box_classes]
        expected = [
            [*box, task.classes.index(NAMES[kind]), kind == "bookshelf"]
            for box, kind in zip(scene.boxes, kinds, strict=True)
            if kind in NAMES
        ]
        np.testing.assert_array_equal(result, np.reshape(expected, (-1, 6)))
        crowds += kinds.count("bookshelf")
    assert crowds > 0


def test_coco_masks_are_drawn_of_outlines(root):
    agree = []
    for scene, task, mask in read_back(root, "COCO", "segmentation"):
        truth = np.zeros(SIZE, int)
        for kind, name in NAMES.items():
            truth[classes_of(scene, [kind])] = task.classes.index(name)
        truth[classes_of(scene, ["bookshelf"])] = 255
        agree.append((mask == truth).mean())
        # An outline has no holes: what is seen through an object is taken for it, and no less.
        assert ((mask == truth) | (mask != 0)).all()
    assert np.mean(agree) > 0.97


@pytest.mark.filterwarnings("ignore:__array__")
def test_coco_s_own_tools_read_the_outlines_alike(root):
    """pycocotools' masks, but for pixels whose centre an outline touches."""
    content = json.loads((root / "mscoco/annotations/instances_train2017.json").read_bytes())
    compared = 0
    annotations = CocoAnnotations.load(root / "mscoco/annotations/instances_train2017.json")
    for sample in read_split("COCO", root, "train").samples:
        image = int(sample.image.stem)
        stored = [entry for entry in content["annotations"] if entry["image_id"] == image]
        outlines = annotations.image(sample.labels["detection"].row).outlines(SIZE)
        for entry, ours in zip(stored, outlines, strict=True):
            runs = reference.frPyObjects(entry["segmentation"], *SIZE)
            theirs = reference.decode(runs if entry["iscrowd"] else reference.merge(runs))
            allowed = 0 if entry["iscrowd"] else 1 + 0.02 * ours.sum()
            assert (ours != theirs.astype(bool)).sum() <= allowed
            compared += 1
    assert compared > 10


def test_an_existing_coco_is_refused_by_the_name_of_its_folder(root):
    with pytest.raises(DataError, match="mscoco is already there"):
        write(root, ["COCO"], processes=1, **COUNTS)
