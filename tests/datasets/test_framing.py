"""Which part of a training image each augmentation shows, and what turning it does."""

import numpy as np
import pytest

from datasets.augment import Augmentation, generator
from datasets.framing import FRAMINGS
from datasets.light import LIGHTS
from datasets.scenes import render
from tasks.depth import Depth
from tasks.normal import Normal
from tasks.segmentation import Segmentation
from tests.datasets.test_augment import normals_of
from utils.canvas import Canvas
from utils.errors import ConfigError
from utils.geometry import Warp

SOURCE, SIZE = (60, 100), (80, 120)
DRAWS = 300


def augmentation(name, flip=0.0, rotation=0.0, **values):
    return Augmentation(augmentation=FRAMINGS.choose(name, values), flip=flip, rotation=rotation)


def warps(augment, canvas, size=SIZE, draws=DRAWS):
    return [augment.warp(generator(0, 0, index), canvas, size) for index in range(draws)]


def sides(warp):
    """Of rows, then of columns: first and end of the source, and of the output."""
    axes = zip(warp.crop.source, warp.crop.place, strict=True)
    return [(of.start, of.stop, to.start, to.stop) for of, to in axes]


@pytest.fixture(scope="module")
def drawn():
    return warps(augmentation("scale-crop"), Canvas.of(SOURCE, SIZE, "pad"))


class TestScaleCrop:
    def test_the_scale_is_that_of_the_image_and_divides_depth(self, drawn):
        zooms = np.array([warp.zoom for warp in drawn])
        assert 0.49 < zooms.min() < 0.55
        assert 1.9 < zooms.max() < 2.04
        assert abs(zooms.mean() - 1.25) < 0.08
        depth = Depth().warp(np.full(SOURCE, 3.0, np.float32), drawn[0])
        assert depth.max() == pytest.approx(3 / drawn[0].zoom)

    def test_a_short_side_is_padded_on_both_ends_and_a_long_one_cropped(self, drawn):
        cropped = [0, 0]
        for warp in drawn:
            for axis, (first, end, top, bottom) in enumerate(sides(warp)):
                scale = (bottom - top) / (end - first)
                assert scale == pytest.approx(warp.zoom, abs=1.5 / (end - first) * warp.zoom)
                if (first, end) == (0, SOURCE[axis]):
                    assert top in (SIZE[axis] - bottom, SIZE[axis] - bottom - 1)
                else:
                    cropped[axis] += 1
                    assert (top, bottom) == (0, SIZE[axis])
                    assert warp.zoom * SOURCE[axis] > SIZE[axis] - 2
        assert min(cropped) > DRAWS / 3

    def test_the_part_lies_anywhere(self, drawn):
        places = []
        for warp in drawn:
            first, end, *_ = sides(warp)[1]
            if end - first < 80:
                places.append(first / (100 - (end - first)))
        assert min(places) < 0.1
        assert max(places) > 0.9
        assert abs(np.mean(places) - 0.5) < 0.1

    def test_it_counts_from_how_tests_show_the_image(self):
        still = augmentation("scale-crop", min_scale=1.0, max_scale=1.0)
        for aspect in ("stretch", "pad"):
            canvas = Canvas.of(SOURCE, SIZE, aspect)
            assert warps(still, canvas, draws=1)[0].crop == canvas.resize(SIZE).crop
        warp = warps(still, Canvas.of(SOURCE, SIZE, "keep"), draws=1)[0]
        assert sides(warp) == [(0, 60, 4, 76), (0, 100, 0, 120)]
        assert warp.zoom == pytest.approx(1, abs=0.01)

    def test_the_smallest_scale_is_not_above_the_largest(self):
        with pytest.raises(ConfigError, match="min_scale is above max_scale, 2"):
            augmentation("scale-crop", min_scale=3.0)


