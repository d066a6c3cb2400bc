import pytest
import torch

import losses

TASKS = ("a", "b", "c")
FIRST = torch.tensor([2.0, 1.0, 8.0])


def total(values, numbers, penalty):
    parts = numbers.softmax(dim=0) * values / (FIRST / FIRST.min())
    return parts.sum() + penalty * (parts[1:] - parts[:-1]).abs().sum()


@pytest.mark.parametrize("penalty", [0.0, 0.1, 1.5])
def test_the_weights_and_what_is_learned_are_the_derivatives_of_the_paper_s_sum(penalty):
    torch.manual_seed(0)
    rows = [FIRST, *(torch.rand(3) * 3 + 0.1 for _ in range(6))]
    options = {"penalty": penalty, "weight_lr": 0.1}
    weighting = losses.build("ldc-mtl", TASKS, options=options).weighting
    numbers = torch.zeros(3, requires_grad=True)
    adam = torch.optim.Adam([numbers], 0.1)
    for step, row in enumerate(rows):
        values = row.clone().requires_grad_()
        adam.zero_grad()
        total(values, numbers, penalty).backward()
        adam.step()
        result = weighting.weights([0, 1, 2], row)
        if step:  # in the first step all are alike, and |0| has any slope
            torch.testing.assert_close(result, values.grad, rtol=1e-4, atol=1e-6)


def test_without_a_penalty_the_first_losses_count_alike():
    weighting = losses.build("ldc-mtl", TASKS, options={"penalty": 0.0}).weighting
    parts = weighting.weights([0, 1, 2], FIRST) * FIRST
    torch.testing.assert_close(parts, parts[0].expand(3))


def test_a_task_that_comes_late_is_measured_in_its_first_step():
    weighting = losses.build("ldc-mtl", TASKS).weighting
    for _ in range(3):
        weighting.weights([0, 1], torch.tensor([2.0, 1.0]))
    assert weighting.first.isnan().tolist() == [False, False, True]
    weighting.weights([0, 1, 2], torch.tensor([1.0, 0.5, 8.0]))
    assert weighting.first.tolist() == [2.0, 1.0, 8.0]
