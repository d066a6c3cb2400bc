"""Labels that a network has made: images without a label have them, and they move with these."""

import dataclasses
from collections import Counter

import numpy as np
import pytest
import torch

from datasets.augment import Augmentation
from datasets.cache import open_cache
from datasets.merge import MultiTaskDataset
from datasets.pseudo_labels import PseudoLabels, bytes_on_disk
from tests.labels import read_split, tasks_of
from utils.errors import DataError

SIZE = (32, 40)


@pytest.fixture(scope="module")
def split(scenes_root):
    """Images with boxes, most of which have masks, and others with all that is dense."""
    return read_split("NYUD_MT", scenes_root, "train"), read_split("VOC", scenes_root, "train")


def halved(split):
    """The same split, of which every second image has no label but of normals."""
    samples = [
        dataclasses.replace(s, labels={"normal": s.labels["normal"]}) if number % 2 else s
        for number, s in enumerate(split.samples)
    ]
    return dataclasses.replace(split, samples=tuple(samples))


@pytest.fixture(scope="module")
def merged(split):
    """A training set of these splits and tasks, of images of `SIZE`."""

    def merge(splits, kinds, **options):
        options = {"augmentation": Augmentation(), "aspect": "keep", **options}
        return MultiTaskDataset(splits, tasks_of(kinds, splits), SIZE, **options)

    return merge


@pytest.fixture(scope="module")
def pair(split, merged, tmp_path_factory):
    """A set with all labels, and one of which every second image has them as pseudo-labels."""
    kinds = ("segmentation", "depth", "normal")
    whole, half = merged([split[0]], kinds), merged([halved(split[0])], kinds)
    cache = open_cache("disk", tmp_path_factory.mktemp("runs"))
    labels = PseudoLabels(cache, {task.name: "of a teacher" for task in half.tasks})
    for at, task in enumerate(half.tasks):
        for index in half.missing_for(task):
            entry = whole.entries[index]
            labels.keep(task, entry.image, entry.labels[at].read((48, 64)))
    half.pseudo_labels = labels
    return whole, half


def test_they_are_warped_as_labels_are(pair):
    """Mirrored, cropped and padded, over several passes."""
    whole, half = pair
    for index in range(len(whole)):
        for number in range(1, 5):
            labelled, item = whole[number, index], half[number, index]
            np.testing.assert_array_equal(item["image"], labelled["image"])
            for name, target in labelled["targets"].items():
                np.testing.assert_array_equal(item["targets"][name], target, name)
                known = item["labelled"][name] or item["pseudo_labelled"][name]
                assert known == labelled["labelled"][name]


def test_an_image_with_a_label_has_no_pseudo_label(pair):
    _, half = pair
    batch = half.collate([half[1, index] for index in range(len(half))])
    for task in half.tasks:
        assert not (batch.labelled[task.name] & batch.pseudo_labelled[task.name]).any()
    assert batch.pseudo_labelled["depth"].tolist() == [False, True] * 8
    assert not batch.pseudo_labelled["normal"].any()
    assert batch.to(torch.device("meta")).first(3).pseudo_labelled["depth"].tolist() == [0, 1, 0]
    assert not half.empty_batch().has_target("depth")


def test_their_disk_is_known_before(pair):
    """From the size of the images, to a block a file."""
    _, half = pair
    files = list(half.pseudo_labels._cache._folder.iterdir())
    size = sum(path.stat().st_size for path in files)
    counts = {task: Counter({(48, 64): len(half.missing_for(task))}) for task in half.tasks}
    needed = sum(bytes_on_disk(task, sizes) for task, sizes in counts.items())
    assert size <= needed <= size + 4096 * len(files)


def test_of_nothing_the_network_was_sure_there_is_nothing_to_learn(split, merged, tmp_path):
    data = merged([split[1]], ["segmentation", "detection"])
    [task, _] = data.tasks
    missing = data.missing_for(task)
    assert 0 < len(missing) < len(data)
    labels = PseudoLabels(open_cache("disk", tmp_path), {task.name: "x"})
    for index, target in zip(missing, [None, task.unlabelled_target((48, 64))], strict=False):
        labels.keep(task, data.entries[index].image, target)
        data.pseudo_labels = labels
        item = data[1, index]
        assert item["pseudo_labelled"][task.name] is item["labelled"][task.name] is False


def test_one_of_another_network_or_of_an_image_that_has_changed_is_not_read(
    merged, split, tmp_path
):
    [task] = merged([split[0]], ["depth"]).tasks
    image = tmp_path / "a.png"
    image.write_bytes(b"an image")
    cache = open_cache("disk", tmp_path)
    labels, other = (PseudoLabels(cache, {"depth": key}) for key in ("one", "other"))
    labels.keep(task, image, np.full(SIZE, 2.0, np.float32))
    assert (labels.read(task, image) == 2000).all(), "packed"
    assert labels.is_kept(task, image)
    assert not other.is_kept(task, image)
    image.write_bytes(b"another image")
    with pytest.raises(DataError, match=r"a\.png: its pseudo-label for depth is gone"):
        labels.read(task, image)


def test_without_room_on_the_disk_nothing_is_left_out_in_silence(
    merged, split, tmp_path, monkeypatch
):
    [task] = merged([split[0]], ["depth"]).tasks
    (tmp_path / "a.png").write_bytes(b"an image")
    cache = open_cache("disk", tmp_path)
    monkeypatch.setattr("datasets.cache._GIGABYTE", 2**60)
    with pytest.raises(DataError, match=r"less than a gigabyte left on its disk"):
        PseudoLabels(cache, {"depth": "x"}).keep(
            task, tmp_path / "a.png", np.full(SIZE, 2.0, np.float32)
        )
