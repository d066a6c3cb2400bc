"""Samples in arrays are the samples that a list would hold, in a fraction of the memory."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from datasets.base import Sample, Split
from datasets.formats.base import Label
from datasets.formats.value_maps import ValueMap
from datasets.holdout import train_val_split
from datasets.leaks import ResolvedPaths, without_copies, without_images
from datasets.merge import MultiTaskDataset
from datasets.sample_index import Column, SampleIndex, Stems
from datasets.samples import SampleTuple
from datasets.sampling import BatchSampler
from engine.runs.identity import _images
from tasks import TASKS
from tests.labels import tasks_of
from utils.errors import DataError

TYPES = ("edge_texture", "keypoints2d", "reshading")
STORED = ValueMap()


def made_up(buildings, root=Path("/nowhere"), types=TYPES):
    """The index of images that are called as Taskonomy's, every third without the second label.

    Args:
        buildings: by name, the number of images.
    """
    stems = Stems.of(
        (name, [f"point_{k // 7}_view_{k % 7}" for k in range(count)])
        for name, count in buildings.items()
    )
    labels = {
        name: (STORED, Column(root / name / "taskonomy", f"_domain_{name}.png")) for name in types
    }
    labelled = np.full(len(stems.ends), 2 ** len(types) - 1, np.uint32)
    labelled[::3] ^= 2
    return SampleIndex(
        stems, Column(root / "rgb" / "taskonomy", "_domain_rgb.png"), labels, labelled
    )


def as_list(buildings, root=Path("/nowhere")):
    """The same samples, written out."""
    samples, number = [], 0
    for building, count in buildings.items():
        for k in range(count):
            name = f"point_{k // 7}_view_{k % 7}_domain_"
            labels = {
                t: Label(STORED, (root / t / "taskonomy" / building / f"{name}{t}.png",))
                for t in TYPES
                if t != TYPES[1] or number % 3
            }
            samples.append(Sample(root / "rgb" / "taskonomy" / building / f"{name}rgb.png", labels))
            number += 1
    return SampleTuple(samples)


BUILDINGS = {"adrian": 40, "beechwood": 1, "ünal": 31}


@pytest.fixture
def pair():
    """An index and the list of its samples."""
    return made_up(BUILDINGS), as_list(BUILDINGS)


def same(index, listed):
    assert len(index) == len(listed)
    assert list(index) == list(listed)
    assert list(index.images()) == list(listed.images())
    assert list(index.folders()) == list(listed.folders())
    assert index.label_types().all == listed.label_types().all
    for kinds in ((), TYPES[:1], TYPES[1:2], ("depth",)):
        np.testing.assert_array_equal(
            index.label_types().has(*kinds), listed.label_types().has(*kinds)
        )


def test_its_samples_are_those_of_a_list(pair):
    same(*pair)
    assert pair[0][-1] == pair[1][-1]
    with pytest.raises(IndexError):
        pair[0][len(pair[1])]


@pytest.mark.parametrize("indices", [[], [0], [71, 3, 3, 40], range(2, 70, 5)])
def test_a_part_of_it_is_that_part(pair, indices):
    same(*(samples.take(np.array(indices, int)) for samples in pair))
    same(pair[0][5:60:4], SampleTuple(pair[1][5:60:4]))
    same(pair[0].take(np.arange(9, 50)).take(np.array([3, 4])), pair[1].take([12, 13]))


def test_whoever_divides_it_divides_the_list_alike(pair):
    splits = [Split("x", samples, root=Path("/nowhere")) for samples in pair]
    for index, listed in zip(*(train_val_split(split, 0.2) for split in splits), strict=True):
        same(index.samples, listed.samples)
    tasks = tasks_of(TYPES, splits[:1])
    merged = [MultiTaskDataset([split], tasks, (8, 8)) for split in splits]
    assert list(merged[0].entries) == list(merged[1].entries)
    assert merged[0].sizes == merged[1].sizes == [72]
    assert _images(pair[0], splits[0]) == _images(pair[1], splits[1])
    for task, missing in zip(tasks, (0, 24, 0), strict=True):
        assert merged[0].missing_by_dataset(task) == ({"x": missing} if missing else {})
        np.testing.assert_array_equal(merged[0].missing_for(task), merged[1].missing_for(task))


def test_images_without_a_label_leave_the_merged_data(pair):
    tasks = tasks_of(TYPES[1:2], [Split("x", pair[0])])
    for keep, expected in ((False, 48), (True, 72)):
        merged = [
            MultiTaskDataset([Split("x", samples)], tasks, (8, 8), keep_unlabelled=keep)
            for samples in pair
        ]
        assert list(merged[0].entries) == list(merged[1].entries)
        assert len(merged[0]) == expected


def test_images_of_two_splits_are_found(pair):
    index = Split("x", pair[0])
    test = Split("y", pair[0].take(np.arange(10, 20)))
    [kept], count, example = without_images([index], [test], ResolvedPaths())
    assert count == 10
    assert example == pair[1][10].image
    assert list(kept.samples) == [*pair[1][:10], *pair[1][20:]]
    twice = Split("x", pair[0].take(np.array([3, 1, 3, 2, 1])))
    once, copies = without_copies(twice, ResolvedPaths())
    assert copies == 2
    assert list(once.samples) == [pair[1][k] for k in (3, 1, 2)]


class TestFiles:
    @pytest.fixture
    def index(self, tmp_path):
        for sample in as_list(BUILDINGS, tmp_path):
            for path in (sample.image, *(label.file for label in sample.labels.values())):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
        return made_up(BUILDINGS, tmp_path)

    def test_are_all_there(self, index):
        index.require_files()

    @pytest.mark.parametrize("gone", [1, 2])
    def test_the_first_that_is_missing_is_named(self, index, gone):
        files = [index[k].labels["reshading"].file for k in (50, 45)][:gone]
        for file in files:
            file.unlink()
        with pytest.raises(DataError) as caught:
            index.require_files()
        files_in_all = 3 * 72 + 48
        assert str(caught.value) == (
            f"{min(files)}: the file is missing ({gone} of {files_in_all} are)"
        )
        index.take(np.arange(40)).require_files()

    def test_a_label_that_an_image_has_not_need_not_be_there(self, index):
        assert "keypoints2d" not in index[0].labels
        index.take(np.array([0])).require_files()
        index[1].labels["keypoints2d"].file.unlink()
        with pytest.raises(DataError, match="keypoints2d"):
            index.require_files()


def test_it_takes_at_most_200_bytes_an_image_from_the_list_to_the_batches():
    """Of all eleven types, with every step that a training takes before its first image."""
    types = [name for name, task in TASKS.items() if not task.has_classes][:11]
    images = 20_000
    made_up({"x": 10}, types=types).label_types()  # what is imported once is not counted
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    index = made_up({f"b{k}": images // 8 for k in range(8)}, types=types)
    split, resolved = Split("Taskonomy", index, root=Path("/nowhere")), ResolvedPaths()
    test = Split("Taskonomy", made_up({"test": images // 8}, types=types), root=Path("/nowhere"))
    split, copies = without_copies(split, resolved)
    [split], count, _ = without_images([split], [test], resolved)
    train, val = train_val_split(split, 0.1)
    assert (copies, count, len(val.samples)) == (0, 0, images // 10)
    tasks = tasks_of(types, [train])
    data = MultiTaskDataset([train], tasks, (8, 8))
    _images(train.samples, train)
    for task in tasks:
        data.labelled_for(task)
    sampler = BatchSampler(data.sizes, 8, training=True)
    assert sum(1 for _ in sampler) == len(data) // 8
    held, peak = (size - before for size in tracemalloc.get_traced_memory())
    tracemalloc.stop()
    assert held / images < 80
    assert peak / images < 200
