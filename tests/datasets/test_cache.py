"""Kept arrays: what comes out is what was made, made anew when the source changes, and not more of
them than there is room for."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from datasets import cache as module
from datasets.augment import Augmentation
from datasets.cache import Cache, open_cache
from datasets.loader import Loader, Loading
from datasets.merge import MultiTaskDataset
from tasks.depth import Depth
from tasks.normal import Normal
from tests.labels import read_split, tasks_of
from utils.errors import DataError
from utils.geometry import Warp

SIZE = (32, 40)
ROOM = 2**40


class Maker:
    """Makes an array, and counts how often."""

    def __init__(self, array):
        self.array, self.times = array, 0

    def __call__(self):
        self.times += 1
        return self.array


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"what it is made of")
    return path


@pytest.fixture
def kept(tmp_path):
    folder = tmp_path / "kept"
    folder.mkdir()
    return Cache(folder)


def files_in(cache):
    return sorted(path.name for path in cache._folder.iterdir())


ARRAYS = [
    np.arange(60, dtype=np.uint8).reshape(4, 5, 3),
    np.arange(20, dtype=np.uint16).reshape(4, 5),
    np.linspace(0, 1, 60).astype(np.float16).reshape(4, 5, 3),
    np.zeros((0, 6), np.float32),
    np.arange(60, dtype=np.float32).reshape(3, 4, 5).transpose(1, 2, 0),
]


class TestCache:
    @pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype}{a.shape}")
    def test_gives_what_was_made_and_makes_it_once(self, kept, source, array):
        make = Maker(array)
        for _ in range(3):
            result = kept.get((source,), "x", make)
            assert result.dtype == array.dtype
            np.testing.assert_array_equal(result, array)
        assert make.times == 1

    def test_is_made_anew_when_the_source_changes(self, kept, source):
        kept.get((source,), "x", Maker(np.zeros(3)))
        source.write_bytes(b"something of another length")
        np.testing.assert_array_equal(kept.get((source,), "x", Maker(np.ones(3))), np.ones(3))
        then = source.stat().st_mtime_ns + 1000
        os.utime(source, ns=(then, then))  # the same length
        np.testing.assert_array_equal(
            kept.get((source,), "x", Maker(np.full(3, 2.0))), np.full(3, 2)
        )
        assert len(files_in(kept)) == 1  # in the place of the old one

    def test_is_made_anew_when_another_of_its_files_changes(self, kept, source, tmp_path):
        camera = tmp_path / "camera.json"
        camera.write_text("1")
        kept.get((source, camera), "x", Maker(np.zeros(3)))
        camera.write_text("22")
        result = kept.get((source, camera), "x", Maker(np.ones(3)))
        np.testing.assert_array_equal(result, np.ones(3))

    def test_it_leaves_files_to_open_for_others(self, kept, source, monkeypatch):
        """A map keeps its file open."""
        descriptors = Path("/proc/self/fd")
        if not descriptors.is_dir():
            pytest.skip("the open files cannot be counted")
        monkeypatch.setattr(module, "_most_open_files", lambda: 20)
        few = Cache(kept._folder)
        before = len(list(descriptors.iterdir()))
        for _ in range(2):
            for number in range(40):
                few.get((source,), f"what {number}", Maker(np.full(2, number)))
        assert len(list(descriptors.iterdir())) - before <= 10
        for number in range(40):
            assert (few.get((source,), f"what {number}", Maker(None)) == number).all()

    def test_one_file_can_be_the_source_of_several(self, kept, source):
        for number in range(3):
            kept.get((source,), f"what {number}", Maker(np.full(2, number)))
        for number in range(3):
            assert (kept.get((source,), f"what {number}", Maker(None)) == number).all()

    def test_what_cannot_be_made_is_not_kept(self, kept, source, tmp_path):
        def fail():
            raise DataError("a.png: is damaged")

        for path in (source, tmp_path / "none.png"):
            with pytest.raises(DataError, match="is damaged"):
                kept.get((path,), "x", fail)
        assert files_in(kept) == []

    @pytest.mark.parametrize("content", [b"", b"torn", b"x" * 500])
    def test_another_file_in_its_place_is_no_harm(self, kept, source, content):
        kept.get((source,), "x", Maker(np.arange(3)))
        (name,) = files_in(kept)
        (kept._folder / name).unlink()
        (kept._folder / name).write_bytes(content)
        for _ in range(2):
            result = kept.get((source,), "x", Maker(np.arange(3)))
            np.testing.assert_array_equal(result, np.arange(3))

    def test_without_room_it_stops_growing_and_says_so_once(
        self, tmp_path, source, capsys, monkeypatch
    ):
        room = [ROOM]
        usage = shutil.disk_usage(tmp_path)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=room[0]))
        item, other = Cache(tmp_path), Cache(tmp_path)  # two workers
        item.get((source,), "first", Maker(np.zeros(3)))
        room[0] = 2**30
        for number, cache in enumerate((item, other, item)):
            make = Maker(np.ones(3))
            np.testing.assert_array_equal(cache.get((source,), f"{number}", make), np.ones(3))
            assert make.times == 1
        assert (other.get((source,), "first", Maker(None)) == 0).all()
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "stops growing" in said

    def test_a_disk_that_cannot_be_written_is_no_error(self, kept, source, capsys):
        kept._folder.rmdir()
        assert (kept.get((source,), "x", Maker(np.ones(2))) == 1).all()


class TestOpenCache:
    def test_none(self, tmp_path):
        assert open_cache("none", tmp_path) is None
        assert list(tmp_path.iterdir()) == []

    def test_on_disk_it_outlives_the_process(self, tmp_path, source):
        open_cache("disk", tmp_path / "runs").get((source,), "x", Maker(np.arange(4)))
        make = Maker(None)
        result = open_cache("disk", tmp_path / "runs").get((source,), "x", make)
        np.testing.assert_array_equal(result, np.arange(4))
        assert (tmp_path / "runs" / "cache").is_dir()

    def test_a_folder_that_cannot_be_made(self, source):
        with pytest.raises(DataError, match="cache"):
            open_cache("disk", source)


class TestPacked:
    """What the tasks keep, against what they would have read."""

    WARPS = (
        Warp.resize((60, 80), (60, 80)),
        Warp(np.array([[-1.0, 0, 80], [0, 1, 0]]), (60, 80)),
        Warp(np.array([[-1.3, 0, 90], [0, 1.3, -9]]), (60, 80), zoom=1.3),
        Warp(np.array([[0.8, 0.3, 3], [-0.3, 0.8, 20]]), (50, 70), zoom=0.85),
    )

    @pytest.mark.parametrize("warp", WARPS)
    def test_depth_is_half_a_millimetre_off_at_most(self, warp):
        depth = np.random.default_rng(0).uniform(0, 65.5, (60, 80)).astype(np.float32)
        depth[:20] = 0
        packed = Depth().pack(depth)
        assert packed.dtype == np.uint16
        result, expected = (Depth().warp(target, warp) for target in (packed, depth))
        assert result.dtype == np.float32
        assert np.abs(result - expected).max() * warp.zoom <= 0.00052  # and float32 to the 65 m
        np.testing.assert_array_equal(result == 0, expected == 0)

    @pytest.mark.parametrize("value", [65.6, 300.0, -1.0])
    def test_depth_that_is_too_far_is_kept_as_it_is(self, value):
        depth = np.full((4, 5), 2.0, np.float32)
        depth[1, 2] = value
        assert Depth().pack(depth) is depth

    @pytest.mark.parametrize("warp", WARPS)
    def test_normals_are_a_thirtieth_of_a_degree_off_at_most(self, warp):
        normals = np.random.default_rng(0).normal(size=(60, 80, 3))
        normals /= np.linalg.norm(normals, axis=2, keepdims=True)
        normals = normals.astype(np.float32)
        normals[:20] = 0
        packed = Normal().pack(normals)
        assert packed.dtype == np.float16
        result, expected = (Normal().warp(target, warp) for target in (packed, normals))
        known = expected.any(axis=2)
        np.testing.assert_array_equal(result.any(axis=2), known)
        crossed = np.cross(result[known].astype(float), expected[known].astype(float))
        assert np.rad2deg(np.linalg.norm(crossed, axis=1)).max() < 1 / 30
        lengths = np.linalg.norm(result[known].astype(float), axis=1)
        assert np.abs(lengths - 1).max() < 0.0005


class TestMultiTaskDataset:
    @pytest.fixture
    def data(self, scenes_root, tmp_path):
        sources = [read_split(name, scenes_root, "train") for name in ("VOC", "NYUD_MT")]
        tasks = tasks_of(["segmentation", "detection", "depth", "normal"], sources)

        def make(cache):
            return MultiTaskDataset(sources, tasks, SIZE, Augmentation(), seed=3, cache=cache)

        return make

    def batches(self, data, workers, epoch=1):
        loading = Loading(batch_size=4, num_workers=workers)
        return list(Loader(data, loading, training=True).epoch(epoch))

    def test_batches_are_those_without_a_cache(self, data, tmp_path):
        plain = self.batches(data(None), 0)
        cached = data(open_cache("disk", tmp_path))
        for _ in range(2):  # while it is filled, and from it
            for batch, expected in zip(self.batches(cached, 0), plain, strict=True):
                assert torch.equal(batch.images, expected.images)
                for name, target in batch.targets.items():
                    wanted = expected.targets[name]
                    torch.testing.assert_close(target, wanted, rtol=0, atol=0)

    def test_workers_share_it(self, data, tmp_path):
        filled = self.batches(data(open_cache("disk", tmp_path)), workers=2)
        before = {path.name: path.stat().st_ino for path in (tmp_path / "cache").iterdir()}
        again = self.batches(data(open_cache("disk", tmp_path)), workers=0)
        for item, other in zip(filled, again, strict=True):
            assert torch.equal(item.images, other.images)
            assert torch.equal(item.targets["depth"], other.targets["depth"])
        after = {path.name: path.stat().st_ino for path in (tmp_path / "cache").iterdir()}
        assert after == before

    def test_other_classes_are_another_label(self, scenes_root, tmp_path):
        source = read_split("VOC", scenes_root, "train")
        for names in (source.classes["segmentation"], None):
            united = [source, read_split("NYUD_MT", scenes_root, "train")]
            sources = united if names is None else [source]
            tasks = tasks_of(["segmentation"], sources, "unite")
            plain = MultiTaskDataset(sources, tasks, SIZE)
            cached = MultiTaskDataset(sources, tasks, SIZE, cache=open_cache("disk", tmp_path))
            for index in range(len(plain)):
                np.testing.assert_array_equal(
                    cached[0, index]["targets"]["segmentation"],
                    plain[0, index]["targets"]["segmentation"],
                )
