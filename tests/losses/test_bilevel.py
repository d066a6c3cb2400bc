"""auto-lambda: the derivatives by the weights, on a network and halves of a batch."""

import pytest
import torch
from torch.func import functional_call

import losses
from utils.errors import ConfigError

TASKS = ("a", "b", "c")
RATE = 0.05


class Halves:
    """The images of a problem in two parts: the first four, and the other three."""

    def __init__(self, case, tasks=TASKS):
        self.case, self.tasks, self.losses = case, list(tasks), {}

    def part(self, cut, parameters=None):
        parameters = parameters or dict(self.case.model.named_parameters())
        predictions = functional_call(self.case.model, parameters, (self.case.images[cut],))
        return {
            task: self.case.scales[task]
            * (predictions[task] - self.case.targets[task][cut]).square().sum()
            / self.case.targets[task].numel()
            for task in self.tasks
        }

    def half(self, number):
        yield self.part((slice(4), slice(4, None))[number])

    def __iter__(self):
        yield from (self.part(cut) for cut in (slice(4), slice(4, None)))
        self.losses = {task: torch.zeros(()) for task in self.tasks}


@pytest.fixture
def case(problem):
    case = problem(TASKS, scales={"a": 1.0, "b": 5.0, "c": 0.2})
    case.model.double()
    case.images = case.images.double()
    case.targets = {task: target.double() for task, target in case.targets.items()}
    return case


def exact(halves, weights, primary):
    """The derivatives of the primary losses after a step by Σ w L, by autograd through the step."""
    weights = torch.tensor(weights, dtype=torch.float64, requires_grad=True)
    parameters = dict(halves.case.model.named_parameters())
    first = halves.part(slice(4), parameters)
    total = sum(w * first[task] for w, task in zip(weights, TASKS, strict=True))
    slopes = torch.autograd.grad(total, parameters.values(), create_graph=True)
    moved = {
        name: p - RATE * slope for (name, p), slope in zip(parameters.items(), slopes, strict=True)
    }
    after = halves.part(slice(4, None), moved)
    return torch.autograd.grad(sum(after[task] for task in primary), weights)[0]


@pytest.mark.parametrize("primary", [(), ("b",), ("a", "c")])
def test_the_slopes_are_those_through_the_step(case, primary, monkeypatch):
    objective = losses.build("auto-lambda", TASKS, options={"primary": primary})
    found = []
    monkeypatch.setattr(objective.weighting, "lower", lambda _, slopes: found.append(slopes))
    objective.begin_step(1, RATE)
    halves = Halves(case)
    expected = exact(halves, [1 / 3] * 3, primary or TASKS)
    before = {name: p.detach().clone() for name, p in case.model.named_parameters()}
    objective.backward_in_parts(halves, case.model, TASKS)
    torch.testing.assert_close(found[0], expected, rtol=1e-3, atol=1e-9)
    for name, p in case.model.named_parameters():
        assert torch.equal(p, before[name])
    result = case.gradients()
    total = case.expected(lambda loss: sum(loss.values()) / 3)
    for name, gradient in result.items():
        torch.testing.assert_close(gradient, total[name])


def test_a_task_that_helps_the_primary_one_gains_weight(case):
    """One with the same targets does, one with the opposite ones does not."""
    case.targets["a"] = torch.full((7, 2), 3.0).double()
    case.targets["b"], case.targets["c"] = case.targets["a"], -case.targets["a"]
    case.scales = dict.fromkeys(TASKS, 1.0)
    with torch.no_grad():
        for head in case.model.heads:
            head.load_state_dict(case.model.heads[0].state_dict())
    objective = losses.build("auto-lambda", TASKS, options={"primary": ("a",), "weight_lr": 0.1})
    for number in range(5):
        objective.begin_step(number, RATE)
        case.model.zero_grad(set_to_none=True)
        objective.backward_in_parts(Halves(case), case.model, TASKS)
    weights = objective.weights
    assert weights["b"] > 1 / 3 > weights["c"]


def test_a_batch_without_a_primary_task_leaves_the_weights(case):
    objective = losses.build("auto-lambda", TASKS, options={"primary": ("a",)})
    objective.begin_step(1, RATE)
    objective.backward_in_parts(Halves(case, ("b", "c")), case.model, TASKS)
    assert list(objective.weights.values()) == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"primary": ("d",)}, "no task"),
        ({"gradient": "mgda"}, "without a rule"),
        ({"mean": "geometric"}, "look-ahead"),
    ],
)
def test_what_has_no_meaning_is_refused(options, match):
    with pytest.raises(ConfigError, match=match):
        losses.build("auto-lambda", TASKS, options=options)
