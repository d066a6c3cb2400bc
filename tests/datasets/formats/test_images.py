"""Images stored as arrays, as MTAN's NYUv2 has them."""

import numpy as np
import pytest
from PIL import Image

from datasets.formats.decoding import is_whole_png
from datasets.formats.images import read_image
from utils.errors import DataError


def picture():
    return np.random.default_rng(0).integers(0, 256, (4, 5, 3), np.uint8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("first", [False, True])
def test_floats_from_0_to_1_in_either_order(tmp_path, dtype, first):
    stored = (picture() / 255).astype(dtype)
    np.save(tmp_path / "a.npy", stored.transpose(2, 0, 1) if first else stored)
    result = read_image(tmp_path / "a.npy")
    assert result.dtype == np.uint8
    assert result.flags.c_contiguous
    np.testing.assert_array_equal(result, picture())


def test_eight_bits_are_kept(tmp_path):
    np.save(tmp_path / "a.npy", picture())
    np.testing.assert_array_equal(read_image(tmp_path / "a.npy"), picture())


@pytest.mark.parametrize(
    ("stored", "says"),
    [
        (picture() * 1.0, "floats from 0 to 1"),
        (picture() / 255 - 0.5, "floats from 0 to 1"),
        (np.full((4, 5, 3), np.nan), "floats from 0 to 1"),
        (picture().astype(np.int64), "8-bit"),
        (picture()[..., 0] / 255, "(4, 5)"),
        (np.zeros((4, 5, 4), np.uint8), "(4, 5, 4)"),
    ],
)
def test_what_is_no_image_is_named(tmp_path, stored, says):
    np.save(tmp_path / "a.npy", stored)
    with pytest.raises(DataError) as caught:
        read_image(tmp_path / "a.npy")
    assert str(caught.value).startswith(f"{tmp_path / 'a.npy'}: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_png_whose_chunk_claims_gigabytes_is_refused(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(picture()).save(path)
    np.testing.assert_array_equal(read_image(path), picture())
    path.write_bytes(path.read_bytes() + b"more")  # which others ignore, too
    np.testing.assert_array_equal(read_image(path), picture())
    stored = bytearray(path.read_bytes())
    stored[33] = 0xCB  # the highest byte of the length of the second chunk
    path.write_bytes(stored)
    assert not is_whole_png(bytes(stored))
    with pytest.raises(DataError, match=r"a\.png: cannot be read as an image"):
        read_image(path)
