"""Instances: offsets against definitions written out, and as the warp must move them."""

import numpy as np
import pytest
import torch

from tasks.base import DenseHead
from tasks.instance import Instance
from utils.geometry import Crop, Warp

ONE = torch.ones(1, dtype=torch.bool)


@pytest.fixture
def task():
    return Instance()


def numbers(size=(40, 60)):
    """Two rectangles, which the image's borders do not cut."""
    result = np.zeros(size, np.uint16)
    result[6:18, 8:30] = 26000
    result[20:36, 25:33] = 24003
    return result


def resize(source, size):
    return Warp.resize(source, size)


def turned(degrees, size, zoom=1.0, stretch=(1.0, 1.0)):
    """A rotation about the image's centre with a zoom, then a stretch to the output."""
    c, s = zoom * np.cos(np.deg2rad(degrees)), zoom * np.sin(np.deg2rad(degrees))
    centre = np.array(size[::-1]) / 2
    linear = np.array([[c, -s], [s, c]])
    matrix = np.concatenate([linear, (centre - linear @ centre)[:, None]], axis=1)
    output = tuple(round(side * factor) for side, factor in zip(size, stretch, strict=True))
    return Warp(np.diag(stretch[::-1]) @ matrix, output, zoom)


def known(offsets):
    return np.isfinite(offsets).all(axis=2)


def by_definition(ids):
    """Offsets of numbers at the image's own size: pixel by pixel, and every centre the mean."""
    result = np.full((*ids.shape, 2), np.nan)
    for instance in set(ids[ids > 0].tolist()):
        places = np.argwhere(ids == instance)
        for place in places:
            result[tuple(place)] = place - places.mean(axis=0)
    return result


class TestTargets:
    def test_are_row_and_column_from_the_centre(self, task):
        offsets = task.warp(numbers(), resize((40, 60), (40, 60)))
        assert (offsets.shape, offsets.dtype) == ((40, 60, 2), np.float32)
        np.testing.assert_allclose(offsets, by_definition(numbers()), atol=1e-5)

    def test_numbers_may_be_floats_and_anything_that_is_none(self, task):
        ids = numbers().astype(np.float32)
        ids[0, :3] = np.nan, -5, 0
        np.testing.assert_array_equal(
            task.warp(ids, resize((40, 60), (40, 60))),
            task.warp(numbers(), resize((40, 60), (40, 60))),
        )

    def test_numbers_may_be_as_large_as_panoptic_ids(self, task):
        ids = numbers().astype(np.float32)
        ids[ids == 26000] = 2**24 - 1
        same = resize((40, 60), (40, 60))
        np.testing.assert_array_equal(task.warp(ids, same), task.warp(numbers(), same))

    @pytest.mark.parametrize("size", [(80, 120), (20, 30), (10, 60), (5, 8)])
    def test_are_in_pixels_of_the_full_image_whatever_the_output(self, task, size):
        """The centres are those of all pixels, though the output shows a few alone."""
        offsets = task.warp(numbers(), resize((40, 60), size))
        scale = np.array([40, 60]) / size
        places = (np.argwhere(known(offsets)) + 0.5) * scale
        ids = numbers()[tuple(places.astype(int).T)]
        assert (ids > 0).all()
        centres = {26000: (12, 19), 24003: (28, 29)}
        expected = places - [centres[number] for number in ids.tolist()]
        np.testing.assert_allclose(offsets[known(offsets)], expected, atol=1e-5)

    def test_a_mirrored_image_has_mirrored_offsets(self, task):
        whole = (slice(0, 40), slice(0, 60))
        warp = Warp.of_crop(Crop(whole, whole, True), (40, 60))
        straight = task.warp(numbers(), resize((40, 60), (40, 60)))
        for label in (numbers(), straight):
            np.testing.assert_allclose(
                task.warp(label, warp), straight[:, ::-1] * [1, -1], atol=1e-5
            )

    @pytest.mark.parametrize("zoom", [1.0, 1.25])
    @pytest.mark.parametrize("stretch", [(1.0, 1.0), (0.5, 2.0)])
    def test_are_those_of_the_augmented_image_at_full_size(self, task, zoom, stretch):
        """Rotated and zoomed at full size, then resized: as the published codes do it."""
        warp = turned(10, (40, 60), zoom, stretch)
        full = turned(10, (40, 60), zoom)
        offsets = task.warp(numbers(), warp)
        places = (np.argwhere(known(offsets)) + 0.5) / stretch
        ids = full.nearest(numbers(), 0)
        centres = {n: np.argwhere(ids == n).mean(axis=0) + 0.5 for n in (26000, 24003)}
        of = numbers()[tuple(_source(full, places).T)]
        expected = places - [centres[number] for number in of.tolist()]
        np.testing.assert_allclose(offsets[known(offsets)], expected, atol=0.15)

    def test_numbers_and_offsets_turn_alike(self, task):
        warp = turned(10, (40, 60), 1.2, (1.0, 0.5))
        straight = task.warp(numbers(), resize((40, 60), (40, 60)))
        moved, made = task.warp(straight, warp), task.warp(numbers(), warp)
        both = known(moved) & known(made)
        assert both.sum() > 100
        assert (known(moved) == known(made)).all()
        np.testing.assert_allclose(moved[both], made[both], atol=1.0)  # of pixel centres

    def test_a_resize_leaves_offsets_as_they_are(self, task):
        offsets = task.warp(numbers(), resize((40, 60), (40, 60)))
        small = task.warp(offsets, resize((40, 60), (10, 30)))
        assert set(small[known(small)][:, 0]) <= set(offsets[known(offsets)][:, 0])

    def test_what_is_cut_off_has_its_centre_in_what_is_left(self, task):
        crop = Crop((slice(0, 20), slice(0, 20)), (slice(0, 20), slice(0, 20)))
        offsets = task.warp(numbers(), Warp.of_crop(crop, (20, 20)))
        assert (known(offsets) == (numbers()[:20, :20] > 0)).all()
        np.testing.assert_allclose(np.nanmean(offsets, axis=(0, 1)), 0, atol=1e-5)

    def test_a_sliver_of_a_pixel_at_the_border_has_an_offset(self, task):
        """Zoomed in so far that no centre of its pixels is seen."""
        ids = np.zeros((4, 4), np.uint16)
        ids[:, 1] = 7
        warp = Warp(np.array([[10.0, 0, -19], [0, 10.0, 0]]), (40, 4), 10.0)
        offsets = task.warp(ids, warp)
        assert known(offsets)[:, 0].all()
        assert not known(offsets)[:, 1:].any()

    def test_nothing_seen_is_nothing_to_learn(self, task):
        ids = np.zeros((40, 60), np.uint16)
        assert not task.usable(ids)
        assert not task.usable(task.warp(ids, turned(5, (40, 60))))
        ids[0, 0] = 1
        assert task.usable(ids)
        assert not task.usable(task.warp(ids, turned(30, (40, 60))))
        assert task.usable(task.warp(ids, resize((40, 60), (40, 60))))


