"""Padding to an aspect ratio, against positions written out."""

import numpy as np
import pytest

from utils.canvas import Canvas, blank_outside, without_padding
from utils.geometry import Crop, Warp

RNG = np.random.default_rng


def random_sizes(seed, count=200):
    """Pairs of (height, width), some of extreme proportions."""
    sides = np.exp(RNG(seed).uniform(0, np.log(700), (count, 2, 2))).round().astype(int)
    return [tuple(map(tuple, pair.tolist())) for pair in sides]


class TestPadded:
    @pytest.mark.parametrize(
        ("image", "size", "canvas"),
        [
            ((375, 500), (640, 640), (500, 500)),
            ((500, 375), (640, 640), (500, 500)),
            ((480, 640), (640, 640), (640, 640)),
            ((480, 640), (240, 320), (480, 640)),
            ((427, 640), (320, 480), (427, 640)),  # the same aspect ratio, to a pixel
            ((100, 100), (480, 640), (100, 133)),
        ],
    )
    def test_sizes(self, image, size, canvas):
        assert Canvas.padded(image, size).size == canvas

    def test_is_the_smallest_canvas_of_the_aspect_ratio(self):
        for image, size in random_sizes(0):
            canvas = Canvas.padded(image, size)
            gaps = np.subtract(canvas.size, image)
            assert gaps.min() == 0, "one side is the image's"
            ratio = max(np.divide(image, size))
            np.testing.assert_allclose(canvas.size, ratio * np.array(size), atol=1)

    def test_the_position_is_a_share_of_the_padding(self):
        places = [Canvas.padded((375, 500), (640, 640), (y, 0.3)).place for y in (0, 0.4, 1)]
        assert places == [(0, 0), (50, 0), (125, 0)]


class TestPad:
    """Padding all round, without any scaling."""

    @pytest.mark.parametrize(
        ("image", "size", "shown"),
        [
            ((425, 560), (448, 576), (8, 11, 568, 436)),  # NYUD: 23 and 16 pixels are padding
            ((375, 500), (512, 512), (6, 68, 506, 443)),
            ((448, 576), (448, 576), (0, 0, 576, 448)),
            ((1, 1), (4, 5), (2, 1, 3, 2)),
        ],
    )
    def test_the_image_lies_in_the_middle_as_it_is(self, image, size, shown):
        warp = Canvas.of(image, size, "pad").resize(size)
        assert warp.shown(image) == shown
        assert (warp.crop.scales, warp.zoom) == ((1, 1), 1)
        pixels = RNG(0).integers(0, 256, (*image, 3), dtype=np.uint8)
        x1, y1, x2, y2 = shown
        warped = warp.image(pixels, (9, 9, 9))
        np.testing.assert_array_equal(warped[y1:y2, x1:x2], pixels)
        assert (warped.astype(int).sum(), warped.shape) == (
            pixels.astype(int).sum() + 27 * (size[0] * size[1] - image[0] * image[1]),
            (*size, 3),
        )

    def test_a_larger_image_is_scaled_down_to_fit(self):
        warp = Canvas.of((900, 1200), (448, 576), "pad").resize((448, 576))
        x1, y1, x2, y2 = warp.shown((900, 1200))
        assert (x1, x2) == (0, 576)
        assert y2 - y1 == 432
        assert abs(y1 - (448 - y2)) <= 1
        for image, size in random_sizes(5):
            scales = Canvas.of(image, size, "pad").resize(size).crop.scales
            assert min(scales) < 1 or scales == (1, 1) or 1 in image


class TestWarp:
    def test_the_figures_of_an_image_of_375_by_500_at_640_by_640(self):
        warp = Canvas.padded((375, 500), (640, 640)).resize((640, 640))
        assert warp.crop.shown(640) == (0, 0, 640, 480)
        box = np.array([[0.2 * 500, 0.2 * 375, 0.6 * 500, 0.6 * 375]])
        np.testing.assert_allclose(warp.boxes(box), [[128, 96, 384, 288]])

    def test_without_padding_it_is_the_crop_as_it_is(self):
        rng = RNG(1)
        for image, size in random_sizes(2):
            rows, columns = (np.sort(rng.choice(n + 1, 2, replace=False)) for n in image)
            crop = Crop(
                (slice(*map(int, rows)), slice(*map(int, columns))),
                (slice(0, size[0]), slice(0, size[1])),
                bool(rng.random() < 0.5),
            )
            warp = Canvas.unpadded(image).warp(crop, size, 1.3)
            np.testing.assert_array_equal(warp.matrix, crop.matrix(size[1]))
            assert (warp.crop, warp.size, warp.zoom) == (crop, size, 1.3)

    def test_the_image_comes_to_lie_where_the_canvas_puts_it_to_half_a_pixel(self):
        rng = RNG(3)
        for image, size in random_sizes(4):
            canvas = Canvas.padded(image, size, rng.random(2))
            warp = canvas.resize(size)
            x1, y1, x2, y2 = warp.crop.shown(size[1])
            assert 0 <= x1 < x2 <= size[1]
            assert 0 <= y1 < y2 <= size[0]
            scale = np.divide(size, canvas.size)
            exact = np.array([canvas.place, np.add(canvas.place, image)]) * scale
            error = np.abs(exact - [[y1, x1], [y2, x2]])
            # What is thinner than a pixel gets the nearest one.
            assert error.max() <= 1.5
            assert error[:, (exact[1] - exact[0]) >= 1].max(initial=0) <= 0.5 + 1e-9
            np.testing.assert_allclose(
                warp.boxes(np.array([[0, 0, image[1], image[0]]], float))[0], [x1, y1, x2, y2]
            )


SHOWN, SIZE = (3, 2, 11, 8), (12, 14)


def test_what_lies_outside_becomes_padding():
    labels = RNG(5).integers(0, 200, SIZE).astype(np.uint8)
    expected = np.full(SIZE, 255)
    expected[2:8, 3:11] = labels[2:8, 3:11]
    np.testing.assert_array_equal(blank_outside(SHOWN, SIZE).nearest(labels, 255), expected)


def test_the_padding_is_cut_off():
    image = RNG(6).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
    np.testing.assert_array_equal(without_padding(SHOWN).image(image, (0, 0, 0)), image[2:8, 3:11])
    box = np.array([[3.0, 2, 7, 5]])
    np.testing.assert_allclose(without_padding(SHOWN).boxes(box), [[0, 0, 4, 3]])


def test_the_padding_can_be_undone_to_the_size_of_the_image():
    canvas = Canvas.padded((375, 500), (640, 640))
    warp = canvas.resize((640, 640))
    back = without_padding(warp.crop.shown(640), (375, 500))
    assert back.size == (375, 500)
    boxes = RNG(7).uniform(0, 375, (9, 4))
    np.testing.assert_allclose(back.boxes(warp.boxes(boxes)), Warp(np.eye(2, 3), SIZE).boxes(boxes))