def test_zoom_shows_one_of_a_few_scales_somewhere():
    drawn = warps(augmentation("zoom"), Canvas.unpadded(SOURCE))
    counts, firsts = {}, []
    for warp in drawn:
        (top, bottom, *rows), (left, right, *columns) = sides(warp)
        assert (rows, columns) == ([0, SIZE[0]], [0, SIZE[1]])
        # Of 60 rows and 100 columns 1 / 1.2 and 1 / 1.5, rounded down as in the authors' code.
        scale = {60: 1.0, 50: 1.2, 40: 1.5}[bottom - top]
        assert right - left == {1.0: 100, 1.2: 83, 1.5: 66}[scale]
        assert warp.zoom == pytest.approx(scale, rel=0.01)
        counts[scale] = counts.get(scale, 0) + 1
        if scale == 1.5:
            firsts.append(top)
    assert all(abs(count / DRAWS - 1 / 3) < 0.1 for count in counts.values())
    assert min(firsts) == 0
    assert max(firsts) == 20


@pytest.mark.parametrize("aspect", ["stretch", "keep", "pad"])
def test_none_shows_the_image_as_tests_do(aspect):
    canvas = Canvas.of(SOURCE, SIZE, aspect)
    drawn = warps(augmentation("none", flip=0.5), canvas, draws=40)
    plain = canvas.resize(SIZE)
    assert {warp.crop.mirrored for warp in drawn} == {False, True}
    for warp in drawn:
        assert (warp.crop.source, warp.crop.place) == (plain.crop.source, plain.crop.place)
        assert warp.zoom == 1


@pytest.mark.parametrize(("flip", "share"), [(0.0, 0), (0.2, 0.2), (1.0, 1)])
def test_how_many_are_mirrored(flip, share):
    for name in FRAMINGS:
        drawn = warps(augmentation(name, flip=flip), Canvas.unpadded(SOURCE))
        assert abs(np.mean([warp.crop.mirrored for warp in drawn]) - share) < 0.08


@pytest.mark.parametrize("name", FRAMINGS)
@pytest.mark.parametrize("aspect", ["stretch", "keep", "pad"])
@pytest.mark.parametrize("size", [(1, 1), (7, 300), (64, 48)])
def test_every_framing_shows_some_of_any_image(name, aspect, size):
    for source in ((1, 1), (1, 90), (200, 3), (33, 47)):
        canvas = Canvas.of(source, size, aspect)
        for warp in warps(augmentation(name, flip=0.5), canvas, size, draws=30):
            shown = warp.nearest(np.ones(source, np.uint8), 0)
            x1, y1, x2, y2 = warp.shown(source)
            assert shown.shape == size
            assert shown.sum() == shown[y1:y2, x1:x2].size > 0


RENDERED = (96, 128)


@pytest.fixture(scope="module")
def scene():
    return render(seed=3, index=1, size=RENDERED)


