"""Depth maps: the metres that a file stores, and what is said of one that stores none."""

import numpy as np
import OpenEXR
import pytest
import tifffile
from PIL import Image

from datasets.formats.depth_maps import DepthMap
from tasks.depth import Depth
from tests.labels import label, read
from utils.errors import ConfigError, DataError

TASK = Depth()


def test_npy_in_metres(tmp_path):
    depth = np.random.default_rng(0).uniform(0.5, 9, (4, 5))
    np.save(tmp_path / "a.npy", depth)
    result = read(TASK, tmp_path / "a.npy", (4, 5))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, depth, rtol=1e-6)


def test_png_in_millimetres(tmp_path):
    stored = np.array([[0, 1500], [65535, 1]], np.uint16)
    Image.fromarray(stored).save(tmp_path / "a.png")
    result = read(TASK, tmp_path / "a.png", (2, 2), unit=1e-3)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, [[0, 1.5], [65.535, 0.001]], rtol=1e-6)


def test_what_is_no_number_has_no_reading(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[np.nan, 2], [np.inf, -np.inf]]))
    np.testing.assert_array_equal(read(TASK, tmp_path / "a.npy", (2, 2)), [[0, 2], [0, 0]])


def test_another_size_is_stretched_without_mixing_depths(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[1.0, 5], [0, 3]]))
    result = read(TASK, tmp_path / "a.npy", (6, 6))
    np.testing.assert_array_equal(result, np.array([[1, 5], [0, 3]]).repeat(3, 0).repeat(3, 1))


@pytest.mark.parametrize("shape", [(2, 3, 1), (1, 2, 3)])
def test_one_channel_more_is_none(tmp_path, shape):
    np.save(tmp_path / "a.npy", np.arange(6.0).reshape(shape))
    result = read(TASK, tmp_path / "a.npy", (2, 3))
    np.testing.assert_array_equal(result, np.arange(6.0).reshape(2, 3))


@pytest.mark.parametrize("shape", [(6,), (2, 3, 4), (2, 3, 3), (0, 3), ()])
def test_what_is_no_map(tmp_path, shape):
    np.save(tmp_path / "a.npy", np.ones(shape))
    with pytest.raises(DataError) as caught:
        read(TASK, tmp_path / "a.npy", (2, 3))
    assert str(caught.value).startswith(f"{tmp_path / 'a.npy'}: ")


