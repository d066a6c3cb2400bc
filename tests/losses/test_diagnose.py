import math

import pytest
import torch

import losses
from losses.diagnose import statistics


def test_the_figures_are_the_papers_formulas():
    gradients = torch.tensor([[3.0, 0.0], [-1.0, 1.0]])
    figures = statistics(gradients @ gradients.T, ["a", "b:x"])
    assert figures["norm/a"] == pytest.approx(3.0)
    assert figures["norm/b:x"] == pytest.approx(2**0.5)
    assert figures["cosine/a|b:x"] == pytest.approx(-(2**-0.5))
    assert figures["similarity/a|b:x"] == pytest.approx(2 * 3 * 2**0.5 / (9 + 2))
    values = torch.linalg.svdvals(gradients)
    assert figures["condition"] == pytest.approx((values[0] / values[1]).item())


def test_dependent_or_missing_gradients_are_told_apart():
    same = statistics(torch.ones(2, 2), ["a", "b"])
    assert same["condition"] == math.inf
    assert same["cosine/a|b"] == pytest.approx(1.0)
    none = statistics(torch.zeros(2, 2), ["a", "b"])
    assert none["norm/a"] == 0.0
    assert math.isnan(none["cosine/a|b"])
    assert math.isnan(none["condition"])


@pytest.mark.parametrize("scale", [1.0, 1024.0])
def test_an_objective_diagnoses_the_gradients_of_the_losses_and_can_train_on(problem, scale):
    case = problem(("a", "b", "c"), scales={"a": 1.0, "b": 10.0, "c": 0.1})
    objective = losses.build("weighted-sum", case.tasks)
    present = case.losses(("a", "c"))
    figures = objective.diagnose(present, case.model, scale)
    rows = [
        torch.cat([case.expected(lambda loss, t=task: loss[t])[f"trunk.{name}"].flatten()
                   for name, _ in case.model.trunk.named_parameters()])
        for task in ("a", "c")
    ]  # fmt: skip
    expected = statistics(torch.stack(rows) @ torch.stack(rows).T, ["a", "c"])
    assert figures == pytest.approx(expected, rel=1e-4)
    case.model.zero_grad(set_to_none=True)
    objective.backward(present, case.model, case.tasks)
    assert case.model.trunk[0].weight.grad is not None
