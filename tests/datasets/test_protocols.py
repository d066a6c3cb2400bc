"""Which labels of training images a protocol keeps: by a draw, or by a list of MTPSL."""

import shutil
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from datasets import DATASETS
from datasets.protocols import PROTOCOLS
from tests.labels import read_split
from utils.errors import ConfigError

COLUMNS = DATASETS["NYUv2"].list_columns
ALL = frozenset(("segmentation", "depth", "normal"))
ROWS = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 0, 0], [1, 1, 1]]


@pytest.fixture
def rooms(scenes_root):
    """The six training images of the rendered NYUv2, each with three labels."""
    return read_split("NYUv2", scenes_root, "train")


def kept(name, split, **options):
    return PROTOCOLS.choose(name, options).build().kept(split, COLUMNS)


def many_draws(name, split):
    draws = [kept(name, split, protocol_seed=seed) for seed in range(100)]
    return [types for draw in draws for types in draw.values()]


def test_full_keeps_every_label(rooms):
    assert kept("full", rooms) is None


def test_one_label_keeps_one_label_of_each_image_uniformly(rooms):
    draws = many_draws("one-label", rooms)
    assert {len(types) for types in draws} == {1}
    counts = Counter(name for types in draws for name in types)
    assert counts.keys() == ALL
    assert all(150 < count < 250 for count in counts.values())


def test_random_label_keeps_at_least_one_label_and_at_most_all_but_one(rooms):
    draws = many_draws("random-label", rooms)
    counts = Counter(map(len, draws))
    assert counts.keys() == {1, 2}
    assert 230 < counts[1] < 370
    kinds = Counter(draws)
    assert len(kinds) == 6
    assert all(60 < count < 140 for count in kinds.values())


@pytest.mark.parametrize("name", ["one-label", "random-label"])
def test_images_with_fewer_labels_than_others_keep_one_of_theirs(scenes_root, name):
    """Images of PASCAL-Context without a person have no parts of people to keep."""
    split = read_split("PASCALContext", scenes_root, "train")
    labels = {sample.image: frozenset(sample.labels) for sample in split.samples}
    assert {len(types) for types in labels.values()} == {4, 5}
    for seed in range(20):
        for image, types in kept(name, split, protocol_seed=seed).items():
            assert types < labels[image]
            assert len(types) == 1 or name == "random-label"
            assert types


@pytest.mark.parametrize("name", ["one-label", "random-label"])
class TestDraw:
    def test_it_depends_on_nothing_but_the_seed_and_the_image(
        self, rooms, scenes_root, tmp_path, name
    ):
        whole = kept(name, rooms, protocol_seed=3)
        fewer = replace(rooms, samples=rooms.samples[:2:-1])
        assert kept(name, fewer, protocol_seed=3) == {
            s.image: whole[s.image] for s in fewer.samples
        }
        shutil.copytree(scenes_root / "NYUv2", tmp_path / "NYUv2")
        moved = kept(name, read_split("NYUv2", tmp_path, "train"), protocol_seed=3)
        assert list(moved.values()) == list(whole.values())
        assert kept(name, rooms, protocol_seed=4) != whole

    def test_only_labels_of_the_tasks_it_draws_among_are_lost(self, rooms, name):
        types = kept(name, rooms, protocol_tasks=("normals", "seg"))
        assert {(len(names), "depth" in names) for names in types.values()} == {(2, True)}

    def test_the_only_label_of_an_image_is_kept(self, rooms, name):
        samples = [replace(s, labels={"depth": s.labels["depth"]}) for s in rooms.samples]
        types = kept(name, replace(rooms, samples=tuple(samples)))
        assert set(types.values()) == {frozenset(["depth"])}


class TestList:
    @pytest.fixture
    def listed(self, tmp_path, rooms):
        """What a list keeps, which holds this."""

        def write(contents, split=rooms, columns=COLUMNS):
            path = tmp_path / "onelabel.pth"
            torch.save(contents, path)
            protocol = PROTOCOLS.choose("list", {"protocol_list": str(path)}).build()
            return protocol.kept(split, columns)

        return write

    def test_row_n_is_for_image_n(self, listed, rooms):
        types = listed({"labels_weights": torch.tensor(ROWS).float()})
        for number, row in enumerate(ROWS):
            names = {COLUMNS[k] for k, weight in enumerate(row) if weight}
            assert types[rooms.root / "train" / "image" / f"{number}.npy"] == names
        assert COLUMNS == ("segmentation", "depth", "normal"), "as MTPSL has them"

    @pytest.mark.parametrize(
        ("contents", "complaint"),
        [
            (torch.tensor(ROWS), "holds no labels_weights, which a list of labels has"),
            ({"labels": 1, "seed": 2}, "holds no labels_weights, .*; it holds labels, seed"),
            ({"labels_weights": ROWS}, "labels_weights is a list, and should be a tensor"),
            ({"labels_weights": torch.ones(6)}, "labels_weights is a Tensor of 6, and should be"),
            ({"labels_weights": torch.ones(6, 3).to_sparse()}, "should be a tensor"),
            ({"labels_weights": torch.ones(6, 2)}, "has 2 columns, .* segmentation, depth, normal"),
            ({"labels_weights": torch.ones(7, 3)}, "has 7 rows, and NYUv2 has 6 training images"),
            ({"labels_weights": torch.ones(5, 3)}, "has 5 rows, .* none of them is for .*5.npy"),
            (
                {"labels_weights": torch.full((6, 3), 0.5)},
                "holds 0.5 in row 0, column 0; it should",
            ),
            ({"labels_weights": torch.full((6, 3), np.nan)}, "holds nan in row 0, column 0"),
            ({"labels_weights": np.ones((6, 3))}, "cannot be read as a list of labels"),
            (print, "cannot be read as a list of labels"),  # a pickle that names a function
        ],
        ids=range(12),
    )
    def test_what_is_no_list_of_these_images_is_told(self, listed, contents, complaint):
        with pytest.raises(ConfigError, match=f"onelabel.pth: .*{complaint}") as error:
            listed(contents)
        assert error.value.option == "protocol_list"

    def test_an_image_whose_number_has_no_row_is_told(self, listed, rooms):
        last = rooms.samples[-1]
        renamed = replace(last, image=last.image.with_name("9.npy"))
        split = replace(rooms, samples=(*rooms.samples[:-1], renamed))
        with pytest.raises(ConfigError, match=r"6 rows, counted from 0, and none .* for .*/9\.npy"):
            listed({"labels_weights": torch.ones(6, 3)}, split)

    @pytest.mark.parametrize("place", ["nowhere.pth", "."])
    def test_a_file_that_is_not_there_is_told(self, tmp_path, rooms, place):
        protocol = PROTOCOLS.choose("list", {"protocol_list": str(tmp_path / place)}).build()
        with pytest.raises(ConfigError, match=r"the file is missing|it is a directory"):
            protocol.kept(rooms, COLUMNS)

    def test_a_dataset_without_lists_is_told(self, listed, scenes_root):
        depth = read_split("NYU", scenes_root, "train")
        with pytest.raises(ConfigError, match="there are no lists for NYU; take one-label or"):
            listed({"labels_weights": torch.tensor(ROWS)}, depth, DATASETS["NYU"].list_columns)
