"""The picture of the affinities."""

import numpy as np
import pytest

from engine.training.affinity import draw_affinity, groups_in_words


def colours(picture):
    return {tuple(map(int, colour)) for colour in picture.reshape(-1, 3)}


def test_groups_in_words():
    assert groups_in_words([("a", "b"), ("c",)]) == "a + b | c"


@pytest.mark.parametrize("size", [1, 2, 11])
def test_a_picture_of_any_number_of_tasks(size):
    names = [f"segmentation:{k}" for k in range(size)]
    picture = draw_affinity(np.random.default_rng(0).normal(size=(size, size)), names, [names])
    assert picture.dtype == np.uint8
    assert picture.shape[0] > 40 * size
    assert picture.shape[1] > 70 * size


def test_help_is_blue_and_harm_is_red():
    names, groups = ["a", "b"], [("a",), ("b",)]

    def most_vivid(matrix):
        pixels = draw_affinity(np.array(matrix), names, groups).reshape(-1, 3).astype(int)
        return pixels[np.ptp(pixels, axis=1).argmax()]

    red, _, blue = most_vivid([[1e-9, 1e-6], [0.0, 1e-9]])
    assert blue > red + 100
    red, _, blue = most_vivid([[1e-9, -1e-6], [0.0, 1e-9]])
    assert red > blue + 100


def test_before_the_first_step_there_is_nothing_to_see():
    blank = colours(draw_affinity(np.zeros((2, 2)), ["a", "b"], [("a", "b")]))
    assert all(len(set(colour)) == 1 for colour in blank), "shades of grey"


def test_tasks_of_one_group_stand_side_by_side():
    matrix = np.diag([1.0, 1.0, 1.0])
    matrix[0, 2] = matrix[2, 0] = 0.5
    grouped = draw_affinity(matrix, ["a", "b", "c"], [("a", "c"), ("b",)])
    swapped = matrix[np.ix_([0, 2, 1], [0, 2, 1])]
    assert np.array_equal(grouped, draw_affinity(swapped, ["a", "c", "b"], [("a", "c"), ("b",)]))
