"""Label files: what is stored is what is read; every failure is one line that names the file."""

import io
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from datasets.formats.arrays import fit
from datasets.formats.npy_files import read_npy, read_npz
from datasets.formats.pictures import read_picture
from utils.errors import DataError


def save_png(path, array, palette=None):
    image = Image.fromarray(array)
    if palette:
        image.putpalette(palette)
    image.save(path)
    return path


def refuses(read, path):
    """Reading fails with one line that begins with the file; returns it."""
    with pytest.raises(DataError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def damaged(stored, rng):
    """The bytes of a file cut off, overwritten or with a few missing."""
    stored = bytearray(stored)
    kind = rng.integers(3)
    if kind == 0:
        return bytes(stored[: rng.integers(len(stored))])
    if kind == 1:
        for place in rng.integers(0, len(stored), 4):
            stored[place] = rng.integers(256)
    else:
        place = rng.integers(0, 120)
        del stored[place : place + rng.integers(1, 9)]
    return bytes(stored)


def errors_of_damage(read, path, times):
    """What is said of a file that is damaged in `times` ways, where it cannot be read."""
    rng = np.random.default_rng(0)
    stored = path.read_bytes()
    errors = []
    for _ in range(times):
        path.write_bytes(damaged(stored, rng))
        try:
            read(path)
        except DataError as error:
            errors.append(str(error))
    return errors


class TestReadPicture:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_grey_values_as_stored(self, tmp_path, dtype):
        grey = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (5, 7)).astype(dtype)
        result = read_picture(save_png(tmp_path / "a.png", grey)).numbers
        np.testing.assert_array_equal(result, grey)

    def test_palette_indices_not_their_colours(self, tmp_path):
        indices = np.arange(20, dtype=np.uint8).reshape(4, 5)
        path = save_png(tmp_path / "a.png", indices, palette=list(range(255, 195, -1)))
        assert Image.open(path).mode == "P"
        np.testing.assert_array_equal(read_picture(path).numbers, indices)

    def test_colours_as_rgb(self, tmp_path):
        colours = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
        result = read_picture(save_png(tmp_path / "a.png", colours)).numbers
        np.testing.assert_array_equal(result, colours)

    @pytest.mark.parametrize("channels", [3, 4])
    def test_colours_of_16_bits(self, tmp_path, channels):
        colours = np.random.default_rng(0).integers(0, 2**16, (4, 5, channels)).astype(np.uint16)
        order = [2, 1, 0, 3][:channels]  # OpenCV's
        cv2.imwrite(str(tmp_path / "a.png"), colours[..., order])
        np.testing.assert_array_equal(read_picture(tmp_path / "a.png").numbers, colours)

    @pytest.mark.parametrize("largest", [255, 65535])
    def test_grey_values_of_a_pgm(self, tmp_path, largest):
        grey = np.arange(20).reshape(4, 5) * (largest // 20)
        stored = grey.astype(np.uint8 if largest == 255 else ">u2").tobytes()
        (tmp_path / "a.pgm").write_bytes(b"P5\n5 4\n%d\n" % largest + stored)
        np.testing.assert_array_equal(read_picture(tmp_path / "a.pgm").numbers, grey)

    @pytest.mark.parametrize("largest", [20, 4095])
    def test_a_pgm_that_pillow_would_stretch(self, tmp_path, largest):
        (tmp_path / "a.pgm").write_bytes(b"P5\n5 4\n%d\n" % largest + bytes(40))
        assert f"up to {largest}" in refuses(read_picture, tmp_path / "a.pgm")

    def test_a_missing_file(self, tmp_path):
        assert "missing" in refuses(read_picture, tmp_path / "none.png")

    @pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n"])
    def test_no_image(self, tmp_path, content):
        path = tmp_path / "a.png"
        path.write_bytes(content)
        refuses(read_picture, path)

    def test_a_folder_in_its_place(self, tmp_path):
        refuses(read_picture, tmp_path)

    def test_half_a_file(self, tmp_path):
        noise = np.random.default_rng(0).integers(0, 256, (40, 50), dtype=np.uint8)
        path = save_png(tmp_path / "a.png", noise)
        path.write_bytes(path.read_bytes()[:1000])
        refuses(read_picture, path)

    def test_a_size_that_would_fill_the_memory(self, tmp_path, monkeypatch):
        path = save_png(tmp_path / "a.png", np.zeros((40, 50), np.uint8))
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
        refuses(read_picture, path)

    def test_any_damage_is_read_or_refused(self, tmp_path):
        noise = np.random.default_rng(0).integers(0, 256, (12, 12), dtype=np.uint8)
        path = save_png(tmp_path / "a.png", noise)
        errors = errors_of_damage(read_picture, path, 150)
        assert len(errors) > 60
        assert all(error.startswith(f"{path}: ") and "\n" not in error for error in errors)


class TestReadNpy:
    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64", "uint8", ">f4"])
    def test_numbers_as_stored(self, tmp_path, dtype):
        array = np.random.default_rng(0).integers(0, 99, (5, 7)).astype(dtype)
        np.save(tmp_path / "a.npy", array)
        result = read_npy(tmp_path / "a.npy")
        assert result.dtype == array.dtype
        np.testing.assert_array_equal(result, array)

    def test_a_missing_file(self, tmp_path):
        assert "missing" in refuses(read_npy, tmp_path / "none.npy")

    def test_a_folder_in_its_place(self, tmp_path):
        refuses(read_npy, tmp_path)

    @pytest.mark.parametrize(
        "array",
        [
            np.array(["a", "b"]),
            np.array([1j]),
            np.array(["2020-01-01"], "datetime64[D]"),
            np.zeros((0, 5)),
            np.zeros(3, [("x", "f4")]),
        ],
        ids=["text", "complex", "dates", "empty", "record"],
    )
    def test_what_holds_no_numbers(self, tmp_path, array):
        np.save(tmp_path / "a.npy", array)
        assert "numbers" in refuses(read_npy, tmp_path / "a.npy")

    def test_pickled_objects_are_not_run(self, tmp_path):
        np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
        refuses(read_npy, tmp_path / "a.npy")

    @pytest.mark.parametrize("version", [(1, 0), (2, 0)])
    def test_both_versions_for_numbers(self, tmp_path, version):
        array = np.random.default_rng(0).random((5, 7))
        with (tmp_path / "a.npy").open("wb") as file:
            np.lib.format.write_array(file, array, version)
        np.testing.assert_array_equal(read_npy(tmp_path / "a.npy"), array)

    def test_the_version_for_records(self, tmp_path):
        with (tmp_path / "a.npy").open("wb") as file:
            np.lib.format.write_array(file, np.zeros(3), (3, 0))
        assert "of version 3, which is for records" in refuses(read_npy, tmp_path / "a.npy")

    def test_other_formats(self, tmp_path):
        path = tmp_path / "a.npy"
        archive = io.BytesIO()
        np.savez(archive, depth=np.ones(3))
        for content in (b"", b"hello", b"PK\x03\x04 torn archive", archive.getvalue()):
            path.write_bytes(content)
            refuses(read_npy, path)

    def test_a_header_that_promises_more_than_memory(self, tmp_path):
        header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (9000000, 9000000), }"
        header = header.ljust(117) + b"\n"
        path = tmp_path / "a.npy"
        path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
        refuses(read_npy, path)

    def test_any_damage_is_read_or_refused(self, tmp_path):
        path = tmp_path / "a.npy"
        np.save(path, np.random.default_rng(0).random((6, 6)))
        errors = errors_of_damage(read_npy, path, 150)
        assert len(errors) > 60
        assert all(error.startswith(f"{path}: ") and "\n" not in error for error in errors)


