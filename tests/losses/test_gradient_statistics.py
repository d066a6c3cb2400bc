import math

import pytest
import torch

import losses
from losses.gradient_statistics import gradient_statistics, statistic_names


def test_the_statistics_are_the_papers_formulas():
    gradients = torch.tensor([[3.0, 0.0], [-1.0, 1.0]])
    statistics = gradient_statistics(gradients @ gradients.T, ["a", "b:x"])
    assert list(statistics) == statistic_names(["a", "b:x"])
    assert statistics["norm/a"] == pytest.approx(3.0)
    assert statistics["norm/b:x"] == pytest.approx(2**0.5)
    assert statistics["cosine/a|b:x"] == pytest.approx(-(2**-0.5))
    assert statistics["similarity/a|b:x"] == pytest.approx(2 * 3 * 2**0.5 / (9 + 2))
    assert statistics["norm_of_sum"] == pytest.approx(5**0.5)
    values = torch.linalg.svdvals(gradients)
    assert statistics["condition"] == pytest.approx((values[0] / values[1]).item())


@pytest.mark.parametrize("seed", range(3))
def test_curvature_against_the_vectors(seed):
    """1 − cos² is the squared sine: of what the projection on the other gradient leaves."""
    a, b = torch.randn(2, 7, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    gradients = torch.stack([a, b])
    left = b - a * torch.linalg.lstsq(a[:, None], b[:, None]).solution.squeeze()
    squared_sine = (left.norm() / b.norm()).square()
    expected = squared_sine * (a - b).norm().square() / (a + b).norm().square()
    statistics = gradient_statistics(gradients @ gradients.T, ["a", "b"])
    assert statistics["curvature/a|b"] == pytest.approx(expected.item())
    assert statistics["norm_of_sum"] == pytest.approx((a + b).norm().item())


def test_curvature_of_parallel_orthogonal_and_opposite_gradients():
    def curvature(a, b):
        gradients = torch.tensor([a, b])
        return gradient_statistics(gradients @ gradients.T, ["a", "b"])["curvature/a|b"]

    assert curvature([1.0, 0.0], [3.0, 0.0]) == 0
    assert curvature([1.0, 0.0], [0.0, 3.0]) == pytest.approx(1)
    assert math.isnan(curvature([1.0, 0.0], [-1.0, 0.0])), "they have no sum"
    assert math.isnan(curvature([1.0, 0.0], [0.0, 0.0]))


def test_dependent_or_missing_gradients_are_told_apart():
    same = gradient_statistics(torch.ones(2, 2), ["a", "b"])
    assert same["condition"] == math.inf
    assert same["cosine/a|b"] == pytest.approx(1.0)
    none = gradient_statistics(torch.zeros(2, 2), ["a", "b"])
    assert none["norm/a"] == 0.0
    assert math.isnan(none["cosine/a|b"])
    assert math.isnan(none["condition"])


@pytest.mark.parametrize("scale", [1.0, 1024.0])
def test_an_objective_diagnoses_the_gradients_of_the_losses_and_can_train_on(problem, scale):
    case = problem(("a", "b", "c"), scales={"a": 1.0, "b": 10.0, "c": 0.1})
    objective = losses.build("weighted-sum", case.tasks)
    active = case.losses(("a", "c"))
    statistics = objective.gradient_statistics(active, case.model, scale)
    rows = [
        torch.cat([case.expected(lambda loss, t=task: loss[t])[f"trunk.{name}"].flatten()
                   for name, _ in case.model.trunk.named_parameters()])
        for task in ("a", "c")
    ]  # fmt: skip
    expected = gradient_statistics(torch.stack(rows) @ torch.stack(rows).T, ["a", "c"])
    assert statistics == pytest.approx(expected, rel=1e-4)
    case.model.zero_grad(set_to_none=True)
    objective.backward(active, case.model, case.tasks)
    assert case.model.trunk[0].weight.grad is not None
