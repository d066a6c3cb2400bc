"""Images that are in two splits, by whatever path."""

import pytest

from datasets.base import Sample, Split
from datasets.leaks import ResolvedPaths, without_copies, without_images


@pytest.fixture
def folder(tmp_path):
    """Four files, a link to one of them, and a link to their folder."""
    (tmp_path / "images").mkdir()
    for k in range(4):
        (tmp_path / "images" / f"{k}.png").touch()
    (tmp_path / "images" / "again.png").symlink_to("1.png")
    (tmp_path / "linked").symlink_to("images")
    return tmp_path


def split(folder, *names, labelled=True):
    labels = {"depth": None} if labelled else {}
    return Split("x", tuple(Sample(folder / name, labels) for name in names))


def names(split):
    return [sample.image.name for sample in split.samples]


@pytest.mark.parametrize("path", ["images/1.png", "linked/1.png", "images/again.png"])
def test_an_image_is_the_same_by_every_path(folder, path):
    train = [split(folder, "images/0.png", "images/1.png"), split(folder, "linked/1.png")]
    kept, count, example = without_images(train, [split(folder, path)], ResolvedPaths())
    assert [names(s) for s in kept] == [["0.png"], []]
    assert (count, example) == (2, folder / "images/1.png")


def test_an_image_without_labels_holds_nothing_back(folder):
    train, test = split(folder, "images/0.png"), split(folder, "images/0.png", labelled=False)
    kept, count, example = without_images([train], [test], ResolvedPaths())
    assert kept == [train]
    assert (count, example) == (0, None)


def test_copies_by_another_name_count_once(folder):
    listed = split(folder, "images/0.png", "images/1.png", "images/again.png", "images/0.png")
    kept, copies = without_copies(listed, ResolvedPaths())
    assert names(kept) == ["0.png", "1.png"]
    assert copies == 2
