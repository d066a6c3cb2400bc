"""Which image a name in a JSON means, whoever wrote it and wherever the images lay then."""

import os
import time
from pathlib import Path

import pytest

from datasets.custom.image_names import match_names

FOLDER = Path("/data/own")
IMAGES = ["photos/dogs/1.jpg", "photos/cats/1.jpg", "photos/dogs/2.jpg", "photos/cats/3.jpg"]


def means(*names, images=IMAGES, folder=FOLDER, beside=None):
    """The image that each name means, or why it means none."""
    rows, unmatched = match_names(names, images, folder, beside or folder)
    by_row = {row: image for image, row in rows.items()} | unmatched
    return [by_row[row] for row in range(len(names))]


def test_a_name_with_folders_is_the_end_of_the_path():
    assert means("dogs/1.jpg", "photos/cats/1.jpg", "own/photos/dogs/2.jpg") == [
        "photos/dogs/1.jpg",
        "photos/cats/1.jpg",
        "photos/dogs/2.jpg",
    ]
    other = "the image called so lies in another folder"
    assert means("cats/2.jpg", "ogs/2.jpg", "s/2.jpg") == [other] * 3


def test_a_name_without_folders_is_that_of_the_only_image():
    assert means("2.jpg", "1.jpg", "4.jpg") == [
        "photos/dogs/2.jpg",
        "the paths of several images end so",
        "no image is called so",
    ]
    assert means("2.jpg", "left/2.jpg")[0] == "several entries are called so"


def test_folders_that_several_images_are_in():
    images = ["a/dogs/1.jpg", "b/dogs/1.jpg"]
    assert means("dogs/1.jpg", "b/dogs/1.jpg", images=images) == [
        "the paths of several images end so",
        "b/dogs/1.jpg",
    ]


def test_two_names_of_one_image():
    assert means("dogs/1.jpg", "photos/dogs/1.jpg", "dogs/2.jpg") == [
        *["2 names mean the image photos/dogs/1.jpg"] * 2,
        "photos/dogs/2.jpg",
    ]


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("/data/own/photos/dogs/1.jpg", "photos/dogs/1.jpg"),
        ("/home/ann/set/photos/dogs/1.jpg", "photos/dogs/1.jpg"),
        ("C:/Users/ann/cats/1.jpg", "photos/cats/1.jpg"),
        ("../../upload/dogs/2.jpg", "photos/dogs/2.jpg"),
        ("./photos//cats/3.jpg", "photos/cats/3.jpg"),
        ("/home/ann/2.jpg", "the image called so lies in another folder"),
        ("../2.jpg", "the image called so lies in another folder"),
        ("..", "it is no name of a file"),
        ("", "it is no name of a file"),
        ("dogs/" * 500 + "2.jpg", "the image called so lies in another folder"),
    ],
)
def test_of_another_machine(name, image):
    assert means(name) == [image]


def test_steps_up_count_from_the_folder_of_the_json():
    images = ["photos/1.jpg", "old/photos/1.jpg"]
    assert means("../photos/1.jpg", images=images, beside=FOLDER / "labels") == ["photos/1.jpg"]
    assert means("../photos/1.jpg", images=images, beside=FOLDER / "a/b") == [
        "the paths of several images end so"
    ]


def test_other_capitals_and_forms_of_letters_are_told():
    told = "the image called so differs in capitals or in the form of its letters"
    images = ["a/Caf\u00e9.JPG"]
    assert means("a/cafe\u0301.jpg", "Caf\u00e9.jpg", images=images) == [told, told]


def test_folders_that_are_links(tmp_path):
    (tmp_path / "store/dogs").mkdir(parents=True)
    (tmp_path / "own").mkdir()
    os.symlink(tmp_path / "store", tmp_path / "own/photos")
    found = means("store/dogs/1.jpg", images=["photos/dogs/1.jpg"], folder=tmp_path / "own")
    assert found == ["photos/dogs/1.jpg"]


@pytest.mark.parametrize("name", ["{}.jpg", "{}/frame.jpg", "/home/a/b/c/d/{}/frame.jpg"])
def test_takes_a_time_that_grows_as_the_images(name):
    names = [name.format(k) for k in range(6_000)]
    images = [f"photos/{name.split('/')[-1].format(k)}" for k in range(6_000)]
    if "frame" in name:
        images = [f"photos/{k}/frame.jpg" for k in range(6_000)]
    start = time.process_time()
    rows, unmatched = match_names(names, images, FOLDER, FOLDER)
    assert time.process_time() - start < 3
    assert len(rows) == len(names)
    assert not unmatched
