"""Damaged files of every kind: each is read, or refused in one line that names it."""

import base64
import io
import json
import random
import resource
import shutil
from dataclasses import replace

import numpy as np
import OpenEXR
import pytest
import tifffile
from PIL import Image
from scipy.io import savemat

from datasets import DATASETS
from datasets.formats import Label
from datasets.formats.coco_file import CocoAnnotations
from datasets.formats.coco_json import CocoBoxes, CocoMasks
from datasets.formats.colour_masks import ColourMask
from datasets.formats.decoding import BUDGET
from datasets.formats.depth_maps import DepthMap
from datasets.formats.distilled_normals import DistilledNormals
from datasets.formats.images import read_image
from datasets.formats.labelme import LabelmeBoxes, LabelmeMasks
from datasets.formats.panoptic import PanopticBoxes, PanopticMasks
from datasets.formats.yolo_text import YoloBoxes, YoloMasks
from tests.conftest import RENDERED_SIZE
from tests.fuzzing import damaged_bytes, damaged_text
from tests.labels import read_split
from utils.errors import DataError, UserError

TIMES = 40  # that each file is damaged

IMAGES = ("jpg", "png", "webp", "avif", "tiff", "bmp", "gif", "jp2", "ppm")
MASKS = ("png", "tiff", "bmp", "gif")
ARRAYS = ("npz", "tiff", "exr")
LABELS = (
    *(("VOC", "segmentation"), ("VOC", "detection"), ("NYU", "depth"), ("NYUD_MT", "depth")),
    *(("NYUD_MT", "normal"), ("NYUv2", "segmentation"), ("PASCAL_MT", "normal")),
    ("Cityscapes", "depth"),
    ("PASCAL_MT", "edge"),
    ("PASCAL_MT", "human_parts"),
)
LISTS = (
    ("VOC", "VOC2012/ImageSets/Main/trainval.txt"),
    ("NYU", "nyudepthv2_train_files_with_gt.txt"),
    ("NYUD_MT", "gt_sets/train.txt"),
    ("COCO", "annotations/instances_train2017.json"),
    ("PASCAL_MT", "ImageSets/Parts/train.txt"),
)
TEXTS = (".xml", ".json", ".txt")

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def survives(request):
    """Damages a file in many ways, and reads it: what is raised is one line, and names the file, or
    what it is said to."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def check(path, read, names=None):
        draw, stored, errors = random.Random(request.node.name), path.read_bytes(), []
        damage = damaged_text if path.suffix in TEXTS else damaged_bytes
        for _ in range(TIMES):
            path.write_bytes(damage(stored, draw))
            try:
                read()
            except UserError as error:
                errors.append(str(error))
        assert errors
        assert all(str(names or path) in error for error in errors)
        assert all(error.isprintable() and len(error) <= 600 for error in errors)
        taken = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert taken * 1024 < BUDGET

    return check


def sample(scenes_root, name, task_type):
    """An image of a rendered dataset with a label of that type."""
    samples = read_split(name, scenes_root, "train").samples
    return next(s for s in samples if task_type in s.labels)


@pytest.mark.parametrize("kind", IMAGES)
def test_images(survives, scenes_root, tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    Image.open(sample(scenes_root, "VOC", "detection").image).save(path)
    survives(path, lambda: read_image(path))


@pytest.mark.parametrize("kind", MASKS)
def test_masks(survives, scenes_root, tmp_path, kind):
    label = sample(scenes_root, "VOC", "segmentation").labels["segmentation"]
    path = tmp_path / f"a.{kind}"
    Image.open(label.file).save(path)
    survives(path, lambda: replace(label, files=(path,)).read(RENDERED_SIZE))


@pytest.mark.parametrize(("name", "task_type"), LABELS)
def test_labels(survives, scenes_root, tmp_path, name, task_type):
    stored = sample(scenes_root, name, task_type).labels[task_type]
    label = replace(stored, files=tuple(tmp_path / file.name for file in stored.files))
    for path in label.files:
        for file in stored.files:
            shutil.copy(file, tmp_path)
        survives(path, lambda: label.read(RENDERED_SIZE))


@pytest.mark.parametrize("kind", ARRAYS)
def test_depths_in_arrays(survives, tmp_path, kind):
    depth, path = np.random.default_rng(0).random(RENDERED_SIZE), tmp_path / f"a.{kind}"
    if kind == "npz":
        np.savez_compressed(path, depth)
    elif kind == "tiff":
        tifffile.imwrite(path, depth, compression="zlib")
    else:
        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        with OpenEXR.File(header, {"Z": depth.astype(np.float32)}) as file:
            file.write(str(path))
    label = Label(DepthMap(), (path,))
    survives(path, lambda: label.read(RENDERED_SIZE))


@pytest.mark.parametrize("packed", [False, True])
def test_mats(survives, tmp_path, packed):
    normals, classes = tmp_path / "a.png", tmp_path / "a.mat"
    Image.fromarray(np.full((*RENDERED_SIZE, 3), 128, np.uint8)).save(normals)
    savemat(classes, {"LabelMap": np.full(RENDERED_SIZE, 440, np.uint16)}, do_compression=packed)
    label = Label(DistilledNormals(), (normals, classes))
    survives(classes, lambda: label.read(RENDERED_SIZE))


@pytest.mark.parametrize("kind", ["boxes", "outlines"])
def test_yolo(survives, tmp_path, kind):
    path, rows = tmp_path / "a.txt", {"boxes": "1 0.5 0.5 0.25 0.25", "outlines": "1 0 0 1 0 1 1"}
    path.write_text(f"{rows[kind]}\n" * 3)
    formats = YoloBoxes(("a", "b")), YoloMasks(("a", "b"))
    label = Label(formats[kind == "outlines"], (path,))
    survives(path, lambda: label.read(RENDERED_SIZE))


@pytest.mark.parametrize("kind", ["png", "tiff", "bmp", "gif"])
def test_masks_of_colours(survives, scenes_root, tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    mask = Image.open(sample(scenes_root, "VOC", "segmentation").labels["segmentation"].file)
    (mask if kind == "gif" else mask.convert("RGB")).save(path)
    colours = sorted({colour for _, colour in mask.convert("RGB").getcolors()})
    words = tuple(",".join(map(str, colour)) for colour in colours)
    label = Label(ColourMask(tuple(map(str, colours)), colours=words), (path,))
    label.read(RENDERED_SIZE)
    survives(path, lambda: label.read(RENDERED_SIZE))


def test_tables_of_colours(survives, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("name,r,g,b\nsky,1,2,3\nroad,4,5,6\ncar,7,8,9\n")
    survives(path, lambda: ColourMask(("sky", "road"), colours=(str(path),)))


def test_coco(survives, scenes_root, tmp_path):
    """A short one, so that every value of it is damaged now and then."""
    path, file = tmp_path / "a.json", scenes_root / "mscoco/annotations/instances_train2017.json"
    stored = json.loads(file.read_text())
    shown = stored["annotations"][0] | {"segmentation": [[1, 2, 30, 4, 5, 36]]}
    images = [image for image in stored["images"] if image["id"] == shown["image_id"]]
    categories = [c for c in stored["categories"] if c["id"] == shown["category_id"]]
    content = {"images": images, "annotations": [shown], "categories": categories}
    path.write_text(json.dumps(content))

    def read():
        stored = CocoAnnotations.load(path)
        for format in (CocoBoxes, CocoMasks):
            for row in range(len(stored.names)):
                format(stored.classes, stored).label(row, path).read(RENDERED_SIZE)

    survives(path, read)


def test_panoptic(survives, tmp_path):
    """The JSON, and the PNG of its segments."""
    path, picture = tmp_path / "a.json", tmp_path / "a" / "1.png"
    picture.parent.mkdir()
    colours = np.zeros((*RENDERED_SIZE, 3), np.uint8)
    colours[:, 40:] = (7, 1, 0)
    Image.fromarray(colours).save(picture)
    height, width = RENDERED_SIZE
    segment = {"id": 263, "category_id": 5, "iscrowd": 0, "bbox": [40, 0, width - 40, height]}
    content = {
        "images": [{"id": 1, "file_name": "1.jpg", "height": height, "width": width}],
        "annotations": [{"image_id": 1, "file_name": "1.png", "segments_info": [segment]}],
        "categories": [{"id": 5, "name": "cup", "isthing": 1}],
    }
    path.write_text(json.dumps(content))

    def read():
        stored = CocoAnnotations.load(path)
        if stored.pngs is None:
            raise DataError(f"{path}: is not panoptic any more")
        for format in (PanopticBoxes, PanopticMasks):
            if label := format(stored.classes, stored).label(0, path):
                label.read(RENDERED_SIZE)

    survives(path, read, names=tmp_path)
    path.write_text(json.dumps(content))
    survives(picture, read)


@pytest.mark.parametrize("format", [LabelmeBoxes, LabelmeMasks])
def test_labelme(survives, tmp_path, format):
    path, file = tmp_path / "a.json", io.BytesIO()
    Image.fromarray(np.ones((4, 6), np.uint8)).save(file, "PNG")
    packed = base64.b64encode(file.getvalue()).decode()
    shapes = [
        {"label": "a", "points": [[1, 2], [30, 4], [5, 36]], "shape_type": "polygon"},
        {"label": "a", "points": [[1, 2], [30, 4]], "group_id": 1, "shape_type": "rectangle"},
        {"label": "a", "points": [[20, 20], [25, 20]], "group_id": 1, "shape_type": "circle"},
        {"label": "a", "points": [[3, 4], [8, 7]], "shape_type": "mask", "mask": packed},
    ]
    height, width = RENDERED_SIZE
    content = {"shapes": shapes, "imageData": None, "imageHeight": height, "imageWidth": width}
    path.write_text(json.dumps(content))
    survives(path, lambda: Label(format(("a",)), (path,)).read(RENDERED_SIZE))


@pytest.mark.parametrize(("name", "listed_in"), LISTS)
def test_lists(survives, scenes_root, tmp_path, name, listed_in):
    """What is wrong is in the list, or in the files that it names."""
    folder = tmp_path / DATASETS[name].folder
    shutil.copytree(scenes_root / DATASETS[name].folder, folder)
    survives(folder / listed_in, lambda: read_split(name, tmp_path, "train"), names=folder)
