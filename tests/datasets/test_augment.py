"""Augmentation: the distribution of its warps and colours, and labels that stay with the image."""

import itertools

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torchvision.transforms.v2 import functional as tv

from datasets.augment import Augmentation, generator
from datasets.framing import FRAMINGS
from datasets.light import colour_matrix, sharpness
from datasets.scenes import render
from tasks.depth import Depth
from tasks.detection import Detection
from tasks.normal import Normal
from tasks.segmentation import Segmentation
from utils.canvas import Canvas
from utils.geometry import Warp

SIZE, SOURCE = (48, 64), (60, 100)
CANVAS = Canvas.unpadded(SOURCE)
DRAWS = 2000


@pytest.fixture(scope="module")
def warps():
    augmentation = Augmentation()
    return [augmentation.warp(generator(0, 0, index), CANVAS, SIZE) for index in range(DRAWS)]


def window(warp):
    """x1, y1, x2, y2: the part of the source that the output shows, and whether it is mirrored."""
    linear, offset = warp.matrix[:, :2], warp.matrix[:, 2]
    corners = np.array([[0, 0], [warp.size[1], warp.size[0]]])
    (x1, y1), (x2, y2) = np.linalg.solve(linear, (corners - offset).T).T
    return (min(x1, x2), y1, max(x1, x2), y2), x1 > x2


class TestWarp:
    def test_is_a_function_of_seed_epoch_and_index(self):
        augmentation = Augmentation()

        def matrix(*key):
            return augmentation.warp(generator(*key), CANVAS, SIZE).matrix

        keys = [(s, e, i) for s in range(3) for e in range(3) for i in range(30)]
        for key in keys[::7]:
            np.testing.assert_array_equal(matrix(*key), matrix(*key))
        # Three in four are not the plain resize, mirrored or not: nearly all of them differ.
        different = {matrix(*key).tobytes() for key in keys}
        assert len(different) > 0.4 * len(keys)
        for other in ((1, 0), (0, 1)):
            same = [np.array_equal(matrix(0, 0, i), matrix(*other, i)) for i in range(100)]
            assert sum(same) < 30

    def test_half_of_them_show_another_window(self, warps):
        share = np.mean([warp.zoom != 1 for warp in warps])
        assert abs(share - 0.5) < 0.04

    def test_half_of_them_are_mirrored(self, warps):
        assert abs(np.mean([window(warp)[1] for warp in warps]) - 0.5) < 0.04

    def test_the_window_is_two_to_four_thirds_of_the_image_and_zooms_by_its_inverse(self, warps):
        scales = []
        for warp in warps:
            (x1, y1, x2, y2), _ = window(warp)
            across, down = (x2 - x1) / SOURCE[1], (y2 - y1) / SOURCE[0]
            # To a pixel: its edges are those of pixels.
            assert down == pytest.approx(across, abs=2 / min(SOURCE))
            assert warp.zoom == pytest.approx((across * down) ** -0.5)
            scales.append(1 / warp.zoom)
        scales = np.array([scale for scale in scales if abs(scale - 1) > 1e-9])
        assert 0.66 < scales.min() < 0.68
        assert 1.32 < scales.max() < 1.35
        assert abs(scales.mean() - 1) < 0.02

    def test_a_smaller_window_lies_in_the_image_a_larger_one_around_it(self, warps):
        left = []
        for warp in warps:
            (x1, y1, x2, y2), _ = window(warp)
            overhang = np.array([-x1, -y1, x2 - SOURCE[1], y2 - SOURCE[0]])
            sign = 1 if warp.zoom < 1 else -1
            assert (sign * overhang >= -1e-9).all()
            if warp.zoom > 1.2:
                left.append(x1 / (SOURCE[1] * (1 - 1 / warp.zoom)))
        # Anywhere in it.
        assert abs(np.mean(left) - 0.5) < 0.06
        assert min(left) < 0.05
        assert max(left) > 0.95

    def test_fills_the_output_without_turning(self, warps):
        for warp in warps:
            assert warp.size == SIZE
            assert warp.matrix[0, 1] == warp.matrix[1, 0] == 0

    def test_the_range_of_scales_can_be_narrowed_to_none(self):
        window = FRAMINGS.choose("window", {"min_scale": 1.0, "max_scale": 1.0})
        augmentation = Augmentation(augmentation=window)
        matrices = {
            augmentation.warp(generator(0, 0, i), CANVAS, SIZE).matrix.tobytes() for i in range(50)
        }
        assert len(matrices) == 2  # as it is, and mirrored


