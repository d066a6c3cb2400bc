import pytest
import torch

from losses.elementwise import Columns
from losses.gradient import AGGREGATORS


def combine(gradients, seed=0):
    rule = AGGREGATORS["graddrop"](["a"], torch.Generator().manual_seed(seed))
    length = len(gradients[0])
    return rule.combine(gradients, Columns(range(length), length))


def test_each_element_keeps_the_gradients_of_one_sign():
    gradients = torch.randn(3, 1000, generator=torch.Generator().manual_seed(0))
    positive = gradients.clamp(min=0).sum(dim=0)
    negative = gradients.clamp(max=0).sum(dim=0)
    update = combine(list(gradients))
    kept = torch.minimum((update - positive).abs(), (update - negative).abs())
    assert kept.max() < 1e-6


def test_the_positive_ones_are_kept_as_often_as_their_purity_says():
    gradients = [torch.full((20000,), 3.0), torch.full((20000,), -1.0)]
    update = combine(gradients)
    assert set(update.tolist()) == {3.0, -1.0}
    assert (update == 3.0).float().mean() == pytest.approx(0.75, abs=0.02)


def test_where_all_signs_agree_nothing_is_dropped_and_no_gradient_gives_zero():
    gradients = [torch.tensor([1.0, -1.0, 0.0]), torch.tensor([2.0, -3.0, 0.0])]
    for seed in range(10):
        assert combine(gradients, seed).tolist() == [3.0, -4.0, 0.0]


def test_the_same_seed_drops_the_same():
    gradients = list(torch.randn(2, 50))
    assert torch.equal(combine(gradients, 1), combine(gradients, 1))
    assert not torch.equal(combine(gradients, 1), combine(gradients, 2))
