import pytest
import torch

import losses
from losses.gradient import AGGREGATORS

norm_balance = AGGREGATORS["norm-balance"].weigh
REFERENCES = {
    "rss": lambda norms: norms.square().sum().sqrt(),
    "max": torch.max,
    "mean": torch.mean,
    "min": torch.min,
}


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_lengths_are_brought_to_the_reference_by_the_power(regular, power, reference):
    norms = regular.norm(dim=1)
    weights = norm_balance(regular @ regular.T, power=power, reference=reference)
    expected = (REFERENCES[reference](norms) / norms) ** power
    torch.testing.assert_close(weights, expected)


@pytest.mark.parametrize(("name", "reference"), [("db-mtl", "max"), ("ntk-mtl", "rss")])
def test_papers_are_cases_of_it(regular, name, reference):
    gramian = regular @ regular.T
    expected = norm_balance(gramian, reference=reference)
    assert torch.equal(AGGREGATORS[name].weigh(gramian), expected)
    rule = AGGREGATORS[name](["t"] * len(regular), torch.Generator())
    assert torch.equal(rule.weights(gramian, range(len(regular)), None), expected)


def test_a_gradient_of_zero_does_not_count_for_the_reference():
    gramian = torch.diag(torch.tensor([4.0, 0.0, 1.0]))
    for reference, expected in {"min": [0.5, 1, 1], "mean": [0.75, 1, 1.5]}.items():
        assert norm_balance(gramian, reference=reference).tolist() == pytest.approx(expected)


def test_averaged_norms_are_those_of_the_tasks_own_steps():
    options = {"norm_decay": 0.75, "reference": "max"}
    rule = AGGREGATORS["norm-balance"](["a", "b"], torch.Generator(), **options)
    rule.weights(torch.diag(torch.tensor([1.0, 4.0])), [0, 1], None)
    rule.weights(torch.diag(torch.tensor([9.0])), [0], None)
    assert rule.norms.tolist() == [0.75 * 1 + 0.25 * 3, 2.0]


@pytest.mark.parametrize("decay", [0.5, 0.9])
def test_averaged_gradients_are_what_db_mtl_steps_by(problem, decay):
    """On the network itself, over steps in which a task has no labels now and then."""
    tasks = ("a", "b", "c")
    case = problem(tasks, scales={"a": 1.0, "b": 10.0, "c": 0.1})
    objective = losses.build("db-mtl", tasks, options={"gradient_decay": decay})
    averages = {}
    for active in (tasks, ("a", "c"), tasks):
        result = case.step(objective, active)
        for task in active:
            row = flat(case.expected(lambda loss, t=task: loss[t].log()))
            averages[task] = decay * averages.get(task, row) + (1 - decay) * row
        longest = max(averages[task].norm() for task in active)
        expected = sum(longest / averages[task].norm() * averages[task] for task in active)
        torch.testing.assert_close(flat(result), expected, rtol=1e-4, atol=1e-5)
        with torch.no_grad():
            for p in case.model.parameters():
                p -= 0.05 * p


def flat(gradients):
    return torch.cat([g.flatten() for name, g in gradients.items() if "trunk" in name])