class TestReadNpz:
    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64", "uint8", ">f4"])
    @pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
    def test_numbers_as_stored(self, tmp_path, dtype, save):
        array = np.random.default_rng(0).integers(0, 99, (5, 7)).astype(dtype)
        save(tmp_path / "a.npz", depth=array, other=np.zeros(3), by_columns=array.T)
        for key, expected in (("depth", array), ("by_columns", array.T)):
            result = read_npz(tmp_path / "a.npz", key)
            assert result.dtype == array.dtype
            np.testing.assert_array_equal(result, expected)

    def test_one_array_needs_no_name(self, tmp_path):
        np.savez(tmp_path / "a.npz", np.arange(6.0))
        np.testing.assert_array_equal(read_npz(tmp_path / "a.npz"), np.arange(6.0))

    @pytest.mark.parametrize("key", [None, "z"])
    def test_several_arrays_are_named(self, tmp_path, key):
        np.savez(tmp_path / "a.npz", depth=np.zeros(3), valid=np.zeros(3))
        with pytest.raises(DataError, match=r"a\.npz: .* depth, valid; `depth_key = …` names"):
            read_npz(tmp_path / "a.npz", key, "depth_key")

    def test_pickled_objects_are_not_run(self, tmp_path):
        np.savez(tmp_path / "a.npz", np.array([{}], dtype=object))
        assert "pickled" in refuses(read_npz, tmp_path / "a.npz")

    def test_an_array_that_would_fill_the_memory(self, tmp_path):
        header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (90000, 90000), }"
        header = header.ljust(117) + b"\n"
        content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
            archive.writestr("a.npy", content)
        assert "memory" in refuses(read_npz, tmp_path / "a.npz")

    @pytest.mark.filterwarnings("error")
    def test_any_damage_is_read_or_refused(self, tmp_path):
        path = tmp_path / "a.npz"
        np.savez_compressed(path, np.random.default_rng(0).random((6, 6)))
        errors = errors_of_damage(read_npz, path, 150)
        assert len(errors) > 60
        assert all(error.startswith(f"{path}: ") and "\n" not in error for error in errors)


class TestFit:
    def test_the_same_size_is_left_alone(self):
        array = np.ones((4, 6))
        assert fit(array, (4, 6), Path()) is array

    @pytest.mark.parametrize("size", [(20, 30), (6, 9), (14, 21), (53, 79), (100, 150)])
    @pytest.mark.parametrize("channels", [(), (3,)])
    @pytest.mark.parametrize("dtype", [np.uint8, np.float32])
    def test_takes_the_pixel_that_the_centre_falls_into(self, size, channels, dtype):
        array = np.random.default_rng(0).integers(0, 256, (10, 15, *channels)).astype(dtype)
        rows, columns = (
            ((np.arange(new) + 0.5) * old / new).astype(int)
            for new, old in zip(size, (10, 15), strict=True)
        )
        expected = array[rows][:, columns]
        result = fit(array, size, Path())
        assert result.dtype == dtype
        np.testing.assert_array_equal(result, expected)
