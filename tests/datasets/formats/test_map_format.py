"""The keys of a section [dataset.<name>] reach the formats of maps."""

import numpy as np
import pytest
from PIL import Image

from tests.labels import custom_dataset
from utils.errors import ConfigError


@pytest.fixture
def factory(tmp_path):
    """A folder of one image, and the arrays of its labels in one .npz."""
    folder = tmp_path / "factory"
    folder.mkdir()
    Image.fromarray(np.zeros((4, 5, 3), np.uint8)).save(folder / "a.jpg")
    normals = np.tile(np.float32([0.5, 0.5, 1]), (4, 5, 1))  # (0, 0, 1)
    arrays = {"disparity": np.full((4, 5), 20), "normal": normals, "mask": np.full((4, 5), 7)}
    np.savez(folder / "a.npz", **arrays)
    return tmp_path


def test_an_npz_of_all_labels(factory):
    dataset = custom_dataset(
        images="*.jpg", classes="bolt nut",
        depth="*.npz", depth_key="disparity", depth_baseline="0.5", depth_focal_length="80",
        depth_unit="0.5", depth_invalid="0 65535",
        normal="*.npz", normal_key="normal", normal_range="0 1", normal_axes="right up back",
        segmentation="*.npz", segmentation_key="mask", first="6",
    )  # fmt: skip
    (sample,) = dataset.read(factory, "train").samples
    targets = {name: label.read((4, 5)) for name, label in sample.labels.items()}
    assert (targets["depth"] == 4).all()
    np.testing.assert_allclose(targets["normal"], np.tile([0.0, 0, -1], (4, 5, 1)))
    assert (targets["segmentation"] == 1).all()


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"depth_baseline": "0.5"}, "depth_baseline"),
        ({"depth_focal_length": "500"}, "depth_focal_length"),
    ],
)
def test_mistakes_name_the_key(factory, keys, key):
    dataset = custom_dataset(images="*.jpg", depth="*.npz", **keys)
    with pytest.raises(ConfigError, match=key) as caught:
        dataset.read(factory, "train")
    assert caught.value.option == key
