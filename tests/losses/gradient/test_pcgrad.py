import pytest
import torch

from losses.gradient import AGGREGATORS

pcgrad = AGGREGATORS["pcgrad"].weigh


def test_the_result_of_two_tasks_conflicts_with_neither():
    for seed in range(30):
        torch.manual_seed(seed)
        gradients = torch.randn(2, 3).double() * 10 ** torch.randn(2, 1)
        update = pcgrad(gradients @ gradients.T) @ gradients
        assert (gradients @ update >= -1e-9 * gradients.norm() ** 2).all()


def test_without_conflicts_it_is_the_mean():
    gradients = torch.rand(4, 10).double()
    assert pcgrad(gradients @ gradients.T).tolist() == pytest.approx([0.25] * 4)


def test_it_is_the_algorithm_on_the_gradients_themselves(regular):
    generator = torch.Generator().manual_seed(3)
    update = pcgrad(regular @ regular.T, generator=generator) @ regular
    generator = torch.Generator().manual_seed(3)
    projected = regular.clone()
    for i in range(len(regular)):
        for j in torch.randperm(len(regular), generator=generator):
            if i != j and projected[i] @ regular[j] < 0:
                projected[i] -= projected[i] @ regular[j] / regular[j].square().sum() * regular[j]
    torch.testing.assert_close(update, projected.mean(dim=0))


def test_it_agrees_with_torchjd_that_sums(regular):
    aggregation = pytest.importorskip("torchjd.aggregation")
    torch.manual_seed(5)
    expected = aggregation.PCGrad()(regular)
    torch.manual_seed(5)
    update = pcgrad(regular @ regular.T) @ regular
    torch.testing.assert_close(len(regular) * update, expected)
