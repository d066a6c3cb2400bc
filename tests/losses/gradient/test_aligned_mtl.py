import pytest
import torch

from losses.gradient import AGGREGATORS

aligned_mtl = AGGREGATORS["aligned-mtl"].weigh
SCALES = pytest.mark.parametrize("scale", ["min", "median", "rmse"])


@SCALES
def test_the_update_is_the_mean_of_orthogonal_equally_long_gradients(regular, scale):
    """The aligned gradients are the polar factor of the gradients times σ: the nearest orthogonal
    ones. Their singular values are all σ, so their condition number is 1."""
    left, values, right = torch.linalg.svd(regular, full_matrices=False)
    squares = values.square()
    sigma = {"min": squares.min(), "median": squares.median(), "rmse": squares.mean()}[scale].sqrt()
    aligned = sigma * left @ right
    torch.testing.assert_close(aligned.norm(dim=1), sigma.expand(len(regular)))
    update = aligned_mtl(regular @ regular.T, scale=scale) @ regular
    torch.testing.assert_close(update, aligned.mean(dim=0), rtol=1e-6, atol=1e-9)


def test_every_task_gains_alike(regular):
    """Orthogonal gradients of length σ, averaged: each aligned gradient gains σ² / T."""
    size = len(regular)
    update = aligned_mtl(regular @ regular.T) @ regular
    assert update.norm() * size**0.5 == pytest.approx(torch.linalg.svdvals(regular).min().item())


@SCALES
def test_it_agrees_with_torchjd(gradients, scale):
    aggregation = pytest.importorskip("torchjd.aggregation")
    gramian = gradients @ gradients.T
    values = torch.linalg.eigvalsh(gramian)
    threshold = values.max() * len(values) * torch.finfo(values.dtype).eps
    if ((values > threshold / 100) & (values < threshold * 1e6)).any():
        pytest.skip("components of mere rounding count")
    expected = aggregation.AlignedMTL(scale_mode=scale).gramian_weighting(gramian) @ gradients
    scale_of = expected.norm().item()
    update = aligned_mtl(gramian, scale=scale) @ gradients
    torch.testing.assert_close(update, expected, rtol=1e-6, atol=1e-6 * scale_of)
