import pytest
import torch

import losses
from utils.errors import ConfigError

aggregation = pytest.importorskip("torchjd.aggregation")
TASKS = ("a", "b", "c")


def matrix_of(case):
    """(T, P) the gradients of the losses at the shared parameters."""
    rows = []
    for task in case.tasks:
        gradients = case.expected(lambda loss, task=task: loss[task])
        rows.append(torch.cat([g.flatten() for n, g in gradients.items() if "trunk" in n]))
    return torch.stack(rows)


@pytest.mark.parametrize("name", ["IMTLG", "AlignedMTL", "ConFIG", "Mean", "MGDA", "Sum"])
def test_the_shared_parameters_get_what_the_aggregator_makes_of_the_gradients(problem, name):
    case = problem(TASKS)
    expected = getattr(aggregation, name)()(matrix_of(case))
    objective = losses.build("weighted-sum", TASKS, options={"gradient": f"torchjd:{name}"})
    gradients = case.step(objective)
    update = torch.cat([g.flatten() for n, g in gradients.items() if "trunk" in n])
    torch.testing.assert_close(update, expected, rtol=1e-3, atol=1e-5)


def test_the_numbers_of_its_constructor_are_options(problem):
    options = {"gradient": "torchjd:TrimmedMean", "trim_number": 1}
    case = problem(TASKS)
    expected = aggregation.TrimmedMean(1)(matrix_of(case))
    gradients = case.step(losses.build("weighted-sum", TASKS, options=options))
    update = torch.cat([g.flatten() for n, g in gradients.items() if "trunk" in n])
    torch.testing.assert_close(update, expected, rtol=1e-4, atol=1e-6)


def test_what_it_draws_comes_from_the_objective_s_seed(problem):
    def gradients(seed):
        objective = losses.build(
            "weighted-sum", TASKS, options={"gradient": "torchjd:Random"}, seed=seed
        )
        return problem(TASKS).step(objective)["trunk.0.weight"]

    assert torch.equal(gradients(1), gradients(1))
    assert not torch.equal(gradients(1), gradients(2))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"gradient": "torchjd:UPGard"}, "did you mean UPGrad"),
        ({"gradient": "torchjd:xyz"}, "AlignedMTL"),
        ({"gradient": "torchjd:TrimmedMean"}, "trim_number"),
        ({"gradient": "torchjd:ConFIG", "gradient_at": "last_layer"}, "gives no weights"),
    ],
)
def test_a_wrong_name_or_a_missing_number_is_the_users_mistake(options, match):
    with pytest.raises(ConfigError, match=match):
        losses.build("weighted-sum", TASKS, options=options)
