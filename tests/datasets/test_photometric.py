"""The light of a batch: the distortion against numpy."""

import numpy as np
import pytest
import torch

from datasets.augment import generator
from datasets.light import colour_matrix
from datasets.merge import Batch
from datasets.photometric import float_images


def batch(images, colours=None, sharpness=None):
    return Batch(
        images=images,
        shown=torch.tensor([[0, 0, *images.shape[2:0:-1]]] * len(images)),
        colours=colours,
        sharpness=sharpness,
        targets={},
        labelled={},
    )


def random_batch(count=5, seed=0):
    rng = np.random.default_rng(seed)
    images = torch.from_numpy(rng.integers(0, 256, (count, 12, 16, 3), dtype=np.uint8))
    colours = np.stack([colour_matrix(generator(seed, 0, i)) for i in range(count)])
    sharpness = torch.linspace(0, 1, count)
    return batch(images, torch.from_numpy(colours), sharpness)


def test_without_augmentation_it_is_the_image_from_0_to_1():
    images = random_batch().images
    values = float_images(batch(images))
    torch.testing.assert_close(values, images.permute(0, 3, 1, 2).float() / 255)


def test_float32_with_the_channels_last_in_memory():
    for item in (random_batch(), batch(random_batch().images)):
        values = float_images(item)
        assert values.shape == (5, 3, 12, 16)
        assert values.dtype == torch.float32
        assert values.is_contiguous(memory_format=torch.channels_last)


def test_colours_are_mapped_by_each_image_s_matrix_and_cut_off():
    item = random_batch()
    item.sharpness = torch.zeros(5)
    values = float_images(item).permute(0, 2, 3, 1).numpy()
    cut = 0
    for image, matrix, result in zip(
        item.images.numpy(), item.colours.numpy(), values, strict=True
    ):
        expected = (image / 255.0) @ matrix[:, :3].T + matrix[:, 3]
        cut += ((expected < 0) | (expected > 1)).sum()
        np.testing.assert_allclose(result, expected.clip(0, 1), atol=1e-5)
    assert cut > 0


def test_no_distortion_is_the_image():
    images = random_batch().images
    nothing = batch(images, torch.eye(3, 4).expand(5, 3, 4), torch.zeros(5))
    torch.testing.assert_close(
        float_images(nothing), float_images(batch(images)), atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("amount", [-0.2, 0.3, 1.0])
def test_sharpness_adds_the_difference_to_the_mean_of_the_neighbours(amount):
    image = random_batch(1).images
    values = float_images(batch(image, torch.eye(3, 4)[None], torch.tensor([amount])))
    grey = image[0].numpy() / 255.0
    for y, x in [(0, 0), (0, 7), (5, 15), (11, 15), (4, 4), (10, 1)]:
        around = grey[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].mean(axis=(0, 1))
        expected = grey[y, x] + amount * (grey[y, x] - around)
        np.testing.assert_allclose(values[0, :, y, x], expected.clip(0, 1), atol=1e-5)


def test_sharpness_leaves_an_even_image_alone():
    images = torch.full((2, 8, 8, 3), 77, dtype=torch.uint8)
    item = batch(images, torch.eye(3, 4).expand(2, 3, 4), torch.tensor([0.5, 1.0]))
    torch.testing.assert_close(float_images(item), float_images(batch(images)), atol=1e-5, rtol=0)


def test_an_image_looks_the_same_alone_and_in_a_batch():
    together = random_batch()
    values = float_images(together)
    for i in range(5):
        part = slice(i, i + 1)
        alone = batch(together.images[part], together.colours[part], together.sharpness[part])
        torch.testing.assert_close(float_images(alone), values[part], atol=1e-5, rtol=0)
