"""ATSS against the paper's algorithm written out, object by object."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from tasks.boxes.matching import match

SIZE = (96, 128)


def random_anchors(rng, levels):
    """Anchors of levels of doubling size, at random places, so that no two are equally near."""
    anchors = []
    for level, count in enumerate(levels):
        centre = rng.uniform(0, 1, (count, 2)) * SIZE[::-1]
        sides = 12.0 * 2**level * rng.choice([0.7, 1.0, 1.4], (count, 2))
        anchors.append(np.concatenate([centre, sides], axis=1))
    return np.concatenate(anchors)


def random_boxes(rng, count):
    """Boxes clipped to the image, so that many touch its border."""
    centre = rng.uniform(0, 1, (count, 2)) * SIZE[::-1]
    half = np.exp(rng.uniform(np.log(2), np.log(50), (count, 2)))
    boxes = np.concatenate([centre - half, centre + half], axis=1)
    return boxes.clip(0, [*SIZE[::-1], *SIZE[::-1]])


def iou(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def reference(boxes, image, anchors, levels):
    """{image · A + anchor: object}, one object after the other."""
    owner, best = {}, {}
    starts = np.cumsum([0, *levels])
    for index, (x1, y1, x2, y2) in enumerate(boxes):
        candidates = []
        for start, end in pairwise(starts):
            apart = np.hypot(
                anchors[start:end, 0] - (x1 + x2) / 2, anchors[start:end, 1] - (y1 + y2) / 2
            )
            candidates += [start + i for i in np.argsort(apart)[:27]]
        overlaps = []
        for candidate in candidates:
            x, y, w, h = anchors[candidate]
            overlaps.append(iou((x - w / 2, y - h / 2, x + w / 2, y + h / 2), (x1, y1, x2, y2)))
        threshold = np.mean(overlaps) + np.std(overlaps, ddof=1)
        for candidate, overlap in zip(candidates, overlaps, strict=True):
            x, y = anchors[candidate, :2]
            across, down = min(x - x1, x2 - x), min(y - y1, y2 - y)
            inside = across > 0.01 * SIZE[1] and down > 0.01 * SIZE[0]
            place = image[index] * len(anchors) + candidate
            if overlap >= threshold and inside and overlap > best.get(place, 0):
                owner[place], best[place] = index, overlap
    return owner


def matched(boxes, image, anchors, levels):
    place, box = match(
        torch.tensor(boxes).float().reshape(-1, 4),
        torch.tensor(image, dtype=torch.int64),
        torch.tensor(anchors).float(),
        levels,
        SIZE,
    )
    assert place.tolist() == sorted(set(place.tolist()))
    return dict(zip(place.tolist(), box.tolist(), strict=True))


@pytest.mark.parametrize("seed", range(8))
def test_match_is_the_paper_s_algorithm(seed):
    rng = np.random.default_rng(seed)
    levels = (300, 75, 12)  # the last has fewer anchors than an object asks for
    anchors, boxes = random_anchors(rng, levels), random_boxes(rng, 40)
    image = np.sort(rng.integers(0, 4, 40))
    expected = reference(boxes, image, anchors, levels)
    assert len(expected) > 40
    assert matched(boxes, image, anchors, levels) == expected


def test_objects_of_one_image_do_not_compete_with_those_of_another():
    rng = np.random.default_rng(9)
    levels = (300, 75)
    anchors, box = random_anchors(rng, levels), [[30.0, 20.0, 90.0, 80.0]]
    alone = matched(box, [0], anchors, levels)
    both = matched(box * 2, [0, 1], anchors, levels)
    assert alone
    assert both == alone | {place + 375: 1 for place in alone}


def test_an_anchor_wanted_by_equal_objects_goes_to_the_first():
    rng = np.random.default_rng(10)
    anchors = random_anchors(rng, (300,))
    owner = matched([[30.0, 20.0, 60.0, 50.0]] * 3, [0, 0, 0], anchors, (300,))
    assert set(owner.values()) == {0}


def test_the_whole_image_as_one_object():
    rng = np.random.default_rng(11)
    levels = (300, 75, 20)
    anchors, box = random_anchors(rng, levels), [[0.0, 0.0, 128.0, 96.0]]
    expected = reference(np.array(box), [0], anchors, levels)
    assert expected
    assert matched(box, [0], anchors, levels) == expected


def test_an_object_smaller_than_the_margins_has_no_anchor():
    rng = np.random.default_rng(12)
    assert matched([[50.0, 50.0, 52.0, 51.0]], [0], random_anchors(rng, (300,)), (300,)) == {}


def test_no_objects_no_anchors():
    rng = np.random.default_rng(13)
    assert matched([], [], random_anchors(rng, (300,)), (300,)) == {}
