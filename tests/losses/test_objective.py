"""What the trainer sees of a loss: the gradients, the weights, and the state."""

import copy
import io
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

import losses

TASKS = ("segmentation:VOC", "depth", "normal")
POTENTIAL = {"segmentation:VOC": 0.5, "depth": 0.8, "normal": 0.4}
ACCURACY = {"segmentation:VOC": 0.1, "depth": 0.7, "normal": 0.2}


def close(first, second, **tolerance):
    assert first.keys() == second.keys()
    for name in first:
        assert (first[name] is None) == (second[name] is None), name
        if first[name] is not None:
            torch.testing.assert_close(first[name], second[name], **tolerance)


def trained(name):
    """A loss after an evaluation."""
    objective = losses.build(name, TASKS, POTENTIAL)
    objective.evaluated(ACCURACY)
    return objective


@pytest.mark.parametrize("name", ["weighted-sum", "amtl-a"])
def test_arithmetic_gradients_are_those_of_the_weighted_sum(problem, name):
    case, objective = problem(TASKS), trained(name)
    w = objective.weights
    close(case.step(objective), case.expected(lambda loss: sum(w[t] * loss[t] for t in TASKS)))


@pytest.mark.parametrize("name", ["geometric", "amtl"])
def test_geometric_gradients_are_those_of_the_weighted_product(problem, name):
    case, objective = (
        problem(TASKS, scales=dict(zip(TASKS, (1e-3, 1.0, 1e3), strict=True))),
        trained(name),
    )
    w = objective.weights

    def product(loss):
        return torch.stack([loss[t] ** w[t] for t in TASKS]).prod()

    close(case.step(objective), case.expected(product), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", ["weighted-sum", "geometric", "amtl", "amtl-a"])
def test_an_absent_task_changes_nothing_and_its_weight_is_not_given_away(problem, name):
    case, objective = problem(TASKS), trained(name)
    w = objective.weights
    present = ("segmentation:VOC", "normal")
    gradients = case.step(objective, present)
    assert objective.weights == w
    if name in ("geometric", "amtl"):
        expected = case.expected(
            lambda loss: torch.stack([loss[t] ** w[t] for t in present]).prod()
        )
    else:
        expected = case.expected(lambda loss: sum(w[t] * loss[t] for t in present))
    close(gradients, expected, rtol=1e-4, atol=1e-7)
    assert gradients["heads.1.weight"] is None


def test_a_batch_without_any_task_leaves_no_gradients(problem):
    case, objective = problem(TASKS), trained("amtl")
    objective.backward({}, case.model, TASKS)
    assert all(gradient is None for gradient in case.gradients().values())


@pytest.mark.parametrize("name", losses.PRESETS)
def test_the_scale_multiplies_the_gradients_and_nothing_else(problem, name):
    plain = problem(TASKS).step(trained(name))
    for scale in (1024.0, torch.tensor(1024.0)):
        scaled = problem(TASKS).step(trained(name), scale=scale)
        unscaled = {k: None if v is None else v / 1024 for k, v in scaled.items()}
        close(unscaled, plain, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", losses.PRESETS)
def test_a_resumed_run_goes_on_to_the_last_digit(problem, name):
    case, objective = problem(TASKS), trained(name)
    case.step(objective)
    file = io.BytesIO()
    torch.save(objective.state_dict(), file)
    file.seek(0)
    resumed = losses.build(name, TASKS, POTENTIAL)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert resumed.weights == objective.weights
    for each in (objective, resumed):
        each.evaluated({"segmentation:VOC": 0.2, "depth": 0.1, "normal": 0.3})
    assert resumed.weights == objective.weights
    close(case.step(objective), case.step(resumed), rtol=0, atol=0)


def on_two_ranks(case, name, parts):
    """The gradients on each of two ranks that step at the same time; `parts` gives the losses of a
    rank. A rank is a thread with a copy of the network."""
    barrier, sent = threading.Barrier(2), [None, None]

    def run(rank):
        def all_sum(tensor):
            sent[rank] = tensor.clone()
            barrier.wait(10)
            total = sent[0] + sent[1]
            barrier.wait(10)
            return total

        mine = copy.deepcopy(case)
        objective = losses.build(name, TASKS, POTENTIAL, all_sum=all_sum)
        objective.evaluated(ACCURACY)
        for group in objective.groups():
            mine.model.zero_grad(set_to_none=True)
            objective.backward(parts(mine, rank), mine.model, group)
        return mine.gradients()

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(run, range(2)))


def parts_of(case, ranks):
    """The losses of some ranks' images: rank 0 holds three and rank 1 four; depth is labelled on
    rank 0 alone."""
    images = torch.tensor([*range(3)] * (0 in ranks) + [*range(3, 7)] * (1 in ranks))
    predictions = case.model(case.images[images])
    parts = {}
    for task in TASKS:
        squares = (predictions[task] - case.targets[task][images]).square()
        labelled = (images < (3 if task == "depth" else 7))[:, None]
        parts[task] = (squares * labelled).sum() / (6 if task == "depth" else 14)
    return parts


@pytest.mark.parametrize("name", losses.PRESETS)
def test_two_ranks_train_as_one_with_the_whole_batch(problem, name):
    case = problem(TASKS)
    first, second = on_two_ranks(case, name, lambda mine, rank: parts_of(mine, [rank]))
    close(first, second, rtol=0, atol=0)
    if name == "graddrop":
        return  # each rank draws for its own features

    objective = trained(name)
    for group in objective.groups():
        case.model.zero_grad(set_to_none=True)
        objective.backward(parts_of(case, [0, 1]), case.model, group)
    close(first, case.gradients(), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("size", [1, 3, 11])
@pytest.mark.parametrize("name", losses.PRESETS)
def test_with_all_tasks_equal_every_loss_trains_in_the_tasks_direction(problem, name, size):
    tasks = [f"t{k}" for k in range(size)]
    case = problem(tasks)
    for head, task in zip(case.model.heads, tasks, strict=True):
        head.load_state_dict(case.model.heads[0].state_dict())
        case.targets[task] = case.targets[tasks[0]]
    objective = losses.build(name, tasks, potential=dict.fromkeys(tasks, 0.5))
    objective.evaluated(dict.fromkeys(tasks, 0.2))
    found, alone = case.step(objective), case.expected(lambda loss: loss[tasks[0]])
    update, single = (
        torch.cat([g[k].flatten() for k in g if "trunk" in k]) for g in (found, alone)
    )
    factor = (update @ single) / (single @ single)
    assert factor > 0
    torch.testing.assert_close(update, factor * single, rtol=1e-3, atol=1e-4 * factor.item())


@pytest.mark.parametrize("name", ["geometric", "amtl"])
def test_a_product_of_tiny_and_huge_losses_has_the_exact_gradient(problem, name):
    case = problem(TASKS, scales=dict(zip(TASKS, (1e-30, 1e30, 1.0), strict=True)))
    objective = trained(name)
    w = objective.weights
    found = case.step(objective)
    case.model.double()
    case.images = case.images.double()
    case.targets = {task: target.double() for task, target in case.targets.items()}
    exact = case.expected(
        lambda loss: torch.stack([loss[t].clamp(min=1e-8) ** w[t] for t in TASKS]).prod()
    )
    assert found["trunk.0.weight"].abs().max() > 0
    for key in (k for k in found if "trunk" in k):
        torch.testing.assert_close(found[key].double(), exact[key], rtol=1e-3, atol=0)
