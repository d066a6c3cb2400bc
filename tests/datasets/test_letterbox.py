"""Images that keep their aspect ratio: where they and their labels come to lie, to the pixel."""

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from datasets.augment import Augmentation, generator
from datasets.base import Sample, Split
from datasets.cache import open_cache
from datasets.formats import Label
from datasets.formats.class_masks import ClassMask
from datasets.formats.depth_maps import DepthMap
from datasets.formats.normal_maps import NormalMap
from datasets.formats.voc_xml import VocXml
from datasets.framing import FRAMINGS
from datasets.loader import Loader, Loading
from datasets.merge import MultiTaskDataset
from tasks.depth import Depth
from tasks.segmentation import Segmentation
from tests.labels import read_split, tasks_of
from utils.canvas import Canvas

KINDS = ("segmentation", "detection", "depth", "normal")
SIZE, SOURCE = (640, 640), (375, 500)
PADDING = (9, 99, 199)
STILL = Augmentation(augmentation=FRAMINGS.choose("window", {"min_scale": 1.0, "max_scale": 1.0}))


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """An image of 375×500 with all labels; its box is (.2 .2 .6 .6) of it."""
    folder, rng = tmp_path_factory.mktemp("letterbox"), np.random.default_rng(0)
    height, width = SOURCE
    noise = cv2.GaussianBlur(rng.integers(0, 256, (*SOURCE, 3), dtype=np.uint8), (0, 0), 9)
    noise = np.ascontiguousarray(noise)
    vectors = rng.normal(size=(*SOURCE, 3))
    arrays = {
        "segmentation": rng.integers(0, 2, SOURCE, dtype=np.uint8),
        "depth": rng.uniform(1, 9, SOURCE).astype(np.float32),
        "normal": (vectors / np.linalg.norm(vectors, axis=2, keepdims=True)).astype(np.float32),
    }
    Image.fromarray(noise).save(folder / "image.png")
    Image.fromarray(arrays["segmentation"]).save(folder / "classes.png")
    np.save(folder / "depth.npy", arrays["depth"])
    np.save(folder / "normal.npy", arrays["normal"])
    (folder / "boxes.xml").write_text(  # VOC counts pixels from 1
        f"<annotation><size><width>{width}</width><height>{height}</height></size><object>"
        "<name>cat</name><bndbox><xmin>101</xmin><ymin>76</ymin><xmax>300</xmax><ymax>225</ymax>"
        "</bndbox></object></annotation>"
    )
    labels = {
        "segmentation": Label(ClassMask(("a", "b")), (folder / "classes.png",)),
        "detection": Label(VocXml(("cat",)), (folder / "boxes.xml",)),
        "depth": Label(DepthMap(), (folder / "depth.npy",)),
        "normal": Label(NormalMap(), (folder / "normal.npy",)),
    }
    classes = {"segmentation": ("a", "b"), "detection": ("cat",)}
    split = Split("one", (Sample(folder / "image.png", labels),), classes)
    return split, {"image": noise, **arrays}


def dataset(split, size=SIZE, **options):
    options = {"padding": PADDING, "aspect": "keep", **options}
    return MultiTaskDataset([split], tasks_of(KINDS, [split]), size, **options)


def padded(array, value, top=0):
    """The array on a canvas of 500×500."""
    canvas = np.empty((500, 500, *array.shape[2:]), array.dtype)
    canvas[...] = value
    canvas[top : top + 375] = array
    return canvas


def enlarged(array):
    """To 640×640 by the nearest pixels; no centre falls on an edge between two."""
    index = ((np.arange(640) + 0.5) * 500 / 640).astype(int)
    return array[index][:, index]


