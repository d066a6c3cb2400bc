"""Memory that is lent is not lent again while anything looks at it."""

import numpy as np
import pytest
import torch

from utils.memory import lend, stack


@pytest.mark.parametrize(
    "look",
    [
        lambda array: array,
        lambda array: array[2:, 1:].view(np.int16),
        lambda array: array.view(np.int32).T[::2],
        lambda array: torch.from_numpy(array)[1:],
        lambda array: torch.from_numpy(array)[1:].permute(1, 0).numpy()[3:],
    ],
)
def test_a_view_keeps_it(look):
    shape = (7, 11)  # of no other test here
    view = look(lend(shape, np.float32))
    view[...] = 3
    others = [lend(shape, np.float32) for _ in range(4)]
    for other in others:
        other[...] = 5
    assert (view == 3).all()


def test_it_is_used_again_when_nothing_looks_at_it():
    shape = (13, 17)
    first = lend(shape, np.float64)
    place = first.ctypes.data
    view = first[1:]
    del first
    assert lend(shape, np.float64).ctypes.data != place
    del view
    again = [lend(shape, np.uint64) for _ in range(2)]  # of the same size in bytes
    assert place in [array.ctypes.data for array in again]


def test_stacked_arrays_are_their_copies():
    arrays = [np.random.default_rng(i).random((3, 4), np.float32) for i in range(5)]
    stacked = stack(arrays)
    rows = [row.permute(1, 0) for row in stacked]
    del stacked
    stack([np.zeros((3, 4), np.float32)] * 5)
    for row, array in zip(rows, arrays, strict=True):
        assert np.array_equal(row.numpy().T, array)
