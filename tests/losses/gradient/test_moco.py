import pytest
import torch

import losses

TASKS = ("a", "b", "c")


def flat(gradients):
    return torch.cat([g.flatten() for name, g in gradients.items() if "trunk" in name]).double()


@pytest.mark.parametrize("rho", [0.0, 0.3])
def test_it_is_the_paper_s_formulas_on_the_network_itself(problem, rho):
    case = problem(TASKS, scales={"a": 1.0, "b": 3.0, "c": 0.3})
    objective = losses.build("moco", TASKS, options={"rho": rho})
    size = len(flat(case.expected(lambda loss: loss["a"])))
    tracked, shares = torch.zeros(3, size).double(), torch.full((3,), 1 / 3).double()
    for step in range(1, 6):
        result = case.step(objective)
        values = case.losses()
        for k, task in enumerate(TASKS):
            row = flat(case.expected(lambda loss, t=task: loss[t]))
            row = row / row.norm() * values[task].item()
            tracked[k] -= 0.5 / step**0.5 * (tracked[k] - row)
        slope = (tracked @ tracked.T + rho * torch.eye(3).double()) @ shares
        shares = (shares - 0.1 / step**0.5 * slope).softmax(dim=0)
        torch.testing.assert_close(flat(result), shares @ tracked, rtol=1e-4, atol=1e-5)
        with torch.no_grad():
            for p in case.model.parameters():
                p -= 0.05 * p


def test_absent_tasks_keep_what_was_tracked_of_them(problem):
    case, objective = problem(TASKS), losses.build("moco", TASKS)
    case.step(objective)
    rule = objective.aggregation.rule
    before = rule.tracked[1].clone(), rule.shares[1].item()
    case.step(objective, ("a", "c"))
    assert torch.equal(rule.tracked[1], before[0])
    assert rule.shares[1].item() == before[1]
    assert rule.shares.sum().item() == pytest.approx(3)


def test_a_gradient_of_zero_is_tracked_as_zero():
    rule = losses.build("moco", TASKS[:2]).aggregation.rule
    rows = [torch.zeros(3), torch.ones(3)]
    tracked, _ = rule.track(rows, torch.tensor([0.0, 3**0.5]), [0, 1], torch.ones(2))
    assert (tracked[0] == 0).all()