def test_in_validation_and_test_the_image_lies_at_the_top_left(labelled):
    split, arrays = labelled
    item = dataset(split)[0, 0]
    assert item["shown"] == (0, 0, 640, 480)
    for task, void in (("segmentation", 255), ("depth", 0), ("normal", 0)):
        expected = enlarged(padded(arrays[task], void))
        np.testing.assert_array_equal(item["targets"][task], expected, err_msg=task)
    np.testing.assert_allclose(item["targets"]["detection"], [[128, 96, 384, 288, 0, 0]])
    image = item["image"]
    assert (image[480:] == PADDING).all(), "a quarter"
    # The rest is the image, enlarged by itself: its last row is not blended with the padding.
    alone = cv2.resize(arrays["image"], (640, 480), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(image[:480], alone)


def test_stretched_it_fills_the_size(labelled):
    item = dataset(labelled[0], aspect="stretch")[0, 0]
    assert item["shown"] == (0, 0, 640, 640)
    assert (item["targets"]["segmentation"] != 255).all()


def test_in_training_it_lies_anywhere_with_its_labels(labelled):
    split, arrays = labelled
    data = dataset(split, augmentation=STILL)
    tops = []
    for epoch in range(80):
        item = data[epoch, 0]
        left, top, right, bottom = item["shown"]
        assert (left, right, bottom - top) == (0, 640, 480)
        tops.append(top)
        if epoch >= 10:
            continue
        outside = np.ones(SIZE, bool)
        outside[top:bottom] = False
        targets = item["targets"]
        for key, void in ((item["image"], PADDING), (targets["segmentation"], 255)):
            assert (key[outside] == np.array(void)).all()
        for task in ("depth", "normal"):
            assert (targets[task][outside] == 0).all()
        box = targets["detection"][0, :4]
        mirrored = box[0] != 128
        np.testing.assert_allclose(box[[0, 2]], [256, 512] if mirrored else [128, 384])
        np.testing.assert_allclose(box[[1, 3]], [top + 96, top + 288])
        inside = targets["segmentation"][top:bottom]
        inside = inside[:, ::-1] if mirrored else inside
        expected = enlarged(padded(arrays["segmentation"], 255))[:480]
        np.testing.assert_array_equal(inside, expected)
    tops = np.array(tops)
    assert tops.min() < 5
    assert tops.max() > 155
    assert abs(np.histogram(tops, 4, (0, 160))[0] / len(tops) - 1 / 4).max() < 0.12


def test_the_place_is_a_function_of_seed_pass_and_index(labelled):
    keep = {"augmentation": STILL}
    places = [
        [dataset(labelled[0], seed=seed, **keep)[epoch, 0]["shown"] for epoch in range(20)]
        for seed in (0, 0, 1)
    ]
    assert places[0] == places[1]
    assert places[0] != places[2]


def whole(batch):
    tensors = [batch.images, batch.shown, batch.colours, *batch.labelled.values()]
    for target in batch.targets.values():
        tensors += target if isinstance(target, list) else [target]
    return [tensor.numpy().tobytes() for tensor in tensors]


def test_it_is_the_same_for_any_number_of_workers_and_with_a_cache(scenes_root, tmp_path):
    """Images of 48×64 at 40×40."""
    splits = [read_split(name, scenes_root, "train") for name in ("VOC", "NYU")]
    tasks = tasks_of(("segmentation", "detection", "depth"), splits)
    epochs = []
    for workers, cache in ((0, None), (2, None), (0, open_cache("disk", tmp_path))):
        data = MultiTaskDataset(splits, tasks, (40, 40), Augmentation(), 3, cache, aspect="keep")
        loader = Loader(data, Loading(batch_size=4, num_workers=workers), training=True, seed=5)
        epochs.append([whole(batch) for batch in loader.epoch(1)])
    assert epochs[0] == epochs[1] == epochs[2]


def test_a_part_of_a_batch_and_an_empty_one_know_what_is_shown(labelled):
    data = dataset(labelled[0], augmentation=STILL)
    batch = data.collate([data[epoch, 0] for epoch in range(3)])
    assert batch.shown.shape == (3, 4)
    assert torch.equal(batch.first(2).shown, batch.shown[:2])
    assert torch.equal(batch.to(torch.device("cpu")).shown, batch.shown)
    assert data.empty_batch().shown.shape == (0, 4)


class TestWindow:
    """The window is one of the padded image."""

    @pytest.mark.parametrize(
        ("source", "size"),
        [((375, 500), (64, 64)), ((500, 375), (48, 64)), ((30, 600), (64, 64)), ((9, 9), (32, 64))],
    )
    def test_what_is_shown_is_where_there_are_labels(self, source, size):
        """And every pixel has the label of its place, also where next to nothing is shown."""
        rng = np.random.default_rng(1)
        classes = rng.integers(0, 200, source).astype(np.uint8)
        depth = rng.uniform(1, 2, source).astype(np.float32)
        for index in range(60):
            rng = generator(0, 0, index)
            canvas = Canvas.padded(source, size, rng.random(2))
            warp = Augmentation().warp(rng, canvas, size)
            assert warp.crop is not None, "the fast way"
            x1, y1, x2, y2 = warp.crop.shown(size[1])
            assert 0 <= x1 < x2 <= size[1]
            assert 0 <= y1 < y2 <= size[0]
            inside = np.zeros(size, bool)
            inside[y1:y2, x1:x2] = True
            mask = Segmentation(("",) * 200).warp(classes, warp)
            np.testing.assert_array_equal(mask != 255, inside)
            moved = Depth().warp(depth, warp)
            np.testing.assert_array_equal(moved > 0, inside)
            y, x = np.nonzero(inside)
            places = np.linalg.solve(
                warp.matrix[:, :2], np.stack([x, y]) + 0.5 - warp.matrix[:, 2:]
            )
            clear = (np.abs(places - np.rint(places)) > 1e-6).all(axis=0)
            column, row = np.floor(places).astype(int)[:, clear]
            np.testing.assert_array_equal(mask[y[clear], x[clear]], classes[row, column])
            np.testing.assert_allclose(
                moved[y[clear], x[clear]], depth[row, column] / warp.zoom, rtol=1e-5
            )

    def test_it_zooms_as_often_and_as_much_as_without_padding(self):
        size, zooms = (96, 128), []
        for canvas in (Canvas.unpadded((400, 400)), Canvas.padded((300, 400), (400, 400))):
            warps = [Augmentation().warp(generator(0, 0, i), canvas, size) for i in range(300)]
            zooms.append([warp.zoom for warp in warps])
        assert zooms[0] == zooms[1]

    def test_the_image_is_not_distorted_by_more_than_whole_pixels_do(self):
        size = (640, 640)
        for index in range(200):
            rng = generator(0, 0, index)
            canvas = Canvas.padded(SOURCE, size, rng.random(2))
            warp = Augmentation().warp(rng, canvas, size)
            down, across = warp.crop.scales
            assert down == pytest.approx(across, rel=0.02)
