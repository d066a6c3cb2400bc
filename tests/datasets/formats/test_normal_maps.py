"""Maps of normals: unit vectors, whatever a file stores, and what is said of one without any."""

import cv2
import numpy as np
import OpenEXR
import pytest
import tifffile
from PIL import Image

from datasets.formats.normal_maps import NormalMap
from tasks.normal import Normal
from tests.labels import label, read
from utils.errors import ConfigError, DataError

TASK = Normal()


def unit_vectors(shape):
    vectors = np.random.default_rng(0).normal(size=(*shape, 3))
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def test_npy_of_vectors(tmp_path):
    normals = unit_vectors((4, 5))
    np.save(tmp_path / "a.npy", normals)
    result = read(TASK, tmp_path / "a.npy", (4, 5))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, normals, atol=1e-6)


def test_a_file_that_was_of_unit_vectors_is_measured_again_when_it_changes(tmp_path):
    normals, path = unit_vectors((4, 5)), tmp_path / "a.npy"
    for factor in (1, 1.4, 0.9):
        np.save(path, (factor * normals).astype(np.float64 if factor == 1.4 else np.float32))
        for _ in range(2):
            np.testing.assert_allclose(read(TASK, path, (4, 5)), normals, atol=1e-6)


@pytest.mark.parametrize("spoilt", [np.nan, np.inf, 1e-9, 0.3, 0.9, 5.0])
def test_one_pixel_that_is_no_unit_vector_is_found(tmp_path, spoilt):
    normals = unit_vectors((200, 300)).astype(np.float32)
    normals[150, 7] = (0, 0, spoilt)
    np.save(tmp_path / "a.npy", normals)
    result = read(TASK, tmp_path / "a.npy", (200, 300))
    expected = (0, 0, 1) if spoilt in (0.9, 5.0) else (0, 0, 0)
    np.testing.assert_allclose(result[150, 7], expected, atol=1e-6)
    normals[150, 7] = expected
    np.testing.assert_allclose(result, normals, atol=1e-6)


def test_vectors_are_made_unit_length_and_short_ones_are_none(tmp_path):
    stored = np.array([[[0, 0, -0.9], [0.1, 0, 0], [np.nan, 0, 1], [np.nan] * 3]])
    np.save(tmp_path / "a.npy", stored)
    result = read(TASK, tmp_path / "a.npy", (1, 4))
    np.testing.assert_allclose(result, [[[0, 0, -1], [0, 0, 0], [0, 0, 1], [0, 0, 0]]])


def test_png_of_eight_bits(tmp_path):
    normals = unit_vectors((6, 9))
    stored = np.round((normals + 1) * 127.5).astype(np.uint8)
    Image.fromarray(stored).save(tmp_path / "a.png")
    result = read(TASK, tmp_path / "a.png", (6, 9))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, normals, atol=0.012)
    np.testing.assert_allclose(np.linalg.norm(result, axis=2), 1, atol=1e-6)


@pytest.mark.parametrize("value", [0, 127, 128])
def test_black_and_grey_of_a_png_are_no_normals(tmp_path, value):
    Image.fromarray(np.full((2, 2, 3), value, np.uint8)).save(tmp_path / "a.png")
    assert (read(TASK, tmp_path / "a.png", (2, 2)) == 0).all()


def test_another_size_is_stretched_without_mixing_normals(tmp_path):
    normals = unit_vectors((2, 3))
    np.save(tmp_path / "a.npy", normals)
    result = read(TASK, tmp_path / "a.npy", (4, 6))
    np.testing.assert_allclose(result, normals.repeat(2, 0).repeat(2, 1), atol=1e-6)


@pytest.mark.parametrize("shape", [(3, 5), (3, 3)])
def test_channels_may_come_first(tmp_path, shape):
    normals = unit_vectors(shape)
    np.save(tmp_path / "last.npy", normals)
    last = read(TASK, tmp_path / "last.npy", shape)
    np.testing.assert_allclose(last, normals, atol=1e-6)
    if shape != (3, 3):  # where both fit, they are last
        np.save(tmp_path / "first.npy", normals.transpose(2, 0, 1))
        np.testing.assert_array_equal(read(TASK, tmp_path / "first.npy", shape), last)


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 4), (2, 4, 5), (0, 5, 3)])
def test_what_is_no_map_of_vectors(tmp_path, shape):
    np.save(tmp_path / "a.npy", np.ones(shape))
    with pytest.raises(DataError) as caught:
        read(TASK, tmp_path / "a.npy", (4, 5))
    assert str(caught.value).startswith(f"{tmp_path / 'a.npy'}: ")