class TestRotation:
    def test_angles_are_even_up_to_the_largest_and_lengths_stay(self):
        drawn = warps(augmentation("none", rotation=10.0), Canvas.unpadded(SOURCE), SOURCE)
        angles = []
        for warp in drawn:
            linear = warp.matrix[:, :2]
            np.testing.assert_allclose(linear @ linear.T, np.eye(2), atol=1e-12)
            np.testing.assert_allclose(warp.matrix @ [50, 30, 1], [50, 30], atol=1e-9)
            assert (warp.zoom, warp.crop) == (1, None)
            angles.append(np.rad2deg(np.arctan2(linear[1, 0], linear[0, 0])))
        assert -10 < min(angles) < -9
        assert 9 < max(angles) < 10
        assert abs(np.mean(angles)) < 1

    def test_labels_stay_with_the_image_and_are_void_beside_it(self, scene):
        warp = Warp.resize(RENDERED, RENDERED).turned(10)
        y, x = np.indices(RENDERED) + 0.5
        angle = np.deg2rad(10)
        dx, dy = x - 64, y - 48  # back by the same angle, about the middle
        column = np.cos(angle) * dx + np.sin(angle) * dy + 64
        row = -np.sin(angle) * dx + np.cos(angle) * dy + 48
        inside = (row >= 0) & (row < 96) & (column >= 0) & (column < 128)
        at = np.floor(row).astype(int).clip(0, 95), np.floor(column).astype(int).clip(0, 127)
        classes = Segmentation(("",) * 40).warp(scene.classes, warp)
        depth = Depth().warp(scene.depth, warp)
        # OpenCV counts in 1/32 of a pixel.
        assert (classes == np.where(inside, scene.classes[at], 255)).mean() > 0.97
        assert np.isclose(depth, np.where(inside, scene.depth[at], 0)).mean() > 0.97
        corners = [(0, 0), (0, 127), (95, 0), (95, 127)]
        assert all(classes[corner] == 255 and depth[corner] == 0 for corner in corners)
        image = warp.image(scene.image, (9, 99, 199))
        assert all(tuple(image[corner]) == (9, 99, 199) for corner in corners)

    @pytest.mark.parametrize("packed", [False, True])
    @pytest.mark.parametrize("degrees", [25, -40, 90])
    def test_turned_normals_are_those_of_the_turned_surface(self, scene, degrees, packed):
        warp = Warp.resize(RENDERED, RENDERED).turned(degrees)
        task = Normal()
        target = task.pack(scene.normals) if packed else scene.normals
        depth = Depth().warp(scene.depth, warp)
        normals = task.warp(target, warp).astype(np.float32)
        focal = 518.8579 / 640 * RENDERED[1]
        middle = np.s_[20:76, 36:92]  # of which all is inside
        with np.errstate(invalid="ignore"):  # beside the image there is no surface
            surface = normals_of(depth, focal)
        surface = np.pad(surface, ((1, 1), (1, 1), (0, 0)))[middle]
        cosine = (surface * normals[middle]).sum(axis=2)
        assert np.nanmedian(cosine) > 0.996, "the depth of the nearest pixels has steps"
        assert np.nanmean(cosine > 0.98) > 0.6
        # Turned the other way, they would not fit.
        turn = Warp.resize(RENDERED, RENDERED).turned(-2 * degrees).matrix[:, :2]
        other = normals[middle].copy()
        other[..., :2] = other[..., :2] @ turn.T
        assert np.nanmean((surface * other).sum(axis=2)) < np.nanmean(cosine) - 0.02

    def test_what_is_shown_lies_in_its_box(self):
        for index in range(50):
            canvas = Canvas.of((40, 60), SIZE, "keep", (0.2, 0.9))
            augment = augmentation("window", flip=0.5, rotation=180.0)
            warp = augment.warp(generator(1, 0, index), canvas, SIZE)
            shown = warp.nearest(np.ones((40, 60), np.uint8), 0)
            x1, y1, x2, y2 = warp.shown((40, 60))
            assert 0 <= x1 < x2 <= SIZE[1]
            assert 0 <= y1 < y2 <= SIZE[0]
            assert shown.sum() == shown[y1:y2, x1:x2].sum()


class TestLight:
    def changes(self, name, index=0):
        return LIGHTS.choose(name).build().changes(generator(0, 0, index))

    def test_jitter_leaves_order_and_sharpness_and_turns_the_hue_by_a_tenth_of_the_circle(self):
        matrices = [self.changes("jitter", index)["colour"] for index in range(2000)]
        assert all(set(self.changes("jitter", index)) == {"colour"} for index in range(3))
        offsets = np.array([matrix[0, 3] for matrix in matrices])
        assert abs(np.mean(offsets != 0) - 0.5) < 0.05
        # Where hue alone was turned, grey stays, and the trace of a rotation is 1 + 2 cos.
        alone = [
            m[:, :3]
            for m in matrices
            if m[0, 3] == 0 and np.allclose(m[:, :3] @ m[:, :3].T, np.eye(3), atol=1e-5)
        ]
        angles = np.rad2deg(np.arccos(np.clip([(np.trace(m) - 1) / 2 for m in alone], -1, 1)))
        assert 30 < angles.max() <= 36.01
        assert len(alone) > 2000 / 16

    def test_none_changes_nothing(self):
        assert self.changes("none") == {}
