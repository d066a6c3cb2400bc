"""Sheets: pictures with titles and legends."""

import numpy as np
import pytest

from engine.runs.sheet import draw_sheet
from tasks.depth import Depth
from tasks.detection import Detection
from tasks.normal import Normal
from tasks.palette import palette
from tasks.segmentation import Segmentation

IMAGE = np.full((120, 400, 3), 90, np.uint8)


def has_colour(picture, colour):
    return bool((picture == np.array(colour)).all(axis=2).any())


def test_classes_that_occur_stand_beside_their_colours():
    task = Segmentation(("wall", "floor", "lamp"))
    labels = np.zeros(IMAGE.shape[:2], np.uint8)
    labels[:40] = 2
    sheet = draw_sheet(IMAGE, [task], {"segmentation": labels})
    colours = palette(3)
    assert [name for name, _ in task.legend(labels).entries] == ["wall", "lamp"]
    assert [has_colour(sheet, colours[k]) for k in range(3)] == [True, False, True]


def test_depth_has_a_scale():
    task = Depth()
    scale = task.legend(np.full((2, 2), 3, np.float32))
    assert [text for _, text in scale.ticks] == ["0", "2.5", "5", "7.5", "10 m"]
    near, far = scale.colours[1], scale.colours[-1]
    assert near.sum() > far.sum()
    picture = task.draw(IMAGE[:1, :1], np.full((1, 1), 5, np.float32))
    assert np.abs(scale.colours[127].astype(int) - picture[0, 0]).max() < 6


@pytest.mark.parametrize("classes", [3, 200])
def test_the_size_depends_on_the_image_and_the_number_of_tasks_alone(classes):
    """As the frames of a video must."""
    names = tuple(f"class {k} of a long name" for k in range(classes))
    tasks = [Segmentation(names), Detection(names), Normal()]
    labels = (np.arange(IMAGE.shape[0] * IMAGE.shape[1]) % classes).reshape(IMAGE.shape[:2])
    sizes = set()
    for boxes in (np.zeros((0, 7)), np.array([[5, 5, 90, 50, 1, 0, 0.9]])):
        answers = {
            "segmentation": labels.astype(np.uint8),
            "detection": boxes.astype(np.float32),
            "normal": np.full((*IMAGE.shape[:2], 3), 3**-0.5, np.float32),
        }
        sizes.add(draw_sheet(IMAGE, tasks, answers).shape)
    assert len(sizes) == 1
    height, width, _ = sizes.pop()
    assert width > 4 * 400
    assert height > 120