@pytest.mark.parametrize("channels", [(), (4,)])
def test_what_is_no_colour_picture(tmp_path, channels):
    Image.fromarray(np.ones((2, 3, *channels), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png: .*normals are"):
        read(TASK, tmp_path / "a.png", (2, 3))


@pytest.mark.parametrize("name", ["torn.npy", "torn.png", "none.npy", "none.png"])
def test_missing_and_damaged_files_are_named(tmp_path, name):
    if name.startswith("torn"):
        (tmp_path / name).write_bytes(b"\x89PNG")
    with pytest.raises(DataError, match=name):
        read(TASK, tmp_path / name, (2, 3))


def facing_vectors(shape):
    """Unit vectors of surfaces that face the camera, in the axes right, down and forward."""
    normals = unit_vectors(shape)
    normals[..., 2] = -np.abs(normals[..., 2])
    return normals


def write(path, stored):
    """A map of vectors in a file of the kind that its suffix says."""
    match path.suffix.lower():
        case ".npy":
            np.save(path, stored)
        case ".npz":
            np.savez(path, normal=stored)
        case ".tif":
            tifffile.imwrite(path, stored, photometric="rgb")
        case ".exr":
            header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
            channels = {name: stored[..., i].copy() for i, name in enumerate("XYZ")}
            with OpenEXR.File(header, channels) as file:
                file.write(str(path))
        case _:
            cv2.imwrite(str(path), stored[..., ::-1])
    return path


def decided(path, **storage):
    stored = label(TASK, path, **storage)
    return stored.format.decided(stored)


class TestRange:
    @pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.tif", "a.exr"])
    def test_floats_are_vectors(self, tmp_path, name):
        normals = unit_vectors((6, 9))
        path = write(tmp_path / name, normals)
        np.testing.assert_allclose(read(TASK, path, (6, 9)), normals, atol=1e-6)
        assert decided(path)["range"].startswith("-1 to 1 (")

    @pytest.mark.parametrize("name", ["a.png", "a.tif"])
    def test_sixteen_bits(self, tmp_path, name):
        normals = unit_vectors((6, 9))
        stored = np.round((normals + 1) * 32767.5).astype(np.uint16)
        stored[0, 0] = 0
        path = write(tmp_path / name, stored)
        result = read(TASK, path, (6, 9))
        assert (result[0, 0] == 0).all()
        result[0, 0] = normals[0, 0]
        np.testing.assert_allclose(result, normals, atol=5e-5)
        assert decided(path)["range"].startswith("0 to 65535 (")

    def test_the_numbers_of_eight_bits(self, tmp_path):
        values = np.arange(256, dtype=np.uint8)
        stored = np.stack([values, values[::-1], values], axis=1)[None]
        path = write(tmp_path / "a.png", stored)
        vectors = label(TASK, path).format.stored(label(TASK, path))
        np.testing.assert_array_equal(vectors[0, :, 0], np.linspace(-1, 1, 256, dtype=np.float32))

    @pytest.mark.parametrize(
        ("dtype", "low", "high"),
        [(np.float32, 0, 1), (np.float64, 0, 255), (np.uint8, 0, 255), (np.int16, -127, 127)],
    )
    @pytest.mark.parametrize("name", ["a.npy", "a.npz"])
    def test_other_numbers_by_the_key(self, tmp_path, dtype, low, high, name):
        normals = unit_vectors((6, 9))
        stored = (normals + 1) / 2 * (high - low) + low
        stored = (stored if np.dtype(dtype).kind == "f" else np.round(stored)).astype(dtype)
        stored[0, 0] = 0
        path = write(tmp_path / name, stored)
        result = read(TASK, path, (6, 9), range=(float(low), float(high)))
        assert (result[0, 0] == 0).all()
        result[0, 0] = normals[0, 0]
        np.testing.assert_allclose(result, normals, atol=0.012)

    def test_a_scene_stored_as_0_to_1_is_not_guessed(self, tmp_path):
        """A ramp and two blocks, of which (0.5, 0.5, 1) would be 35 degrees off."""
        normals = np.tile(np.float32([0, 0, 1]), (8, 9, 1))
        normals[2:4, 2:5], normals[5:7, 4:8] = (0.6, 0, 0.8), (0, -0.8, 0.6)
        path = write(tmp_path / "a.npy", (normals + 1) / 2)
        for _ in range(2):
            with pytest.raises(DataError, match=r"a\.npy: .* within 0 and 1.*`normal_range = 0 1`"):
                read(TASK, path, (8, 9))
        result = read(TASK, path, (8, 9), range=(0.0, 1.0))
        np.testing.assert_allclose(result, normals, atol=1e-6)
        as_they_are = read(TASK, path, (8, 9), range=(-1.0, 1.0))
        np.testing.assert_allclose(as_they_are[0, 0], np.array([1, 1, 2]) / np.sqrt(6), atol=1e-6)

    def test_a_wall_of_positive_vectors_is_one(self, tmp_path):
        path = write(tmp_path / "a.npy", np.tile(np.float32([0, 0, 1]), (4, 5, 1)))
        assert (read(TASK, path, (4, 5)) == [0, 0, 1]).all()

    @pytest.mark.parametrize(
        ("stored", "says"),
        [
            (np.full((4, 5, 3), 200, np.uint8), "an .npy of uint8"),
            (np.full((4, 5, 3), 100, np.int64), "an .npy of int64"),
            (np.full((4, 5, 3), 200.0), "numbers from 200 to 200"),
            (3 * unit_vectors((4, 5)), "numbers from -"),
        ],
    )
    def test_what_else_is_no_vector_names_the_key(self, tmp_path, stored, says):
        path = write(tmp_path / "a.npy", stored)
        with pytest.raises(DataError, match=rf"a\.npy: .*{says}.*`normal_range = …`"):
            read(TASK, path, (4, 5))

    @pytest.mark.parametrize("words", [(1.0,), (1.0, 0.0), (0.0, 0.0), (0.0, 1.0, 2.0)])
    def test_what_is_no_range(self, words):
        with pytest.raises(ConfigError, match="normal_range wants a low and a high") as caught:
            NormalMap(range=words)
        assert caught.value.option == "normal_range"


class TestAxes:
    @pytest.mark.parametrize(
        ("axes", "stored"),
        [
            ("right down forward", (0.36, -0.48, -0.8)),
            ("right up back", (0.36, 0.48, 0.8)),
            ("left forward up", (-0.36, -0.8, 0.48)),
        ],
    )
    @pytest.mark.parametrize("name", ["a.npy", "a.png"])
    def test_vectors_are_turned_to_right_down_forward(self, tmp_path, axes, stored, name):
        stored = np.tile(np.float32(stored), (4, 5, 1))
        if name == "a.png":
            stored = np.round((stored + 1) * 127.5).astype(np.uint8)
        path = write(tmp_path / name, stored)
        result = read(TASK, path, (4, 5), axes=tuple(axes.split()))
        np.testing.assert_allclose(result[1, 2], (0.36, -0.48, -0.8), atol=0.01)
        assert decided(path, axes=tuple(axes.split()))["axes"] == axes

    def test_vectors_stay_where_nothing_is_said(self, tmp_path):
        normals = unit_vectors((4, 5))
        path = write(tmp_path / "a.npy", normals)
        np.testing.assert_allclose(read(TASK, path, (4, 5)), normals, atol=1e-6)
        assert decided(path)["axes"] == "as stored, x to the right"

    def test_no_normal_stays_none(self, tmp_path):
        path = write(tmp_path / "a.npy", np.zeros((4, 5, 3), np.float32))
        assert not read(TASK, path, (4, 5), axes=("right", "up", "back")).any()

    def test_surfaces_that_face_away_tell_of_other_axes(self, tmp_path):
        normals = facing_vectors((40, 50))
        path = write(tmp_path / "a.npy", normals)
        read(TASK, path, (40, 50), axes=("right", "down", "forward"))
        for _ in range(2):
            with pytest.raises(DataError, match=r"a\.npy: .*away.*`normal_axes = right up back`"):
                read(TASK, path, (40, 50), axes=("right", "up", "back"))

    @pytest.mark.parametrize(
        "words", ["right", "right up", "right left up", "up up back", "x y z", "right up back up"]
    )
    def test_what_are_no_axes(self, words):
        with pytest.raises(ConfigError, match=r"normal_axes wants .*right up back") as caught:
            NormalMap(axes=tuple(words.split()))
        assert caught.value.option == "normal_axes"
