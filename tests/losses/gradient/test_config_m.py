import torch

import losses
from losses.flat_gradients import vjp
from losses.gradient import AGGREGATORS

TASKS = ("a", "b", "c")


def flat(gradients):
    return torch.cat([g.flatten() for name, g in gradients.items() if "trunk" in name])


def test_it_is_the_algorithm_on_the_network_itself(problem):
    """Tasks have their turn one after another, those with labels alone."""
    case = problem(TASKS, scales={"a": 1.0, "b": 10.0, "c": 0.1})
    objective = losses.build("config-m", TASKS, options={"gradient_momentum": 0.8})
    averages, turns = {}, dict.fromkeys(TASKS, 0)
    steps = [(TASKS, "a"), (TASKS, "b"), (("a", "b"), "a"), (TASKS, "c"), (("b", "c"), "b")]
    for active, task in steps:
        result = case.step(objective, active)
        row = flat(case.expected(lambda loss, t=task: loss[t])).double()
        averages[task] = 0.8 * averages.get(task, torch.zeros_like(row)) + 0.2 * row
        turns[task] += 1
        known = [t for t in active if turns[t]]
        rows = torch.stack([averages[t] / (1 - 0.8 ** turns[t]) for t in known])
        update = AGGREGATORS["config"].weigh(rows @ rows.T) @ rows
        torch.testing.assert_close(flat(result).double(), update, rtol=1e-4, atol=1e-5)
        with torch.no_grad():
            for p in case.model.parameters():
                p -= 0.05 * p


def test_a_step_takes_one_backward_pass_through_the_shared_layers(problem, monkeypatch):
    passes = []

    def counted(outputs, grad_outputs, inputs, retain):
        if outputs[0].dim():  # from the features on
            passes.append(inputs)
        return vjp(outputs, grad_outputs, inputs, retain)

    monkeypatch.setattr("losses.flat_gradients.vjp", counted)
    problem(TASKS).step(losses.build("config-m", TASKS))
    assert len(passes) == 1