def test_colours_are_no_depth(tmp_path):
    Image.fromarray(np.zeros((2, 3, 3), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png: .*two dimensions"):
        read(TASK, tmp_path / "a.png", (2, 3), unit=1e-3)


@pytest.mark.parametrize("name", ["torn.npy", "torn.png", "none.npy", "none.png"])
def test_missing_and_damaged_files_are_named(tmp_path, name):
    if name.startswith("torn"):
        (tmp_path / name).write_bytes(b"\x93NUMPY\x01\x00")
    with pytest.raises(DataError, match=name):
        read(TASK, tmp_path / name, (2, 3))


@pytest.fixture
def metres():
    """Depths of which some have no reading."""
    rng = np.random.default_rng(0)
    return np.where(rng.random((6, 9)) < 0.2, 0, rng.uniform(0.5, 60, (6, 9)))


def write(path, stored):
    """A map in a file of the kind that its suffix says."""
    match path.suffix.lower():
        case ".npy":
            np.save(path, stored)
        case ".npz":
            np.savez(path, depth=stored)
        case ".tif" | ".tiff":
            tifffile.imwrite(path, stored)
        case ".exr":
            header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
            with OpenEXR.File(header, {"Z": stored}) as file:
                file.write(str(path))
        case _:
            Image.fromarray(stored).save(path)
    return path


class TestUnit:
    @pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.tif", "a.TIFF", "a.exr"])
    def test_floats_are_metres(self, tmp_path, metres, name):
        path = write(tmp_path / name, metres.astype(np.float32))
        np.testing.assert_array_equal(read(TASK, path, (6, 9)), metres.astype(np.float32))
        assert decided(path)["unit"].startswith("1 m a number (")

    def test_double_floats_of_a_tiff(self, tmp_path, metres):
        path = write(tmp_path / "a.tif", metres)
        np.testing.assert_array_equal(read(TASK, path, (6, 9)), metres.astype(np.float32))

    @pytest.mark.parametrize("name", ["a.png", "a.tif"])
    def test_sixteen_bits_are_millimetres(self, tmp_path, metres, name):
        path = write(tmp_path / name, np.round(metres * 1000).astype(np.uint16))
        np.testing.assert_allclose(read(TASK, path, (6, 9)), metres, atol=5.1e-4)
        kind = "PNG" if name == "a.png" else "TIFF"
        assert decided(path) == {
            "unit": f"0.001 m a number ({kind} of 16 bits)",
            "no reading": "0, below 0, not finite",
        }

    def test_the_unit_of_kitti(self, tmp_path, metres):
        path = write(tmp_path / "a.png", np.round(metres * 256).astype(np.uint16))
        np.testing.assert_allclose(read(TASK, path, (6, 9), unit=1 / 256), metres, atol=2e-3)

    @pytest.mark.parametrize(
        ("name", "dtype", "says"),
        [
            ("a.png", np.uint8, "a PNG of 8 bits"),
            ("a.tif", np.uint8, "a TIFF of 8 bits"),
            ("a.tif", np.int32, "a TIFF of int32"),
            ("a.npy", np.uint8, "an .npy of uint8"),
            ("a.npy", np.int64, "an .npy of int64"),
            ("a.npz", np.uint16, "an .npz of uint16"),
            ("a.exr", np.uint32, "an EXR of uint32"),
        ],
    )
    def test_other_numbers_want_it(self, tmp_path, name, dtype, says):
        """8 bits at a fiftieth of a metre, as a file of 50 to 200 has them."""
        stored = np.array([[50, 100], [200, 0]], dtype)
        path = write(tmp_path / name, stored)
        with pytest.raises(DataError, match=rf"{name}: is {says}, .*`depth_unit = …`"):
            read(TASK, path, (2, 2))
        np.testing.assert_allclose(read(TASK, path, (2, 2), unit=0.02), [[1, 2], [4, 0]])

    def test_jpeg_is_refused_whatever_its_suffix(self, tmp_path):
        Image.fromarray(np.full((2, 3), 9, np.uint8)).save(tmp_path / "a.png", "JPEG")
        with pytest.raises(DataError, match=r"a\.png: JPEG does not keep .* save .* as PNG"):
            read(TASK, tmp_path / "a.png", (2, 3), unit=0.02)


class TestKey:
    def test_it_names_the_array_of_an_npz(self, tmp_path, metres):
        np.savez(tmp_path / "a.npz", depth=metres, valid=metres > 0)
        result = read(TASK, tmp_path / "a.npz", (6, 9), key="depth")
        np.testing.assert_array_equal(result, metres.astype(np.float32))
        with pytest.raises(DataError, match=r"a\.npz: .* depth, valid; `depth_key = …`"):
            read(TASK, tmp_path / "a.npz", (6, 9))

    def test_the_size_of_the_map_is_that_of_the_array(self, tmp_path):
        np.savez(tmp_path / "a.npz", depth=np.ones((6, 9)), camera=np.eye(3))
        stored = label(TASK, tmp_path / "a.npz", key="depth")
        assert stored.format.stored_size(stored) == (6, 9)


class TestInvalid:
    def test_stored_numbers_that_mean_none(self, tmp_path):
        path = write(tmp_path / "a.png", np.array([[0, 1000], [65535, 65534]], np.uint16))
        result = read(TASK, path, (2, 2), invalid=(0.0, 65535.0))
        np.testing.assert_allclose(result, [[0, 1], [0, 65.534]], rtol=1e-6)
        assert decided(path, invalid=(0.0, 65535.0))["no reading"] == "0 65535, below 0, not finite"

    @pytest.mark.parametrize("name", ["a.npy", "a.exr", "a.tif"])
    @pytest.mark.parametrize("number", [1e10, 3.4028234663852886e38, -1.0, 0.1])
    def test_floats_that_mean_none(self, tmp_path, name, number):
        path = write(tmp_path / name, np.array([[number, 2.5]], np.float32))
        assert read(TASK, path, (1, 2), invalid=(number,)).tolist() == [[0, 2.5]]

    @pytest.mark.filterwarnings("error")
    def test_a_number_that_the_type_cannot_hold_is_nowhere(self, tmp_path):
        path = write(tmp_path / "a.npy", np.array([[1.5, 2.5]], np.float16))
        assert read(TASK, path, (1, 2), invalid=(-1e30, 65536.0)).tolist() == [[1.5, 2.5]]


class TestDisparity:
    CAMERA = {"baseline": 0.54, "focal_length": 721.5}

    def test_png_as_kitti_has_it(self, tmp_path, metres):
        far = np.where(metres > 0, metres + 5, 0)
        disparity = np.divide(0.54 * 721.5, far, out=np.zeros_like(far), where=far > 0)
        path = write(tmp_path / "a.png", np.round(disparity * 256).astype(np.uint16))
        result = read(TASK, path, (6, 9), **self.CAMERA)
        np.testing.assert_allclose(result, far, rtol=0.001)
        assert decided(path, **self.CAMERA) == {
            "unit": "0.00390625 pixels of disparity a number (PNG of 16 bits)",
            "no reading": "0, below 0, not finite",
            "depth": "0.54 m x 721.5 pixels / disparity",
        }

    @pytest.mark.filterwarnings("error")
    @pytest.mark.parametrize("name", ["a.npy", "a.tif"])
    def test_floats_are_pixels(self, tmp_path, name):
        stored = np.array([[10.0, 0, -1, np.nan, np.inf, 1e-45, 99]], np.float32)
        path = write(tmp_path / name, stored)
        result = read(TASK, path, (1, 7), baseline=0.5, focal_length=1000.0, invalid=(99.0,))
        assert result.tolist() == [[50, 0, 0, 0, 0, 0, 0]]

    def test_other_numbers_want_a_unit(self, tmp_path):
        path = write(tmp_path / "a.tif", np.full((1, 2), 320, np.uint16))
        with pytest.raises(DataError, match=r"a\.tif: .* pixels of disparity .*`depth_unit = …`"):
            read(TASK, path, (1, 2), **self.CAMERA)
        result = read(TASK, path, (1, 2), baseline=0.5, focal_length=1000.0, unit=1 / 16)
        assert result.tolist() == [[25, 25]]

    @pytest.mark.parametrize("name", ["baseline", "focal_length"])
    def test_both_keys_are_wanted(self, name):
        with pytest.raises(ConfigError) as caught:
            DepthMap(**{name: 1.0})
        assert caught.value.option == f"depth_{name}"


def decided(path, **storage):
    stored = label(TASK, path, **storage)
    return stored.format.decided(stored)