def _source(warp, places):
    """Rows and columns of the pixels of the image that lie at places, row and column, of a warp."""
    positions = places[:, ::-1] - warp.matrix[:, 2]
    return np.linalg.solve(warp.matrix[:, :2], positions.T).T[:, ::-1].astype(int)


class TestNumbers:
    def batch(self):
        rng = np.random.default_rng(0)
        truth = rng.normal(0, 30, (3, 2, 5, 7)).astype(np.float32)
        truth[:, :, 0] = np.nan
        guess = np.nan_to_num(truth) + rng.normal(0, 15, truth.shape).astype(np.float32)
        return torch.from_numpy(guess), torch.from_numpy(truth), torch.ones(3, dtype=torch.bool)

    def test_loss_and_metrics_by_definition(self, task):
        guess, truth, everything = self.batch()
        total, count = task.criterion(guess, truth, everything)
        meter = task.meter()
        meter.update(guess, truth, everything)
        errors = [
            (guess[b, :, y, x] - truth[b, :, y, x]).double()
            for b in range(3)
            for y in range(1, 5)
            for x in range(7)
        ]
        absolute = np.mean([error.abs().mean().item() for error in errors])
        near = np.mean([error.square().sum().sqrt().item() < 20 for error in errors])
        assert count == len(errors)
        assert total.item() / count.item() == pytest.approx(absolute, rel=1e-6)
        assert meter.compute().metrics == pytest.approx({"near": near, "abs_err": absolute})
        assert 0.1 < near < 0.9

    def test_void_pixels_have_no_gradient_and_spoil_none(self, task):
        guess, truth, everything = self.batch()
        guess.requires_grad_()
        task.criterion(guess, truth, everything)[0].backward()
        assert guess.grad.isfinite().all()
        assert not guess.grad[:, :, 0].any()
        assert guess.grad[:, :, 1:].all()

    def test_how_near_is_an_option(self):
        meter = Instance(centre_distance=5.0).meter()
        truth = torch.zeros(1, 2, 1, 2)
        meter.update(torch.tensor([3.0, 4.01]).view(1, 2, 1, 1).expand_as(truth), truth, ONE)
        assert meter.compute().metrics["near"] == 0
        meter = Instance(centre_distance=5.02).meter()
        meter.update(torch.tensor([3.0, 4.01]).view(1, 2, 1, 1).expand_as(truth), truth, ONE)
        assert meter.compute().metrics["near"] == 1

    def test_the_constant_is_the_median_of_offsets_or_of_numbers(self, task):
        offsets = np.full((16, 32, 2), np.nan, np.float32)
        offsets[2:] = (3, -4)
        assert task.constant([offsets]).tolist() == [3, -4]
        constant = task.constant([numbers()])
        assert constant.abs().max() < 4, "offsets lie all round their centre"


def test_two_channels_in_pixels(task):
    assert task.head == DenseHead(2)
    assert "pixels" in task.unit


def test_colours_tell_the_direction_and_the_distance(task):
    image = np.zeros((40, 60, 3), np.uint8)
    offsets = task.warp(numbers(), resize((40, 60), (40, 60)))
    picture = task.draw(image, offsets)
    assert not picture[~known(offsets)].any()
    left, right = picture[12, 8], picture[12, 29]
    names = {name: colour for name, colour in task.legend(offsets).entries}
    places = ("above", "right of", "below", "left of")
    assert set(names) == {f"{place} the centre" for place in places}

    def distance(colour, name):
        return np.abs(colour.astype(int) - names[f"{name} the centre"]).sum()

    for colour, name in ((left, "left of"), (right, "right of")):
        nearest = min(places, key=lambda place: distance(colour, place))
        assert nearest == name
    assert picture[12, 19].max() < picture[12, 29].max(), "dark at the centre"
    np.testing.assert_array_equal(picture, task.draw(image, numbers()))


def test_statistics_count_the_instances(task):
    class Stored:
        class format:
            stored_size = staticmethod(lambda label: None)
            decided = staticmethod(lambda label: {})

    counted = task.label_statistics()
    counted.add(Stored, numbers(), (40, 60))
    counted.add(Stored, np.zeros((40, 60), np.uint16), (40, 60))
    assert counted.result()["instances"] == 2
    assert counted.lines()[0].startswith("2 instances, at most 2 in an image; no instance: 91.8 %")
