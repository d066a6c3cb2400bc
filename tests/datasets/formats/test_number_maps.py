"""Maps of numbers as they are stored."""

import numpy as np
import pytest

from datasets.formats import Label
from datasets.formats.number_maps import NumberMap
from utils.errors import DataError


@pytest.mark.filterwarnings("error")
def test_numbers_that_are_too_large_are_infinite(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[1e300, -1e300], [np.nan, 2]]))
    result = Label(NumberMap(), (tmp_path / "a.npy",)).read((2, 2))
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, [[np.inf, -np.inf], [np.nan, 2]])


def test_a_single_channel_is_left_out(tmp_path):
    numbers = np.arange(6, dtype=np.float32).reshape(2, 3, 1)
    np.save(tmp_path / "a.npy", numbers)
    result = Label(NumberMap(), (tmp_path / "a.npy",)).read((2, 3))
    np.testing.assert_array_equal(result, numbers[..., 0])


@pytest.mark.parametrize("shape", [(4,), (), (2, 2, 2, 2)])
def test_what_is_no_map_is_named(tmp_path, shape):
    np.save(tmp_path / "a.npy", np.ones(shape))
    with pytest.raises(DataError, match=r"a\.npy: holds an array \("):
        Label(NumberMap(), (tmp_path / "a.npy",)).read((2, 2))
