"""What the trainer sees of a loss: the gradients, the weights, and the state."""

import io

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
    active = ("segmentation:VOC", "normal")
    gradients = case.step(objective, active)
    assert objective.weights == w
    if name in ("geometric", "amtl"):
        expected = case.expected(lambda loss: torch.stack([loss[t] ** w[t] for t in active]).prod())
    else:
        expected = case.expected(lambda loss: sum(w[t] * loss[t] for t in active))
    close(gradients, expected, rtol=1e-4, atol=1e-7)
    assert gradients["heads.1.weight"] is None


def test_a_batch_without_any_task_leaves_no_gradients(problem):
    case, objective = problem(TASKS), trained("amtl")
    objective.backward({}, case.model, TASKS)
    assert all(gradient is None for gradient in case.gradients().values())


@pytest.mark.parametrize("name", losses.LOSSES)
def test_the_scale_multiplies_the_gradients_and_nothing_else(problem, name):
    plain = problem(TASKS).step(trained(name))
    for scale in (1024.0, torch.tensor(1024.0)):
        scaled = problem(TASKS).step(trained(name), scale=scale)
        unscaled = {k: None if v is None else v / 1024 for k, v in scaled.items()}
        close(unscaled, plain, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", losses.LOSSES)
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
        each.begin_step(2)
    assert resumed.weights == objective.weights
    close(case.step(objective), case.step(resumed), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["rlw", "pcgrad", "graddrop", "sel-update"])
def test_what_a_step_draws_is_a_function_of_its_number_and_the_seed(problem, name):
    tasks = [f"t{k}" for k in range(5)]
    case = problem(tasks, seed=2)  # whose gradients depend on the order, and on the group

    def drawn(number, seed=0, before=0):
        objective = losses.build(name, tasks, seed=seed)
        for _ in range(before):
            case.step(objective)
        objective.begin_step(number)
        return case.step(objective)

    close(drawn(7), drawn(7, before=3), rtol=0, atol=0)
    for other in (drawn(8), drawn(7, seed=1)):
        assert not torch.equal(other["trunk.0.weight"], drawn(7)["trunk.0.weight"])


@pytest.mark.parametrize("size", [1, 3, 11])
@pytest.mark.parametrize("name", [n for n in losses.LOSSES if n not in ("modo", "sdmgrad")])
def test_with_all_tasks_equal_every_loss_trains_in_the_tasks_direction(problem, name, size):
    tasks = [f"t{k}" for k in range(size)]
    case = problem(tasks)
    for head, task in zip(case.model.heads, tasks, strict=True):
        head.load_state_dict(case.model.heads[0].state_dict())
        case.targets[task] = case.targets[tasks[0]]
    objective = losses.build(name, tasks, potential=dict.fromkeys(tasks, 0.5))
    objective.evaluated(dict.fromkeys(tasks, 0.2))
    result, alone = case.step(objective), case.expected(lambda loss: loss[tasks[0]])
    update, single = (
        torch.cat([g[k].flatten() for k in g if "trunk" in k]) for g in (result, alone)
    )
    factor = (update @ single) / (single @ single)
    assert factor > 0
    torch.testing.assert_close(update, factor * single, rtol=1e-3, atol=1e-4 * factor.item())


@pytest.mark.parametrize("name", ["geometric", "amtl"])
def test_a_product_of_tiny_and_huge_losses_has_the_exact_gradient(problem, name):
    case = problem(TASKS, scales=dict(zip(TASKS, (1e-30, 1e30, 1.0), strict=True)))
    objective = trained(name)
    w = objective.weights
    result = case.step(objective)
    case.model.double()
    case.images = case.images.double()
    case.targets = {task: target.double() for task, target in case.targets.items()}
    exact = case.expected(
        lambda loss: torch.stack([loss[t].clamp(min=1e-8) ** w[t] for t in TASKS]).prod()
    )
    assert result["trunk.0.weight"].abs().max() > 0
    for key in (k for k in result if "trunk" in k):
        torch.testing.assert_close(result[key].double(), exact[key], rtol=1e-3, atol=0)
