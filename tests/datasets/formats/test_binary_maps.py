"""Maps of yes and no: how they are stored, and what is said where it cannot be told."""

import numpy as np
import pytest
from PIL import Image

from datasets.formats import Label
from datasets.formats.binary_maps import BinaryMap
from engine.modes.predict.encoding import share_png
from tests.labels import custom_dataset
from utils.errors import ConfigError, DataError

YES = np.array([[0, 1, 1], [1, 0, 0]], np.uint8)
SIZE = YES.shape


def label(path, numbers, **options):
    """A label with these numbers in a file."""
    numbers = np.asarray(numbers)
    if path.suffix == ".npy":
        np.save(path, numbers)
    else:
        Image.fromarray(numbers).save(path)
    return Label(BinaryMap(**options), (path,))


@pytest.mark.parametrize(
    ("name", "numbers", "options"),
    [
        ("a.png", YES * np.uint8(255), {}),
        ("a.png", YES == 1, {}),
        ("a.png", YES * np.uint16(65535), {}),
        ("a.png", YES, {"certain": 1}),
        ("a.png", YES, {"void": 255}),
        ("a.png", YES * np.uint8(7), {"certain": 7}),
        ("a.png", YES * np.uint8(100) + 100, {}),
        ("a.png", YES * np.uint8(100) + 30, {"threshold": 0.3, "certain": 200}),
        ("a.npy", YES == 1, {}),
        ("a.npy", YES.astype(np.float32), {}),
        ("a.npy", YES * 0.6, {}),
        ("a.npy", YES[..., None] * 0.5, {}),
        ("a.npy", YES.astype(np.int64), {"certain": 1}),
        ("a.npy", YES.astype(np.uint8)[None], {"certain": 1}),
        ("a.tif", YES * np.uint8(255), {}),
    ],
)
def test_it_is_read(tmp_path, name, numbers, options):
    result = label(tmp_path / name, numbers, **options).read(SIZE)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, YES)


def test_void(tmp_path):
    stored = np.array([[0, 1, 255]], np.uint8)
    for options in ({"void": 255}, {"void": 255, "certain": 1}):
        result = label(tmp_path / "a.png", stored, **options).read((1, 3))
        np.testing.assert_array_equal(result, stored)
    result = label(tmp_path / "b.npy", [[0, np.nan, 0.7, -np.inf]]).read((1, 4))
    np.testing.assert_array_equal(result, [[0, 255, 1, 255]])


def test_it_is_stretched_to_the_image(tmp_path):
    result = label(tmp_path / "a.png", YES * np.uint8(255)).read((4, 6))
    np.testing.assert_array_equal(result, YES.repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize(
    ("name", "numbers", "options", "says"),
    [
        (
            "a.png",
            YES,
            {},
            "its numbers are 0 and 1 in a PNG of 8 bits: write `edge_certain = 1` wh",
        ),
        (
            "a.png",
            [[0, 1, 255]],
            {},
            "0, 1 and 255, and it cannot be told what 255 is: write `edge_",
        ),
        ("a.png", [[0, 9, 255]], {"void": 255}, "numbers up to 9: `edge_certain = …` says which"),
        (
            "a.npy",
            YES.astype(int),
            {},
            ".npy of int64, which does not tell which number stands for",
        ),
        ("a.npy", YES * 255.0, {}, "holds numbers up to 255: `edge_certain = …` says which one"),
        ("a.npy", np.zeros((2, 3, 4)), {}, "holds an array (2, 3, 4), a map of yes and no has two"),
    ],
)
def test_what_does_not_tell_is_refused_with_the_key_that_does(
    tmp_path, name, numbers, options, says
):
    numbers = np.asarray(numbers, np.uint8) if name == "a.png" else numbers
    with pytest.raises(DataError) as caught:
        label(tmp_path / name, numbers, **options, task_type="edge").read(SIZE)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_small_shares_of_a_yes_are_none(tmp_path):
    """0 and 1 of 255 in a file with other numbers, and no yes in a file of 0 alone."""
    stored = np.array([[0, 1, 9]], np.uint8)
    assert not label(tmp_path / "a.png", stored).read((1, 3)).any()
    assert not label(tmp_path / "b.png", 0 * YES).read(SIZE).any()
    assert not label(tmp_path / "c.png", YES, certain=255).read(SIZE).any()


def test_void_is_no_yes():
    with pytest.raises(ConfigError, match="edge_void = 255 is the number of a certain yes"):
        BinaryMap(void=255, certain=255.0)


def test_what_is_decided_is_told(tmp_path):
    def decided(name, numbers, **options):
        one = label(tmp_path / name, numbers, **options)
        return one.format.decided(one)

    grey = YES * np.uint8(255)
    assert decided("a.png", grey) == {"yes": "from 127.5 on (PNG of 8 bits)", "void": "none"}
    assert decided("a.png", YES, void=255) == {"yes": "from 0.5 on (PNG of 8 bits)", "void": "255"}
    told = decided("a.npy", YES * 0.5, threshold=0.3)
    assert told == {"yes": "from 0.3 on (.npy of float64)", "void": "not finite"}


def test_a_predicted_map_is_read_as_what_it_is_sure_of(tmp_path):
    shares = np.linspace(0, 1, 997, dtype=np.float32)[None]
    (tmp_path / "a.png").write_bytes(share_png(shares))
    result = Label(BinaryMap(), (tmp_path / "a.png",)).read(shares.shape)
    near = np.abs(shares - 0.5) < 1 / 510
    np.testing.assert_array_equal(result[~near], (shares >= 0.5)[~near])


def test_a_section_of_a_cfg_names_them(tmp_path):
    for name in ("images", "edges", "salient"):
        (tmp_path / "own" / name).mkdir(parents=True)
    for number in range(2):
        picture = np.zeros((*SIZE, 3), np.uint8)
        Image.fromarray(picture).save(tmp_path / f"own/images/{number}.jpg")
        Image.fromarray(YES * np.uint8(255)).save(tmp_path / f"own/edges/{number}.png")
        Image.fromarray(YES).save(tmp_path / f"own/salient/{number}.png")
    own = custom_dataset(
        "own", images="images/*.jpg", edges="edges/*.png", saliency="salient/*.png",
        saliency_certain="1",
    )  # fmt: skip
    for sample in own.read(tmp_path, "train").samples:
        for task in ("edge", "saliency"):
            np.testing.assert_array_equal(sample.labels[task].read(SIZE), YES)
    own = custom_dataset("own", images="images/*.jpg", saliency="salient/*.png")
    [first, _] = own.read(tmp_path, "train").samples
    with pytest.raises(DataError, match="write `saliency_certain = 1`"):
        first.labels["saliency"].read(SIZE)
