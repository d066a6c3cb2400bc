"""Damaged files while training: one line that names the file, or a batch without its image."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from datasets.augment import Augmentation
from datasets.base import Sample, Split
from datasets.listing import require_files
from datasets.loader import Loader, Loading
from datasets.merge import MultiTaskDataset
from tasks.depth import Depth
from tasks.detection import Detection
from tasks.normal import Normal
from tasks.segmentation import Segmentation
from tests.labels import label
from utils.errors import DataError

SHAPE, SIZE = (20, 30), (24, 32)
TASKS = [Segmentation(("wall", "floor")), Detection(("cat",)), Depth(), Normal()]
RNG = np.random.default_rng(0)
XML = (
    "<annotation><size><width>30</width><height>20</height></size><object><name>cat</name><bndbox>"
    "<xmin>4</xmin><ymin>3</ymin><xmax>20</xmax><ymax>15</ymax></bndbox></object></annotation>"
)


def jpeg():
    file = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, (*SHAPE, 3), dtype=np.uint8)).save(file, "JPEG")
    return file.getvalue()


def png():
    file = io.BytesIO()
    Image.fromarray(RNG.integers(0, 2, SHAPE, dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


def avif():
    file = io.BytesIO()
    Image.fromarray(RNG.integers(0, 2, SHAPE, dtype=np.uint8)).save(file, "AVIF")
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def png_of_size(width, height, colours):
    """A few bytes that say they are a picture of any size."""

    def chunk(name, content):
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, colours, 0, 0, 0)
    pixels = zlib.compress(bytes(2**16))
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def huge_npy():
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (900000, 9000000), }"
    header = header.ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(1000)


def vectors():
    normals = RNG.normal(size=(*SHAPE, 3))
    return npy((normals / np.linalg.norm(normals, axis=2, keepdims=True)).astype(np.float32))


WHOLE = {
    "image": ("jpg", jpeg()),
    "segmentation": ("png", png()),
    "detection": ("xml", XML.encode()),
    "depth": ("npy", npy(RNG.uniform(1, 9, SHAPE).astype(np.float32))),
    "normal": ("npy", vectors()),
}
ENTITIES = '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;&b;">]>' + XML
DAMAGED = {
    "half a JPEG": ("image", jpeg()[:500]),
    "an empty image": ("image", b""),
    "an image of gigapixels": ("image", png_of_size(60_000, 60_000, 2)),
    "half a PNG": ("segmentation", png()[:60]),
    "text as PNG": ("segmentation", b"no picture"),
    "a mask of gigapixels": ("segmentation", png_of_size(60_000, 60_000, 0)),
    "a palette mask of gigapixels": ("segmentation", png_of_size(60_000, 60_000, 3)),
    "half an AVIF mask": ("segmentation", avif()[:-40]),
    "a mask of colours": ("segmentation", jpeg()),
    "a depth map of three dimensions": ("depth", npy(np.ones((2, 20, 30), np.float32))),
    "pickled objects": ("depth", npy(np.array([{}], dtype=object))),
    "half an array": ("depth", npy(np.ones(SHAPE, np.float32))[:600]),
    "an array of terabytes": ("normal", huge_npy()),
    "normals of two dimensions": ("normal", npy(np.ones(SHAPE, np.float32))),
    "an unknown class": ("detection", XML.replace("cat", "unicorn").encode()),
    "entities": ("detection", ENTITIES.encode()),
    "half a size": ("detection", XML.replace("<height>20</height>", "").encode()),
    "a box of NaN": ("detection", XML.replace(">20<", ">nan<").encode()),
    "an inverted box": ("detection", XML.replace(">20<", ">2<").encode()),
    "half an XML": ("detection", XML[:90].encode()),
}


def sample(folder, damage=None):
    """An image with all its labels, one of its files damaged. Returns the sample and that file."""
    folder.mkdir()
    paths = {kind: folder / f"{kind}.{suffix}" for kind, (suffix, _) in WHOLE.items()}
    for kind, (_, content) in WHOLE.items():
        paths[kind].write_bytes(content)
    bad = None
    if damage:
        kind, content = DAMAGED[damage]
        bad = paths[kind]
        bad.write_bytes(content)
    labels = {task.task_type: label(task, paths[task.task_type]) for task in TASKS}
    return Sample(paths["image"], labels), bad


def loader(samples, **options):
    classes = {"segmentation": TASKS[0].classes, "detection": TASKS[1].classes}
    data = MultiTaskDataset([Split("x", tuple(samples), classes)], TASKS, SIZE, Augmentation())
    loading = Loading(batch_size=4, num_workers=options.pop("workers", 0))
    return Loader(data, loading, **{"training": False} | options)


class TestStop:
    @pytest.mark.parametrize("damage", DAMAGED)
    def test_one_line_names_the_file(self, tmp_path, damage):
        good, _ = sample(tmp_path / "good")
        damaged, bad = sample(tmp_path / "bad", damage)
        with pytest.raises(DataError) as caught:
            list(loader([good, damaged, good]).epoch())
        message = str(caught.value)
        assert message.startswith(f"{bad}: ")
        assert "\n" not in message

    def test_a_missing_file(self, tmp_path):
        damaged, _ = sample(tmp_path / "bad")
        damaged.labels["normal"].file.unlink()
        with pytest.raises(DataError, match=r"normal\.npy: the file is missing"):
            list(loader([damaged]).epoch())


class TestSkip:
    @pytest.mark.parametrize("workers", [0, 2])
    def test_the_batch_goes_on_without_them_and_they_are_counted(self, tmp_path, workers):
        good = [sample(tmp_path / f"good {k}")[0] for k in range(3)]
        pairs = [sample(tmp_path / damage, damage) for damage in DAMAGED]
        samples = [good[0], *(damaged for damaged, _ in pairs), *good[1:]]
        assert len(samples) == len(DAMAGED) + 3
        item = loader(samples, workers=workers, skip=True)
        for _ in range(2):
            batches = list(item.epoch())
            # Batches of which nothing is left are none.
            assert [len(batch.images) for batch in batches] == [1, 2]
        assert set(item.skipped.values()) == {2}
        assert len(item.skipped) == len(DAMAGED)
        for (_, bad), message in zip(pairs, item.skipped, strict=True):
            assert message.startswith(f"{bad}: ")
            assert "\n" not in message

    def test_what_is_left_is_what_would_have_been_without_them(self, tmp_path):
        good = [sample(tmp_path / f"good {k}")[0] for k in range(3)]
        for damage in ("half a JPEG", "an array of terabytes"):
            damaged, _ = sample(tmp_path / damage, damage)
            (batch,) = loader([good[0], damaged, *good[1:]], skip=True).epoch()
            data = loader([good[0], good[1], *good[1:]]).data
            expected = data.collate([data[0, k] for k in (0, 2, 3)])
            np.testing.assert_array_equal(batch.images, expected.images)
            for task in TASKS:
                assert batch.labelled[task.name].tolist() == [True] * 3
                result, wanted = batch.targets[task.name], expected.targets[task.name]
                for a, b in zip(result, wanted, strict=True):
                    np.testing.assert_array_equal(a, b)

    @pytest.mark.parametrize("workers", [0, 2])
    def test_not_one_good_image_is_an_error(self, tmp_path, workers):
        damaged = [sample(tmp_path / d, d)[0] for d in ("half a JPEG", "half a PNG")]
        with pytest.raises(DataError, match=r"not one image can be read.*(image|segmentation)\."):
            list(loader(damaged, workers=workers, skip=True, training=True).epoch(1))


class TestRequireFiles:
    def test_missing_and_empty_files_are_told_apart_and_counted(self, tmp_path):
        good, _ = sample(tmp_path / "good")
        files = [good.image, *(stored.file for stored in good.labels.values())]
        require_files(files)
        good.image.write_bytes(b"")
        with pytest.raises(DataError, match=r"image\.jpg: the file is empty \(1 of 5 are\)"):
            require_files(files)
        good.labels["depth"].file.unlink()
        good.labels["normal"].file.unlink()
        with pytest.raises(DataError, match=r"depth\.npy: the file is missing \(2 of 5 are\)"):
            require_files(files)

    def test_a_link_to_nowhere_is_missing(self, tmp_path):
        (tmp_path / "a.jpg").symlink_to(tmp_path / "none.jpg")
        with pytest.raises(DataError, match="missing"):
            require_files([tmp_path / "a.jpg"])

    def test_no_folder(self, tmp_path):
        with pytest.raises(DataError, match="missing"):
            require_files([tmp_path / "none" / "a.jpg"])
