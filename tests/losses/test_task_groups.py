"""Selective task group updates: the affinities, the groups and their turns."""

import pytest
import torch

import losses
from losses.task_groups import TaskGroups

pytest.importorskip("sklearn")


def selective(size, decay=1.0, first=0, seed=0):
    tasks = [str(t) for t in range(size)]
    generator = torch.Generator().manual_seed(seed)
    return TaskGroups(tasks, generator, affinity_decay=decay, first_batches=first)


def after(size, group, before, losses_after, decay=1.0):
    """The affinities after one step of a group from zeros."""
    method = selective(size, decay)
    method.observe(dict(enumerate(before)), group)
    method.observe(dict(enumerate(losses_after)), [])
    return method.affinity


def test_the_affinity_is_the_share_of_the_loss_that_a_step_has_taken_away():
    affinity = after(3, [0], [1.0, 2.0, 4.0], [0.5, 3.0, 4.0])
    assert affinity[0].tolist() == [0.5, -0.5, 0.0]
    assert not affinity[1:].any()


def test_tasks_that_gain_together_share_the_affinity():
    affinity = after(3, [0, 2], [1.0, 1.0, 1.0], [0.5, 0.8, 0.6])
    assert affinity[0].tolist() == pytest.approx([0.25, 0.1, 0.2])
    assert affinity[2].tolist() == pytest.approx([0.25, 0.1, 0.2])


def test_of_two_tasks_in_a_group_with_opposite_signs_the_larger_counts_against_both():
    affinity = after(2, [0, 1], [1.0, 1.0], [0.6, 1.2])
    assert affinity.tolist() == [pytest.approx([0.2, -0.2]), pytest.approx([-0.2, 0.0])]


def test_the_affinities_are_tracked_as_an_exponential_average():
    method = selective(1, decay=0.1)
    method.observe({0: 1.0}, [0])
    method.observe({0: 0.5}, [0])
    method.observe({0: 0.4}, [])
    assert method.affinity[0, 0] == pytest.approx(0.9 * (0.1 * 0.5) + 0.1 * 0.2)


def test_absent_tasks_and_losses_of_zero_teach_nothing():
    method = selective(3)
    method.observe({0: 1.0, 2: 0.0}, [0])
    method.observe({0: 0.5, 2: 1.0}, [])
    assert method.affinity[0].tolist() == [0.5, 0.0, 0.0]


def test_the_first_batches_have_one_group_a_task_in_random_order():
    method = selective(3, first=50)
    orders = {tuple(tuple(group) for group in method.order()) for _ in range(50)}
    assert {tuple(sorted(order)) for order in orders} == {((0,), (1,), (2,))}
    assert len(orders) > 1


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "groups", [[[0, 2], [1]], [[0, 3], [1, 4], [2, 5]], [[0, 1, 2], [3, 4, 5]]]
)
def test_tasks_that_help_one_another_come_to_share_a_group(groups, seed):
    size = sum(map(len, groups))
    method = selective(size)
    noise = torch.randn(size, size, generator=torch.Generator().manual_seed(seed)).numpy()
    method.affinity[:] = -0.01 + 1e-3 * noise
    for group in groups:
        for source in group:
            method.affinity[source, group] += 0.02
    assert sorted(sorted(group) for group in method.order()) == groups


def test_a_single_group_is_updated_twice_and_a_single_task_once():
    method = selective(3)
    method.groups = [[0, 1, 2]]
    assert method.order() == [[0, 1, 2], [0, 1, 2]]  # no affinities yet: the old group stays
    assert selective(1).order() == [[0]]


def test_each_group_trains_its_own_tasks_and_the_shared_parameters(problem):
    case = problem(("a", "b", "c"))
    objective = losses.build("sel-update", case.tasks)
    assert objective.grouping == [("a",), ("b",), ("c",)]
    seen = []
    for group in objective.groups():
        case.model.zero_grad(set_to_none=True)
        objective.backward(case.losses(), case.model, group)
        gradients = case.gradients()
        (task,) = group
        seen.append(task)
        expected = case.expected(lambda loss, task=task: loss[task])
        for name, gradient in expected.items():
            if gradient is None:
                assert gradients[name] is None
            else:
                torch.testing.assert_close(gradients[name], gradient)
    assert sorted(seen) == ["a", "b", "c"]


def test_a_run_of_steps_measures_the_effect_of_every_group_on_every_task(problem):
    case = problem(("a", "b", "c"))
    objective = losses.build("sel-update", case.tasks, options={"affinity_decay": 1.0})
    optimizer = torch.optim.SGD(case.model.parameters(), 0.05)
    effects = {}
    for group in objective.groups():
        before = {task: loss.item() for task, loss in case.losses().items()}
        optimizer.zero_grad()
        objective.backward(case.losses(), case.model, group)
        optimizer.step()
        effects[group[0]] = [1 - case.losses()[t].item() / before[t] for t in case.tasks]
    objective.after_step(case.losses)
    expected = torch.tensor([effects[task] for task in case.tasks]).double()
    torch.testing.assert_close(objective.affinity, expected, rtol=1e-4, atol=1e-6)


def test_a_resumed_run_has_the_same_groups_and_affinities(problem):
    case = problem(("a", "b"))
    objective = losses.build("sel-update", case.tasks, options={"first_batches": 1})
    optimizer = torch.optim.SGD(case.model.parameters(), 0.05)
    for _ in range(3):
        for group in objective.groups():
            optimizer.zero_grad()
            objective.backward(case.losses(), case.model, group)
            optimizer.step()
        objective.after_step(case.losses)
    resumed = losses.build("sel-update", case.tasks, options={"first_batches": 1})
    resumed.load_state_dict(objective.state_dict())
    assert torch.equal(resumed.affinity, objective.affinity)
    for number in range(4, 9):
        for each in (objective, resumed):
            each.begin_step(number)
        assert resumed.groups() == objective.groups()
