"""Images in arrays, as MTAN's NYUv2 has them, of 16 bits, with transparency, and in other files."""

import cv2
import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image, ImageOps

from datasets.formats.decoding import is_whole_png
from datasets.formats.images import PADDING, is_turned, read_image, read_upright
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


class TestSixteenBits:
    @pytest.mark.parametrize("kind", ["png", "tif", "ppm"])
    @pytest.mark.parametrize("channels", [(), (3,), (4,)])
    def test_the_whole_range_is_read(self, tmp_path, kind, channels):
        stored = np.random.default_rng(0).integers(0, 2**16, (4, 5, *channels)).astype(np.uint16)
        if channels == (4,):
            stored[..., 3] = 65535
        path = tmp_path / f"a.{kind}"
        if kind == "ppm" and channels != (3,):
            return
        cv2.imwrite(str(path), stored)
        colours = stored[..., 2::-1] if channels else np.stack([stored] * 3, axis=2)
        np.testing.assert_allclose(read_image(path), colours / 257, atol=1)

    @pytest.mark.parametrize("kind", ["png", "tif"])
    @pytest.mark.parametrize("channels", [(), (3,)])
    @pytest.mark.parametrize("bits", [10, 12])
    def test_fewer_bits_in_them_are_not_taken_for_black(self, tmp_path, kind, channels, bits):
        path = tmp_path / f"a.{kind}"
        cv2.imwrite(str(path), np.full((4, 5, *channels), 2**bits - 1, np.uint16))
        with pytest.raises(DataError, match=rf"a\.{kind}: its largest number is {2**bits - 1},"):
            read_image(path)

    @pytest.mark.parametrize("number", [0, 4096])
    def test_dark_pictures_are_read(self, tmp_path, number):
        cv2.imwrite(str(tmp_path / "a.png"), np.full((4, 5), number, np.uint16))
        assert (read_image(tmp_path / "a.png") == number // 256).all()

    def test_dark_pictures_of_eight_bits_are_read(self, tmp_path):
        Image.fromarray(np.full((4, 5, 3), 3, np.uint8)).save(tmp_path / "a.png")
        assert (read_image(tmp_path / "a.png") == 3).all()


class TestTransparency:
    """What is transparent shows the colour that lies outside of images, not what is stored."""

    @pytest.mark.parametrize("kind", ["png", "tiff", "webp"])
    def test_colours_lie_on_the_padding(self, tmp_path, kind):
        rgba = np.random.default_rng(0).integers(0, 256, (4, 5, 4), np.uint8)
        rgba[0, :, 3], rgba[1, :, 3] = 0, 255
        options = {"lossless": True, "exact": True} if kind == "webp" else {}
        Image.fromarray(rgba).save(tmp_path / f"a.{kind}", **options)
        result = read_image(tmp_path / f"a.{kind}")
        share = rgba[..., 3:] / 255
        expected = rgba[..., :3] * share + np.array(PADDING) * (1 - share)
        np.testing.assert_allclose(result, expected, atol=0.51)
        assert (result[0] == PADDING).all()
        np.testing.assert_array_equal(result[1], rgba[1, :, :3])

    def test_grey_with_alpha(self, tmp_path):
        stored = np.array([[[90, 255], [200, 0]]], np.uint8)
        Image.fromarray(stored).save(tmp_path / "a.png")
        assert read_image(tmp_path / "a.png").tolist() == [[[90] * 3, list(PADDING)]]

    @pytest.mark.parametrize("kind", ["png", "gif"])
    def test_a_colour_of_a_palette(self, tmp_path, kind):
        picture = Image.fromarray(np.array([[0, 1, 2]], np.uint8))
        picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
        picture.save(tmp_path / f"a.{kind}", transparency=1)
        expected = [[[255, 0, 0], list(PADDING), [0, 0, 255]]]
        assert read_image(tmp_path / f"a.{kind}").tolist() == expected

    @pytest.mark.parametrize("kind", ["png", "webp", "avif", "jp2", "tiff"])
    def test_opaque_pictures_are_read_as_before(self, tmp_path, kind):
        rgba = np.random.default_rng(0).integers(0, 256, (8, 9, 4), np.uint8)
        rgba[..., 3] = 255
        Image.fromarray(rgba).save(tmp_path / f"a.{kind}")
        stored = np.frombuffer((tmp_path / f"a.{kind}").read_bytes(), np.uint8)
        expected = cv2.imdecode(stored, cv2.IMREAD_COLOR_RGB)
        np.testing.assert_array_equal(read_image(tmp_path / f"a.{kind}"), expected)


class TestOtherFiles:
    @pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
    def test_a_tiff_of_other_numbers_is_named(self, tmp_path, dtype):
        tifffile.imwrite(tmp_path / "a.tif", np.ones((4, 5, 3), dtype), photometric="rgb")
        with pytest.raises(DataError, match=rf"a\.tif: is a TIFF of {dtype.__name__}; save"):
            read_image(tmp_path / "a.tif")

    def test_an_exr_is_named(self, tmp_path):
        (tmp_path / "a.exr").write_bytes(b"\x76\x2f\x31\x01" + bytes(99))
        with pytest.raises(DataError, match=r"a\.exr: is an EXR of floats; save"):
            read_image(tmp_path / "a.exr")

    def test_an_npz_of_one_array_is_read(self, tmp_path):
        np.savez(tmp_path / "a.npz", picture())
        np.testing.assert_array_equal(read_image(tmp_path / "a.npz"), picture())

    def test_the_arrays_of_an_npz_are_named(self, tmp_path):
        np.savez(tmp_path / "a.npz", image=picture(), mask=picture())
        with pytest.raises(DataError, match=r"a\.npz: holds the arrays image, mask; one is wanted"):
            read_image(tmp_path / "a.npz")


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8])
def test_an_image_is_turned_as_its_note_says_where_that_is_wanted(tmp_path, orientation, suffix):
    image = np.kron(picture(), np.ones((16, 16, 1), np.uint8))
    stored = Image.fromarray(image)
    exif = stored.getexif()
    exif[ExifTags.Base.Orientation] = orientation
    path = tmp_path / f"a.{suffix}"
    stored.save(path, exif=exif, **({"quality": 100, "subsampling": 0} if suffix == "jpg" else {}))
    most = 6 if suffix == "jpg" else 0
    assert np.abs(read_image(path).astype(int) - image).max() <= most, "as it is stored"
    upright = read_upright(path)
    assert upright.flags.c_contiguous
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
    assert upright.shape == expected.shape
    assert np.abs(upright.astype(int) - expected).max() <= most
    assert is_turned(path) == (orientation != 1)
