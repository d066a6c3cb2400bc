"""Depth from Cityscapes' disparity."""

import json

import cv2
import numpy as np
import pytest

from datasets.formats import Label
from datasets.formats.disparity import DEFAULT_CAMERA, DisparityMap, ScaledDisparity
from utils.errors import DataError

BASELINE, FOCAL_LENGTH = DEFAULT_CAMERA


def label(*files):
    return Label(DisparityMap(), files)


def write_camera(path, **changes):
    camera = {"extrinsic": {"baseline": 0.222}, "intrinsic": {"fx": 2268.36, "fy": 2225.54}}
    path.write_text(json.dumps(camera | changes))
    return path


def test_the_formula_with_and_without_a_camera_file(tmp_path):
    stored = np.array([[0, 1, 2, 257, 30000, 65535]], np.uint16)
    cv2.imwrite(str(tmp_path / "d.png"), stored)
    disparity = (stored[:, 2:].astype(float) - 1) / 256
    result = label(tmp_path / "d.png").read((1, 6))
    assert result.dtype == np.float32
    assert result[0, :2].tolist() == [0, 0]  # none, and infinitely far
    np.testing.assert_allclose(result[0, 2:], BASELINE * FOCAL_LENGTH / disparity[0], 1e-6)
    result = label(tmp_path / "d.png", write_camera(tmp_path / "c.json")).read((1, 6))
    np.testing.assert_allclose(result[0, 2:], 0.222 * 2268.36 / disparity[0], 1e-6)


def test_the_unit_of_published_figures(tmp_path):
    stored = np.array([[0, 1, 2729, 65535]], np.uint16)
    cv2.imwrite(str(tmp_path / "d.png"), stored)
    scaled = Label(ScaledDisparity(), (tmp_path / "d.png",))
    np.testing.assert_allclose(scaled.read((1, 4)), stored / 2729.068, rtol=1e-6)
    assert scaled.format.decided(scaled)["unit"] == "the number / 2729.068 (PNG of 16 bits)"
    cv2.imwrite(str(tmp_path / "d.png"), stored.astype(np.uint8))
    with pytest.raises(DataError, match=r"d\.png: has 8 bits, a disparity map 16"):
        scaled.read((1, 4))


def test_a_point_20_m_away_in_a_street_is_read_as_20_m(tmp_path):
    disparity = BASELINE * FOCAL_LENGTH / 20  # 24 pixels
    cv2.imwrite(str(tmp_path / "d.png"), np.full((4, 6), round(disparity * 256 + 1), np.uint16))
    result = label(tmp_path / "d.png").read((2, 3))
    assert result.shape == (2, 3)
    np.testing.assert_allclose(result, 20, rtol=1e-3)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ('{"extrinsic": {"baseline": 0.2}}', "has no 'intrinsic'"),
        ('{"extrinsic": {"baseline": 0.2}, "intrinsic": {"fx": "wide"}}', "cannot be read"),
        ('{"extrinsic": {"baseline": -0.2}, "intrinsic": {"fx": 2200}}', "not positive"),
        ('{"extrinsic": {"baseline": NaN}, "intrinsic": {"fx": 2200}}', "not positive"),
        ('{"extrinsic": {"baseline": 0.2}, "intrinsic": {"fx": 1e300}}', "too large"),
        (
            f'{{"extrinsic": {{"baseline": 1{"0" * 400}}}, "intrinsic": {{"fx": 1}}}}',
            "cannot be read",
        ),
        ('{"extrinsic": {"baseline": [1]}, "intrinsic": {"fx": 1}}', "cannot be read"),
        (" " * 2**20 + "{}", "bytes, more than"),
        (None, "is missing"),
    ],
)
def test_a_camera_file_that_is_none_is_named(tmp_path, content, says):
    cv2.imwrite(str(tmp_path / "d.png"), np.ones((2, 2), np.uint16))
    camera = tmp_path / "c.json"
    if content is not None:
        camera.write_text(content)
    with pytest.raises(DataError, match=says) as caught:
        label(tmp_path / "d.png", camera).read((2, 2))
    assert str(caught.value).startswith(f"{camera}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("picture", [np.ones((2, 2), np.uint8), np.ones((2, 2, 3), np.uint16)])
def test_a_picture_that_is_no_disparity_map(tmp_path, picture):
    cv2.imwrite(str(tmp_path / "d.png"), picture)
    with pytest.raises(DataError) as caught:
        label(tmp_path / "d.png").read((2, 2))
    assert str(tmp_path / "d.png") in str(caught.value)
