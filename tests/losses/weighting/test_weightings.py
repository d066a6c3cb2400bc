"""What every weighting has in common, beside a mean and beside absent tasks."""

import pytest
import torch

import losses
from losses.weighting import WEIGHTINGS

TASKS = ("a", "b:x", "c")
POTENTIAL = dict.fromkeys(TASKS, 0.5)
LOSSES = {"a": 0.5, "b:x": 2.0, "c": 8.0}


def build(weighting, **options):
    return losses.build("weighted-sum", TASKS, POTENTIAL, {"weighting": weighting, **options})


def train(objective, problem, active=TASKS, epoch=0):
    """An epoch of two steps and its evaluation."""
    optimizer = torch.optim.SGD(problem.model.parameters(), 0.01)
    for step in range(2):
        objective.begin_step(2 * epoch + step)
        for group in objective.groups():
            optimizer.zero_grad(set_to_none=True)
            objective.backward(problem.losses(active), problem.model, group)
            optimizer.step()
        objective.after_step(lambda: problem.losses(active))
    objective.end_epoch()
    objective.evaluated({task: 0.1 * (1 + k) for k, task in enumerate(TASKS)})


@pytest.mark.parametrize("mean", ["arithmetic", "geometric"])
@pytest.mark.parametrize("name", WEIGHTINGS)
def test_the_gradients_are_those_of_the_weights(problem, name, mean):
    if mean == "geometric" and WEIGHTINGS[name].no_geometric:
        pytest.skip(WEIGHTINGS[name].no_geometric)
    if name in ("uncertainty", "imtl-l", "famo", "ldc-mtl"):
        pytest.skip("the weights shown are already those after the step; see its own test")
    case = problem(TASKS)
    objective = build(name, mean=mean)
    train(objective, case)
    gradients = case.step(objective)
    w = objective.weights

    def mean_of(loss):
        if mean == "arithmetic":
            return sum(w[t] * loss[t] for t in TASKS)
        return torch.stack([loss[t] ** w[t] for t in TASKS]).prod()

    expected = case.expected(mean_of)
    for key in gradients:
        torch.testing.assert_close(gradients[key], expected[key], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_a_task_that_is_absent_for_a_while_keeps_everything_finite(problem, name):
    case = problem(TASKS)
    objective = build(name)
    for active in (("a",), ("b:x", "c"), TASKS, ("c",), ()):
        train(objective, case, active)
    weights = objective.weights
    assert list(weights) == list(TASKS)
    assert all(weight >= 0 for weight in weights.values())
    assert all(p.isfinite().all() for p in case.model.parameters())


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_one_task_alone_trains(problem, name):
    case = problem(("a",))
    objective = losses.build("weighted-sum", ["a"], {"a": 0.5}, {"weighting": name})
    before = case.losses()["a"].item()
    optimizer = torch.optim.SGD(case.model.parameters(), 0.05)
    for _ in range(5):
        optimizer.zero_grad(set_to_none=True)
        objective.backward(case.losses(), case.model, ("a",))
        optimizer.step()
        objective.after_step(case.losses)
    assert case.losses()["a"].item() < before


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_a_resumed_run_goes_on_to_the_last_digit(problem, name):
    first, second = problem(TASKS), problem(TASKS)
    whole, half = build(name), build(name)
    for epoch in (0, 1):
        train(whole, first, epoch=epoch)
        train(half, second, epoch=epoch)
    resumed = build(name)
    resumed.load_state_dict(half.state_dict())
    for epoch in (2, 3):
        train(whole, first, epoch=epoch)
        train(resumed, second, epoch=epoch)
    assert resumed.weights == whole.weights
    for a, b in zip(first.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_a_saved_state_does_not_change_as_training_goes_on(problem, name):
    case, objective = problem(TASKS), build(name)
    train(objective, case)
    state = objective.state_dict()
    shown = repr(state)
    train(objective, case)
    assert repr(state) == shown


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
@pytest.mark.parametrize(
    "name", ["uncertainty", "imtl-l", "famo", "uw-so", "cov", "ldc-mtl", "go4align"]
)
def test_a_loss_that_overflows_once_does_not_spoil_learned_weights(problem, name, value):
    case, objective = problem(TASKS), build(name)
    train(objective, case)
    case.scales["a"] = value
    objective.backward(case.losses(), case.model, TASKS)
    objective.after_step(case.losses)
    case.scales["a"] = 1.0
    train(problem=case, objective=objective)
    assert all(torch.tensor(list(objective.weights.values())).isfinite())
