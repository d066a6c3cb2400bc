"""OpenEXR files: the numbers that the package wrote are those that are read, and one line says what
is wrong with the others."""

import sys

import numpy as np
import OpenEXR
import pytest

from datasets.formats.stored_maps import map_head, read_map
from tests.datasets.formats.test_arrays import errors_of_damage, refuses
from utils.errors import DataError

COMPRESSIONS = ("NO_COMPRESSION", "RLE_COMPRESSION", "ZIP_COMPRESSION", "PIZ_COMPRESSION")


def write(path, channels, compression="ZIP_COMPRESSION", **header):
    header |= {"compression": getattr(OpenEXR, compression), "type": OpenEXR.scanlineimage}
    with OpenEXR.File(header, dict(channels)) as file:
        file.write(str(path))
    return path


def numbers(dtype="float32", seed=0):
    return (np.random.default_rng(seed).random((7, 9)) * 1000).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint32"])
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_numbers_as_stored(tmp_path, dtype, compression):
    path = write(tmp_path / "a.exr", {"Z": numbers(dtype)}, compression)
    result = read_map(path)
    assert (result.kind, result.numbers.dtype) == ("EXR", dtype)
    np.testing.assert_array_equal(result.numbers, numbers(dtype))
    head = map_head(path)
    assert (head.kind, head.shape, head.dtype) == ("EXR", (7, 9), dtype)


@pytest.mark.parametrize(
    ("names", "key", "chosen"),
    [
        (("Z", "Y"), None, "Z"),
        (("R", "Y"), None, "Y"),
        (("depth.V",), None, "depth.V"),
        (("R", "G", "B"), "G", "G"),
        (("Z", "back.Z"), "back.Z", "back.Z"),
    ],
)
def test_the_channel_of_a_map(tmp_path, names, key, chosen):
    channels = {name: numbers(seed=seed) for seed, name in enumerate(names)}
    result = read_map(write(tmp_path / "a.exr", channels), key)
    np.testing.assert_array_equal(result.numbers, channels[chosen])


@pytest.mark.parametrize(
    ("names", "key"), [("XYZ", None), ("RGB", None), (("n.X", "n.Y", "n.Z", "R", "G", "B"), "n")]
)
def test_the_channels_of_vectors(tmp_path, names, key):
    channels = {name: numbers(seed=seed) for seed, name in enumerate(names)}
    result = read_map(write(tmp_path / "a.exr", channels), key, has_vectors=True)
    np.testing.assert_array_equal(result.numbers, np.stack(list(channels.values())[:3], axis=2))


def test_channels_of_which_none_is_meant_are_named(tmp_path):
    path = write(tmp_path / "a.exr", {name: numbers() for name in "RGB"})
    for key in (None, "Z"):
        with pytest.raises(DataError, match=r"a\.exr: has the channels .*G.*`depth_key = …`"):
            read_map(path, key, "depth_key")


def test_a_part_of_the_image_is_not_taken_for_the_whole(tmp_path):
    windows = {"dataWindow": ((2, 3), (10, 9)), "displayWindow": ((0, 0), (19, 19))}
    path = write(tmp_path / "a.exr", {"Z": numbers()}, **windows)
    assert "a part of the image" in refuses(read_map, path)


def test_the_package_is_named_where_it_is_missing(tmp_path, monkeypatch):
    path = write(tmp_path / "a.exr", {"Z": numbers()})
    monkeypatch.setitem(sys.modules, "OpenEXR", None)
    assert "pip install OpenEXR" in refuses(read_map, path)


def test_a_missing_file(tmp_path):
    assert "missing" in refuses(read_map, tmp_path / "none.exr")


def test_any_damage_is_read_or_refused_in_silence(tmp_path, capfd):
    path = write(tmp_path / "a.exr", {"Z": numbers()})
    errors = errors_of_damage(read_map, path, 150)
    assert len(errors) > 60
    assert all(error.startswith(f"{path}: ") and "\n" not in error for error in errors)
    assert capfd.readouterr() == ("", "")
