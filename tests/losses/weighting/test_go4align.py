import itertools

import pytest
import torch

import losses
from losses.weighting.go4align import group_means


def best_partition(values, groups):
    """The smallest sum of squared distances over all partitions."""
    best = None
    for labels in itertools.product(range(groups), repeat=len(values)):
        labels = torch.tensor(labels)
        means = torch.stack(
            [values[labels == label].mean() for label in labels]  # of each value's own group
        )
        cost = (values - means).square().sum()
        best = cost if best is None else torch.minimum(best, cost)
    return best


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("size", "groups"), [(1, 1), (3, 2), (5, 2), (6, 3), (4, 4)])
def test_the_groups_are_the_best_of_all_partitions(size, groups, seed):
    torch.manual_seed(seed)
    values = torch.rand(size).double() * 10 ** torch.rand(size)
    means = group_means(values, groups)
    assert len(means.unique()) <= groups
    for mean in means.unique():
        assert values[means == mean].mean().item() == pytest.approx(mean.item())
    cost = (values - means).square().sum().item()
    assert cost == pytest.approx(best_partition(values, groups).item(), abs=1e-12)


def test_equal_values_and_more_groups_than_distinct_ones():
    values = torch.tensor([2.0, 1.0, 2.0, 1.0], dtype=torch.float64)
    assert group_means(values, 4).tolist() == pytest.approx(values.tolist())
    assert group_means(torch.ones(4).double(), 2).tolist() == [1.0] * 4


def test_the_paper_s_numbers_over_several_steps():
    options = {"groups": 3, "risk_step": 0.1}  # a group a task: the indicators themselves
    weighting = losses.build("go4align", ("a", "b", "c"), options=options).weighting
    torch.manual_seed(0)
    risks = torch.full((3,), 1 / 3).double()
    for _ in range(5):
        values = torch.rand(3).double() + 0.1
        risks = risks * (-0.1 * values).exp()
        risks = risks / risks.sum()
        expected = values.sum() / values * risks
        torch.testing.assert_close(weighting.weights([0, 1, 2], values), expected)


def test_one_group_gives_equal_weights_as_the_published_default_does():
    weighting = losses.build("go4align", ("a", "b", "c"), options={"groups": 1}).weighting
    weights = weighting.weights([0, 1, 2], torch.tensor([0.1, 1.0, 5.0]))
    assert weights.tolist() == pytest.approx([weights[0].item()] * 3)


def test_absent_tasks_keep_their_risk():
    weighting = losses.build("go4align", ("a", "b", "c"), options={"risk_step": 0.5}).weighting
    weighting.weights([0, 2], torch.tensor([1.0, 4.0]))
    assert weighting.risks[1] == 1.0
    assert weighting.risks.sum().item() == pytest.approx(3.0)
