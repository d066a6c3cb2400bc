"""Warps against sampling written out: positions on pixel edges, where an image spans 0 to W."""

import itertools

import numpy as np
import pytest

from utils.geometry import Crop, Warp

BORDER = (10, 200, 90)
RNG = np.random.default_rng


def noise(size, seed=0):
    return RNG(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def smooth(size):
    """A picture that linear interpolation keeps to a fraction of a grey level."""
    y, x = np.indices(size)
    waves = [np.sin(x / 7 + 1), np.cos(y / 9), np.sin((x + y) / 11)]
    return (127 + 100 * np.stack(waves, axis=2)).astype(np.uint8)


def affine(scale, degrees=0.0, flip=False, centre=(0.0, 0.0), to=(0.0, 0.0)):
    """Scales, turns and mirrors about `centre`, which moves to `to`."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    linear = np.array([[c, -s], [s, c]]) @ np.diag([-1.0 if flip else 1.0, 1.0]) * scale
    return np.concatenate([linear, (np.array(to) - linear @ centre)[:, None]], axis=1)


def source_positions(warp):
    """(H, W, 2): where in the source the centre of each output pixel comes from."""
    y, x = np.indices(warp.size) + 0.5
    linear, offset = warp.matrix[:, :2], warp.matrix[:, 2]
    return np.stack([x, y], axis=2).reshape(-1, 2).dot(np.linalg.inv(linear).T).reshape(
        *warp.size, 2
    ) - np.linalg.solve(linear, offset)


def inside(positions, size, margin=0.0):
    span = np.array([size[1], size[0]])
    return ((positions > margin) & (positions < span - margin)).all(axis=2)


def sampled_nearest(image, warp, border):
    positions = source_positions(warp)
    x, y = np.moveaxis(np.floor(positions).astype(int), 2, 0)
    height, width = image.shape[:2]
    values = image[y.clip(0, height - 1), x.clip(0, width - 1)]
    within = inside(positions, (height, width))
    return np.where(within[..., None] if image.ndim == 3 else within, values, border)


def sampled_linear(image, warp):
    """Between pixel centres; up to the image's edge, the outermost pixels go on."""
    height, width = image.shape[:2]
    x, y = np.moveaxis(source_positions(warp) - 0.5, 2, 0)
    x, y = x.clip(0, width - 1), y.clip(0, height - 1)
    x0, y0 = (np.floor(v).astype(int).clip(0, n) for v, n in ((x, width - 2), (y, height - 2)))
    fx, fy = (x - x0)[..., None], (y - y0)[..., None]
    image = image.astype(float)
    upper = image[y0, x0] * (1 - fx) + image[y0, x0 + 1] * fx
    lower = image[y0 + 1, x0] * (1 - fx) + image[y0 + 1, x0 + 1] * fx
    return upper * (1 - fy) + lower * fy


WARPS = {
    "enlarging": affine(1.7, centre=(20, 15), to=(30, 20)),
    "shrinking a little": affine(0.83, centre=(30, 20), to=(31, 19.3)),
    "a crop, mirrored": affine(1.3, flip=True, centre=(33, 20), to=(25.2, 17.9)),
    "turned": affine(1.1, degrees=25, centre=(32, 24), to=(28, 20)),
    "turned and mirrored": affine(0.9, degrees=-70, flip=True, centre=(32, 24), to=(28, 20)),
    "stretched": np.array([[1.4, 0, -6.31], [0, 0.9, 2.13]]),
    "sheared": np.array([[1.1, 0.3, -6.3], [0.1, 0.9, 2.1]]),
}


@pytest.fixture(params=WARPS.values(), ids=WARPS)
def warp(request):
    return Warp(request.param, (40, 56))


class TestSampling:
    def test_nearest_takes_the_pixel_that_the_centre_falls_into(self, warp):
        image = noise((48, 64))
        fraction = source_positions(warp) % 1
        clear = ((fraction > 0.01) & (fraction < 0.99)).all(axis=2)  # not on an edge
        assert clear.mean() > 0.7
        np.testing.assert_array_equal(
            warp.nearest(image, 7)[clear], sampled_nearest(image, warp, 7)[clear]
        )

    def test_linear_interpolates_between_pixel_centres(self, warp):
        image = smooth((48, 64))
        within = inside(source_positions(warp), (48, 64))
        result = warp.image(image, BORDER).astype(float)
        error = np.abs(result - sampled_linear(image, warp))[within]
        assert error.max() < 2
        assert error.mean() < 0.5

    def test_outside_of_the_image_is_the_border(self, warp):
        outside = ~inside(source_positions(warp), (48, 64), margin=-2)
        assert (warp.image(noise((48, 64)), BORDER)[outside] == BORDER).all()
        assert (warp.nearest(np.ones((48, 64), np.float32), -3)[outside] == -3).all()

    def test_one_value_stays_one_value_up_to_the_edges(self, warp):
        image = np.full((48, 64, 3), 250, np.uint8)
        within = inside(source_positions(warp), (48, 64), margin=1e-3)
        assert (warp.image(image, (0, 0, 0))[within] == 250).all()

    @pytest.mark.parametrize("dtype", [np.uint8, np.float32])
    @pytest.mark.parametrize("channels", [(), (3,)])
    def test_nearest_keeps_kind_and_channels(self, warp, dtype, channels):
        array = RNG(0).integers(1, 255, (48, 64, *channels)).astype(dtype)
        moved = warp.nearest(array, 0)
        assert moved.dtype == dtype
        assert moved.shape == (*warp.size, *channels)
        assert set(np.unique(moved)) <= {0, *np.unique(array)}


class TestExact:
    """Warps that move whole pixels to whole pixels change no value."""

    image = noise((30, 44))
    labels = RNG(1).integers(0, 40, (30, 44)).astype(np.uint8)
    depth = RNG(2).random((30, 44), dtype=np.float32)

    def moved(self, warp):
        return [
            warp.image(self.image, BORDER),
            warp.nearest(self.labels, 255),
            warp.nearest(self.depth, 0),
        ]

    def test_identity(self):
        for moved, array in zip(
            self.moved(Warp.resize((30, 44), (30, 44))),
            (self.image, self.labels, self.depth),
            strict=True,
        ):
            np.testing.assert_array_equal(moved, array)

    def test_flip_mirrors(self):
        flip = Warp(np.array([[-1.0, 0, 44], [0, 1, 0]]), (30, 44))
        for moved, array in zip(
            self.moved(flip), (self.image, self.labels, self.depth), strict=True
        ):
            np.testing.assert_array_equal(moved, array[:, ::-1])

    @pytest.mark.parametrize("size", [(30, 44), (57, 80), (13, 19), (96, 40)])
    def test_flipping_before_or_after_a_resize_is_the_same(self, size):
        straight = Warp.resize((30, 44), size)
        mirrored = straight.matrix.copy()
        mirrored[0] = [-mirrored[0, 0], 0, size[1]]
        first = straight.image(self.image, BORDER)[:, ::-1].astype(int)
        assert np.abs(Warp(mirrored, size).image(self.image, BORDER) - first).max() <= 2

    def test_crop_takes_its_pixels(self):
        crop = Warp(np.array([[1.0, 0, -7], [0, 1, -4]]), (12, 20))
        for moved, array in zip(
            self.moved(crop), (self.image, self.labels, self.depth), strict=True
        ):
            np.testing.assert_array_equal(moved, array[4:16, 7:27])

    def test_padding_puts_the_border_around(self):
        pad = Warp(np.array([[1.0, 0, 3], [0, 1, 5]]), (40, 50))
        image, labels, depth = self.moved(pad)
        np.testing.assert_array_equal(image[5:35, 3:47], self.image)
        np.testing.assert_array_equal(labels[5:35, 3:47], self.labels)
        np.testing.assert_array_equal(depth[5:35, 3:47], self.depth)
        assert (labels[:5] == 255).all()
        assert (labels[:, 47:] == 255).all()
        assert (depth[35:] == 0).all()
        # The image fades into its border over a pixel.
        for strip in (image[:3], image[37:], image[:, :1], image[:, 49:]):
            assert (strip == BORDER).all()

    def test_zoom_two_doubles_every_pixel_of_the_crop(self):
        zoom = Warp(np.array([[2.0, 0, -2 * 5], [0, 2, -2 * 8]]), (24, 32), zoom=2.0)
        doubled = self.labels[8:20, 5:21].repeat(2, axis=0).repeat(2, axis=1)
        np.testing.assert_array_equal(zoom.nearest(self.labels, 255), doubled)


class TestShrinking:
    def test_checkerboard_becomes_grey(self):
        board = np.indices((64, 96)).sum(axis=0) % 2 * 255
        board = board.astype(np.uint8)[..., None].repeat(3, axis=2)
        small = Warp.resize((64, 96), (16, 24)).image(board, (0, 0, 0))
        assert small.shape == (16, 24, 3)
        assert np.abs(small.astype(int) - 127.5).max() <= 1

    @pytest.mark.parametrize("factor", [2, 3, 4, 8])
    def test_a_whole_factor_averages_blocks(self, factor):
        image = noise((48, 96))
        small = Warp.resize((48, 96), (48 // factor, 96 // factor)).image(image, BORDER)
        blocks = image.reshape(48 // factor, factor, 96 // factor, factor, 3).mean(axis=(1, 3))
        assert np.abs(small - blocks).max() <= 1

    @pytest.mark.parametrize("scale", [0.7, 0.45, 0.3])
    def test_fine_stripes_do_not_become_coarse_ones(self, scale):
        stripes = np.zeros((60, 120, 3), np.uint8)
        stripes[:, ::2] = 255
        warp = Warp(np.array([[scale, 0, -2.3], [0, 1.0, 0]]), (60, int(100 * scale)))
        small = warp.image(stripes, (127, 127, 127))[:, 2:-2].astype(float)
        sampled = sampled_nearest(stripes, warp, 0)[:, 2:-2].astype(float)
        assert small.std() < 0.4 * sampled.std()
        assert abs(small.mean() - 127.5) < 3

    def test_only_the_side_that_shrinks_is_averaged(self):
        image = noise((20, 80))
        small = Warp.resize((20, 80), (20, 20)).image(image, BORDER)
        assert np.abs(small - image.reshape(20, 20, 4, 3).mean(axis=2)).max() <= 1

    def test_to_a_single_pixel(self):
        image = noise((9, 7))
        small = Warp.resize((9, 7), (1, 1)).image(image, BORDER)
        assert np.abs(small[0, 0] - image.mean(axis=(0, 1))).max() <= 1


def test_resize_spans_the_output():
    warp = Warp.resize((30, 44), (60, 11))
    assert warp.zoom == 1  # stretched, not zoomed
    np.testing.assert_allclose(warp.matrix @ [44, 30, 1], [11, 60])
    np.testing.assert_allclose(warp.matrix @ [0, 0, 1], [0, 0])


class TestBoxes:
    def test_are_those_of_the_warped_corners(self, warp):
        low = RNG(3).uniform(0, 40, (50, 2))
        boxes = np.concatenate([low, low + RNG(4).uniform(0.1, 30, (50, 2))], axis=1)
        for box, moved in zip(boxes, warp.boxes(boxes), strict=True):
            corners = [warp.matrix @ [*p, 1] for p in itertools.product(box[::2], box[1::2])]
            np.testing.assert_allclose(moved, [*np.min(corners, 0), *np.max(corners, 0)])

    def test_none(self, warp):
        assert warp.boxes(np.zeros((0, 4))).shape == (0, 4)

    def test_flip_mirrors_them(self):
        flip = Warp(np.array([[-1.0, 0, 44], [0, 1, 0]]), (30, 44))
        np.testing.assert_array_equal(flip.boxes(np.array([[0.0, 2, 10, 7]])), [[34, 2, 44, 7]])

    @pytest.mark.parametrize("seed", range(5))
    def test_enclose_the_warped_pixels(self, seed):
        """The box of a mask, warped, is the box of the warped mask, within half a pixel."""
        rng = RNG(seed)
        x1, y1 = rng.integers(5, 30, 2)
        x2, y2 = x1 + rng.integers(3, 30), y1 + rng.integers(3, 20)
        mask = np.zeros((60, 70), np.uint8)
        mask[y1:y2, x1:x2] = 1
        scale = rng.uniform(0.7, 2)
        warp = Warp(affine(scale, flip=bool(seed % 2), centre=(35, 30), to=(75, 65)), (130, 150))
        y, x = np.nonzero(warp.nearest(mask, 0))
        result = [x.min(), y.min(), x.max() + 1, y.max() + 1]
        assert np.abs(warp.boxes(np.array([[x1, y1, x2, y2]], float))[0] - result).max() <= 0.51


class TestRotation:
    def test_a_stretch_turns_nothing(self):
        np.testing.assert_array_equal(Warp.resize((30, 44), (60, 33)).rotation(), np.eye(2))

    def test_of_a_flip(self):
        flip = Warp(np.array([[-2.5, 0, 44], [0, 1.3, 0]]), (30, 44))
        np.testing.assert_allclose(flip.rotation(), np.diag([-1, 1]), atol=1e-12)

    @pytest.mark.parametrize("degrees", [0, 20, 90, 135, -160])
    @pytest.mark.parametrize("flip", [False, True])
    def test_of_a_turn_leaves_out_zoom_and_stretching(self, degrees, flip):
        turn = affine(1.0, degrees, flip)[:, :2]
        for stretch in (np.eye(2) * 3, np.diag([0.5, 1.5]), np.array([[1.2, 0.4], [0.4, 0.9]])):
            matrix = np.concatenate([turn @ stretch, [[5], [-3]]], axis=1)
            np.testing.assert_allclose(Warp(matrix, (9, 9)).rotation(), turn, atol=1e-12)


@pytest.mark.parametrize("scale", [0.3, 0.6, 0.8, 1.0, 1.5, 2.7])
@pytest.mark.parametrize("flip", [False, True])
def test_an_image_and_its_labels_stay_aligned(scale, flip):
    """A pixel away from the borders between regions shows the colour of its label."""
    labels = RNG(5).integers(0, 6, (8, 10)).repeat(12, axis=0).repeat(12, axis=1).astype(np.uint8)
    colours = np.array(
        [[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [255, 255, 255]], np.uint8
    )
    size = (70, 90)
    warp = Warp(affine(scale, flip=flip, centre=(61.3, 47.1), to=(44.2, 36.4)), size)
    moved = warp.nearest(labels, 255)
    image = warp.image(colours[labels], (0, 0, 0))
    windows = np.lib.stride_tricks.sliding_window_view(moved, (3, 3)).reshape(68, 88, 9)
    uniform = (windows == windows[..., :1]).all(axis=2) & (windows[..., 0] != 255)
    assert uniform.mean() > 0.03
    shown = image[1:-1, 1:-1][uniform].astype(int)
    closest = np.abs(shown[:, None] - colours).sum(axis=2).argmin(axis=1)
    np.testing.assert_array_equal(closest, windows[..., 0][uniform])


@pytest.mark.parametrize("size", [(40, 56), (48, 64)])
def test_mirroring_is_exact(size):
    image = noise(size)
    mirror = Warp(np.array([[-1.0, 0, size[1]], [0, 1, 0]]), size)
    np.testing.assert_array_equal(mirror.image(image, BORDER), image[:, ::-1])
    np.testing.assert_array_equal(mirror.nearest(image, 0), image[:, ::-1])


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("place", [(5, 35, 3, 47), (0, 40, 0, 56)])
def test_a_crop_is_the_same_as_its_matrix(mirrored, place):
    """The faster path of a rectangle gives what the affine map of its edges gives."""
    rows, columns = slice(*place[:2]), slice(*place[2:])
    warp = Warp.of_crop(Crop((slice(4, 34), slice(6, 50)), (rows, columns), mirrored), (40, 56))
    slow = Warp(warp.matrix, warp.size)
    image, labels = smooth((48, 64)), noise((48, 64))[..., 0]
    within = np.zeros((40, 56), bool)
    within[rows, columns] = True
    within = within[:, ::-1] if mirrored else within
    inner = within & inside(source_positions(warp), (48, 64), margin=1)
    inner &= np.roll(inner, 1, 1) & np.roll(inner, -1, 1) & np.roll(inner, 1, 0)
    difference = np.abs(warp.image(image, BORDER).astype(int) - slow.image(image, BORDER))
    assert difference[inner & np.roll(inner, -1, 0)].max() <= 3
    assert (warp.nearest(labels, 7)[~within] == 7).all()
    if (rows.stop - rows.start, columns.stop - columns.start) == (30, 44):
        np.testing.assert_array_equal(
            warp.nearest(labels, 7)[within], slow.nearest(labels, 7)[within]
        )


@pytest.mark.parametrize("inside", [True, False])
def test_edges_are_the_same_whether_or_not_the_outside_is_seen(inside):
    """A window that ends with the image shows its outermost pixels as one that reaches past it."""
    image, scale = noise((30, 40)), 1.5
    width = 60 if inside else 64
    warp = Warp(np.array([[scale, 0, 0], [0, scale, 0]]), (45, width))
    result = warp.image(image, BORDER)[:, :60].astype(float)
    assert np.abs(result - sampled_linear(image, Warp(warp.matrix, (45, 60)))).max() < 2


class TestShrunk:
    """A map to a smaller output is the same map."""

    @pytest.mark.parametrize("mirrored", [False, True])
    @pytest.mark.parametrize("place", [(8, 40, 16, 48), (8, 40, 12, 50)])
    def test_the_same_places_at_a_quarter_of_the_size(self, mirrored, place):
        top, bottom, left, right = place
        whole = (slice(0, 30), slice(0, 40))
        crop = Crop(whole, (slice(top, bottom), slice(left, right)), mirrored)
        warp = Warp.of_crop(crop, (48, 64), 1.5)
        small = warp.shrunk(4)
        assert (small.size, small.zoom) == ((12, 16), 1.5)
        np.testing.assert_allclose(4 * small.matrix, warp.matrix)
        assert (small.crop is None) == (left == 12 and right == 50)
        if small.crop:
            np.testing.assert_allclose(small.crop.matrix(16), small.matrix)
        image = noise((30, 40))[..., 0]
        expected = sampled_nearest(image, small, 7)
        assert (small.nearest(image, 7) == expected).mean() > 0.97  # ties between two pixels

    def test_by_one_it_is_itself(self):
        warp = Warp(affine(0.7, 20), (48, 64))
        assert warp.shrunk(1) is warp
        assert warp.shrunk(2).crop is None


class TestLinear:
    """Maps of numbers, warped as images are, with NaN for what is not known."""

    @pytest.mark.parametrize("channels", [1, 2, 3])
    @pytest.mark.parametrize(
        "warp",
        [
            Warp.resize((40, 60), (20, 30)),
            Warp.resize((40, 60), (64, 90)),
            Warp.of_crop(
                Crop((slice(4, 36), slice(6, 54)), (slice(0, 40), slice(0, 60)), True), (40, 60)
            ),
            Warp(affine(1.1, degrees=12, centre=(30, 20), to=(28, 22)), (40, 60)),
            Warp(affine(0.4, degrees=-20, centre=(30, 20), to=(12, 10)), (20, 24)),
        ],
        ids=["shrunk", "enlarged", "cropped", "turned", "turned and shrunk"],
    )
    def test_numbers_move_as_colours_do(self, warp, channels):
        image = smooth((40, 60))
        values = image[..., :channels].astype(np.float32).squeeze()
        moved = warp.linear(values)
        assert moved.shape == (*warp.size, *values.shape[2:])
        known = np.isfinite(moved)
        assert known.mean() > 0.6
        expected = warp.image(image, BORDER)[..., :channels].reshape(moved.shape)
        assert np.abs(moved - expected)[known].max() < 3

    def test_what_is_outside_is_not_known(self):
        whole = (slice(0, 8), slice(0, 8))
        padded = Warp.of_crop(Crop(whole, (slice(0, 8), slice(0, 8))), (12, 10))
        moved = padded.linear(np.ones((8, 8), np.float32))
        assert np.isnan(moved[8:]).all()
        assert np.isnan(moved[:, 8:]).all()
        assert (moved[:8, :8] == 1).all()
        turned = Warp(affine(1.0, degrees=30, centre=(4, 4), to=(4, 4)), (8, 8))
        assert np.isnan(turned.linear(np.ones((8, 8), np.float32))[0, 0])

    @pytest.mark.parametrize("size", [(4, 4), (16, 16)])
    def test_what_touches_an_unknown_pixel_is_unknown(self, size):
        array = np.zeros((8, 8), np.float32)
        array[3, 5] = np.nan
        unknown = np.isnan(Warp.resize((8, 8), size).linear(array))
        factor = size[0] / 8
        y, x = np.argwhere(unknown).mean(axis=0) + 0.5
        assert (y, x) == pytest.approx((3.5 * factor, 5.5 * factor), abs=0.5)
        assert unknown.sum() == (1 if factor < 1 else 16)