class Script:
    """Random numbers as told: `chosen` for each step in turn, brightness, contrast, saturation,
    hue and order; drawn numbers at `share` of their range; the order of the channels."""

    def __init__(self, chosen, share, order=(0, 1, 2)):
        self.chosen, self.share, self.order = iter(chosen), share, np.array(order)

    def random(self):
        return 0.0 if next(self.chosen) else 0.999

    def uniform(self, low, high):
        return low + self.share * (high - low)

    def permutation(self, count):
        assert count == 3
        return self.order


def applied(matrix, colours):
    return colours @ matrix[:, :3].T + matrix[:, 3]


class TestColourMatrix:
    """Against each distortion by itself, with torchvision's where it has the same one."""

    colours = np.random.default_rng(0).uniform(0.2, 0.45, (64, 3))

    def brighter(self, colours, share):
        return colours + (2 * share - 1) * 32 / 255

    def contrast(self, colours, share):
        image = torch.from_numpy(colours.T.reshape(3, 8, 8).copy())
        return tv.adjust_brightness(image, 0.5 + share).reshape(3, 64).numpy().T

    def saturation(self, colours, share):
        image = torch.from_numpy(colours.T.reshape(3, 8, 8).copy())
        return tv.adjust_saturation(image, 0.5 + share).reshape(3, 64).numpy().T

    def hue(self, colours, share):
        turn = np.deg2rad((2 * share - 1) * 18 / 255 * 360) * np.ones(3) / np.sqrt(3)
        return Rotation.from_rotvec(turn).apply(colours)

    @pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
    @pytest.mark.parametrize("chosen", list(itertools.product((0, 1), repeat=4)), ids=str)
    def test_is_the_steps_one_after_the_other(self, chosen, share):
        expected = self.colours
        steps = (self.brighter, self.contrast, self.saturation, self.hue)
        for wanted, step in zip(chosen, steps, strict=True):
            if wanted:
                expected = step(expected, share)
        assert expected.min() > 0  # torchvision cuts off at 0 and 1
        assert expected.max() < 1
        result = applied(colour_matrix(Script([*chosen, False], share)), self.colours)
        np.testing.assert_allclose(result, expected, atol=5e-4)

    @pytest.mark.parametrize("order", [(2, 0, 1), (1, 0, 2)])
    def test_the_channels_are_ordered_last(self, order):
        plain = applied(colour_matrix(Script([True] * 4 + [False], 0.3)), self.colours)
        mixed = applied(colour_matrix(Script([True] * 5, 0.3, order)), self.colours)
        np.testing.assert_allclose(mixed, plain[:, order], rtol=1e-6)

    def test_nothing_chosen_changes_nothing(self):
        matrix = colour_matrix(Script([False] * 5, 0.3))
        np.testing.assert_array_equal(matrix, np.eye(3, 4))
        assert matrix.dtype == np.float32

    def test_hue_and_saturation_leave_grey_alone(self):
        grey = np.full((1, 3), 0.4)
        for chosen in ((0, 0, 1, 0, 0), (0, 0, 0, 1, 0)):
            np.testing.assert_allclose(
                applied(colour_matrix(Script(chosen, 0.9)), grey), grey, rtol=1e-6
            )

    def test_is_a_function_of_its_generator(self):
        same, again, other = (colour_matrix(generator(0, 1, i)) for i in (5, 5, 6))
        np.testing.assert_array_equal(same, again)
        assert not np.array_equal(same, other)

    def test_how_often(self):
        matrices = np.array([colour_matrix(generator(0, 0, i)) for i in range(DRAWS)])
        brighter = np.mean(np.abs(matrices[:, :, 3]).max(axis=1) > 0)
        untouched = np.mean((matrices == np.eye(3, 4)).all(axis=(1, 2)))
        assert abs(brighter - 0.5) < 0.04
        # Half of each of four, and of the order, which is the same one time in six.
        assert abs(untouched - (1 - 0.5 * 5 / 6) / 16) < 0.015


def test_half_of_the_images_get_their_fine_detail_once_more():
    drawn = np.array([sharpness(generator(0, 0, i)) for i in range(DRAWS)])
    assert set(drawn) == {0.0, 1.0}
    assert abs(np.mean(drawn == 1) - 0.5) < 0.04


RENDERED = (96, 128)


@pytest.fixture(scope="module")
def scene():
    return render(seed=3, index=1, size=RENDERED)


