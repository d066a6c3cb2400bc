"""TIFFs of more than 8 bits: the numbers that tifffile wrote are those that are read."""

import numpy as np
import pytest
import tifffile

from datasets.formats.pictures import read_picture
from datasets.formats.stored_maps import map_head
from tests.datasets.formats.test_arrays import errors_of_damage, refuses

TYPES = ("uint16", "int16", "uint32", "int32", "float32", "float64")
LAYOUTS = (
    {},
    {"bigtiff": True},
    {"byteorder": ">"},
    {"compression": "zlib"},
    {"compression": "zlib", "rowsperstrip": 3},
    {"tile": (16, 16)},
)


def numbers(dtype, shape, seed=0):
    """Of the whole range of a type of integers; floats of all sizes, NaN and infinite ones."""
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind != "f":
        limits = np.iinfo(dtype)
        return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    result = rng.normal(size=shape).astype(dtype) * 10 ** rng.uniform(-9, 9, shape).astype(dtype)
    result[0, 0], result[0, 1] = np.nan, np.inf
    return result


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("channels", [(), (3,)])
def test_numbers_as_stored(tmp_path, dtype, layout, channels):
    stored, path = numbers(dtype, (21, 17, *channels)), tmp_path / "a.tiff"
    tifffile.imwrite(path, stored, photometric="rgb" if channels else "minisblack", **layout)
    result = read_picture(path)
    assert (result.kind, result.numbers.dtype) == ("TIFF", dtype)
    np.testing.assert_array_equal(result.numbers, stored)
    head = map_head(path)
    assert (head.kind, head.shape, head.dtype) == ("TIFF", stored.shape, dtype)


@pytest.mark.parametrize(
    ("stored", "layout"),
    [
        (np.ones((3, 9, 8), np.float32), {"photometric": "rgb", "planarconfig": "separate"}),
        (np.ones((9, 8), np.float16), {}),
        (np.ones((9, 8), np.complex64), {}),
    ],
    ids=["channel by channel", "half floats", "complex"],
)
def test_what_is_not_read_is_named(tmp_path, stored, layout):
    tifffile.imwrite(tmp_path / "a.tif", stored, **layout)
    assert "cannot be read as a TIFF" in refuses(read_picture, tmp_path / "a.tif")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("content", [b"II*\0", b"II*\0\x08\0\0\0", b"MM\0*" + bytes(40)])
def test_no_tiff(tmp_path, content):
    (tmp_path / "a.tif").write_bytes(content)
    refuses(read_picture, tmp_path / "a.tif")


@pytest.mark.filterwarnings("error")
def test_any_damage_is_read_or_refused(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, numbers("float32", (12, 12)), compression="zlib")
    errors = errors_of_damage(read_picture, path, 150)
    assert len(errors) > 60
    assert all(error.startswith(f"{path}: ") and "\n" not in error for error in errors)
