"""`every` and `smooth`."""

import pytest
import torch

import losses
from losses.flat_gradients import vjp
from losses.gradient import AGGREGATORS
from losses.gradient.kept_weights import KeptWeights
from utils.errors import ConfigError

TASKS = ("a", "b", "c")


def flat(gradients):
    return torch.cat([g.flatten() for name, g in gradients.items() if "trunk" in name])


def rows_of(case, tasks=TASKS):
    return torch.stack([flat(case.expected(lambda loss, t=t: loss[t])) for t in tasks])


def move(case):
    with torch.no_grad():
        for p in case.model.parameters():
            p -= 0.1 * p


@pytest.mark.parametrize("rule", ["mgda", "nash-mtl", "aligned-mtl", "cagrad", "fairgrad"])
@pytest.mark.parametrize("place", ["parameters", "last_layer", "features"])
def test_weights_are_those_of_the_last_solved_step(problem, rule, place):
    case = problem(TASKS, scales={"a": 1.0, "b": 10.0, "c": 0.1})
    options = {"gradient": rule, "gradient_at": place}
    kept = losses.build("weighted-sum", TASKS, options=options | {"every": 3})
    plain = losses.build("weighted-sum", TASKS, options=options)
    for step in range(7):
        solved = flat(case.step(plain)) if step % 3 == 0 else None
        result = flat(case.step(kept))
        if solved is not None:
            torch.testing.assert_close(result, solved)
        weights = torch.tensor(kept.aggregation.kept.values, dtype=torch.float32)
        torch.testing.assert_close(result, weights @ rows_of(case), rtol=1e-3, atol=1e-5)
        move(case)


def test_steps_in_between_take_one_backward_pass(problem, monkeypatch):
    passes = []

    def counted(outputs, grad_outputs, inputs, retain):
        if outputs[0].dim():  # from the features on
            passes.append(inputs)
        return vjp(outputs, grad_outputs, inputs, retain)

    monkeypatch.setattr("losses.flat_gradients.vjp", counted)
    case = problem(TASKS)
    objective = losses.build("mgda", TASKS, options={"every": 4})
    for _ in range(8):
        case.step(objective)
    assert len(passes) == 2 * len(TASKS)
    cost = losses.LOSSES.choose_nested("mgda", {"every": 4}).build().cost
    assert cost == "1 forward, (3 + T) / 4 backward"


def test_a_task_without_a_weight_makes_a_step_be_solved():
    kept = KeptWeights(3, every=10)
    assert kept.next([0, 1]) is None
    kept.solved([0, 1], torch.tensor([0.2, 0.8]))
    assert kept.next([1]) == pytest.approx([0.8])
    assert kept.next([1, 2]) is None


def test_a_step_without_an_answer_is_tried_again(problem, monkeypatch):
    case = problem(TASKS[:2])
    objective = losses.build("nash-mtl", TASKS[:2], options={"every": 5}, log=lambda line: None)
    for _ in range(3):
        loss = case.losses()["a"]
        case.model.zero_grad(set_to_none=True)
        objective.backward({"a": loss, "b": 5.0 - loss}, case.model, TASKS[:2])
    assert objective.aggregation.unsolved == 3


def test_smoothed_weights_agree_with_torchjd():
    aggregation = pytest.importorskip("torchjd.aggregation")
    torch.manual_seed(0)
    kept = KeptWeights(3, smooth=0.7)
    theirs = aggregation.CRMOGMWeighting(aggregation.AlignedMTLWeighting(), alpha=0.7)
    for _ in range(6):
        rows = torch.randn(3, 8).double()
        weights = AGGREGATORS["aligned-mtl"].weigh(rows @ rows.T)
        torch.testing.assert_close(kept.solved([0, 1, 2], weights), theirs(rows @ rows.T))


def test_a_smoothed_weight_waits_for_its_task():
    kept = KeptWeights(2, smooth=0.5)
    kept.solved([0, 1], torch.tensor([0.0, 1.0]))
    kept.solved([0], torch.tensor([1.0]))
    assert kept.values == [0.5, 1.0]


def test_a_resumed_run_solves_in_the_same_steps(problem):
    case = problem(TASKS)
    whole, half = (losses.build("mgda", TASKS, options={"every": 3, "smooth": 0.5}) for _ in "ab")
    for _ in range(2):
        case.step(whole), case.step(half)
    resumed = losses.build("mgda", TASKS, options={"every": 3, "smooth": 0.5})
    resumed.load_state_dict(half.state_dict())
    for _ in range(4):
        move(case)
        assert torch.equal(flat(case.step(whole)), flat(case.step(resumed)))


@pytest.mark.parametrize(
    ("name", "options", "match"),
    [
        ("weighted-sum", {"every": 2}, "no gradient rule"),
        ("weighted-sum", {"smooth": 0.5}, "no gradient rule"),
        ("grad-norm", {"every": 2}, "every step"),
        ("graddrop", {"smooth": 0.5}, "gives no weights"),
        ("gradvac", {"every": 2, "per_layer": True}, "gives no weights"),
        ("moco", {"every": 2}, "every step"),
        ("config-m", {"every": 2}, "every step"),
        ("db-mtl", {"every": 2, "gradient_decay": 0.5}, "every step"),
        ("modo", {"every": 2}, "every step"),
        ("mgda", {"every": 0}, "at least 1"),
        ("mgda", {"smooth": 1.0}, "below 1"),
    ],
)
def test_where_weights_cannot_be_kept_the_reason_is_told(name, options, match):
    with pytest.raises(ConfigError, match=match):
        losses.build(name, TASKS, options=options)
