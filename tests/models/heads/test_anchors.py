"""Anchors lie where SSD puts them."""

import math

import numpy as np

from models.heads.anchors import anchors


def test_there_are_25200_at_640():
    made = anchors((640, 640), ((80, 80), (40, 40), (20, 20)), (8, 16, 32)).numpy()
    assert made.shape == (25_200, 4)
    assert made.min() > 0
    assert made.max() <= 1


def test_a_known_cell():
    height, width = 96, 160
    made = anchors((height, width), ((12, 20), (6, 10), (3, 5)), (8, 16, 32)).numpy()
    row, column = 4, 7  # of the second level
    first = 3 * (12 * 20 + row * 10 + column)
    pixels = made[first : first + 3] * [width, height, width, height]
    long, short = 64 * math.sqrt(2), 64 / math.sqrt(2)
    centre = [(column + 0.5) * 16, (row + 0.5) * 16]
    np.testing.assert_allclose(
        pixels,
        [[*centre, 64, 64], [*centre, long, short], [*centre, short, long]],
        rtol=1e-5,
    )


def test_they_do_not_pass_the_image():
    made = anchors((70, 100), ((9, 13), (5, 7), (3, 4)), (8, 16, 32)).numpy()
    assert made.max() == 1
    assert (made[-1] == [1, 1, np.float32(128 / math.sqrt(2) / 100), 1]).all()