def source_pixels(warp, size):
    """For each output pixel, the row and column of the source pixel it shows, where it shows one,
    and where its centre does not fall on the edge between two, of which it may take either."""
    y, x = np.indices(warp.size) + 0.5
    places = [
        (place - offset) / scale
        for place, scale, offset in (
            (y, warp.matrix[1, 1], warp.matrix[1, 2]),
            (x, warp.matrix[0, 0], warp.matrix[0, 2]),
        )
    ]
    clear = np.all([np.abs(place - np.rint(place)) > 1e-6 for place in places], axis=0)
    row, column = (np.floor(place).astype(int) for place in places)
    shown = (row >= 0) & (row < size[0]) & (column >= 0) & (column < size[1])
    return row.clip(0, size[0] - 1), column.clip(0, size[1] - 1), shown, clear


def normals_of(depth, focal):
    """The normals of a depth map's surface, seen by a pinhole camera, (H - 2, W - 2, 3)."""
    height, width = depth.shape
    y, x = np.indices(depth.shape) + 0.5
    points = np.stack([(x - width / 2) / focal, (y - height / 2) / focal, np.ones_like(x)], axis=2)
    points *= depth[..., None]
    across = points[1:-1, 2:] - points[1:-1, :-2]
    down = points[2:, 1:-1] - points[:-2, 1:-1]
    normals = np.cross(down, across)
    return normals / np.linalg.norm(normals, axis=2, keepdims=True)


class TestRenderedLabels:
    """The labels of the augmented image are the augmented labels, in a scene known exactly."""

    @pytest.mark.parametrize("index", range(8))
    def test_every_pixel_shows_the_labels_of_its_source(self, scene, index):
        warp = Augmentation().warp(generator(1, 0, index), Canvas.unpadded(RENDERED), (83, 117))
        row, column, shown, clear = source_pixels(warp, RENDERED)
        assert clear.mean() > 0.8
        _, mirrored = window(warp)

        classes = Segmentation(("",) * 40).warp(scene.classes, warp)
        depth = Depth().warp(scene.depth, warp)
        normals = Normal().warp(scene.normals, warp)
        agree = classes == np.where(shown, scene.classes[row, column], 255)
        assert agree[clear].all()
        expected = np.where(shown, scene.depth[row, column] / warp.zoom, 0)
        assert np.isclose(depth, expected, rtol=1e-5)[clear].all()
        mirror = np.array([-1 if mirrored else 1, 1, 1])
        expected = np.where(shown[..., None], scene.normals[row, column] * mirror, 0)
        assert np.isclose(normals, expected, atol=1e-5).all(axis=2)[clear].all()

    def test_mirrored_normals_are_those_of_the_mirrored_surface(self, scene):
        """They are computed from the mirrored depth by itself, away from where it jumps."""
        flip = Warp(np.array([[-1.0, 0, RENDERED[1]], [0, 1, 0]]), RENDERED)
        depth, normals = Depth().warp(scene.depth, flip), Normal().warp(scene.normals, flip)
        focal = 518.8579 / 640 * RENDERED[1]
        cosine = (normals_of(depth, focal) * normals[1:-1, 1:-1]).sum(axis=2)
        assert np.median(cosine) > 0.999
        assert (cosine > 0.99).mean() > 0.7
        # Without mirroring the vectors too, they would not fit.
        unmirrored = scene.normals[:, ::-1][1:-1, 1:-1]
        assert ((normals_of(depth, focal) * unmirrored).sum(axis=2) > 0.99).mean() < 0.6

    def test_boxes_are_those_of_the_warped_objects(self, scene):
        """To a pixel, of the objects that lie in the output as a whole."""
        size, task, compared = (160, 220), Detection(("object",)), 0
        for index in range(12):
            warp = Augmentation().warp(generator(2, 0, index), Canvas.unpadded(RENDERED), size)
            for number, box in enumerate(scene.boxes, start=1):
                x1, y1, x2, y2 = warp.boxes(box[None].astype(float))[0]
                if min(x1, y1) < 0 or x2 > size[1] or y2 > size[0]:
                    continue
                mask = warp.nearest((scene.instances == number).astype(np.uint8), 0)
                y, x = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
                result = task.warp(np.array([[*box, 0, 0]], np.float32), warp)
                if len(result):
                    visible = [x[0], y[0], x[-1] + 1, y[-1] + 1]
                    np.testing.assert_allclose(result[0, :4], visible, atol=1.01)
                    compared += 1
        assert compared > 20
