"""N processes train as one does, for every loss: each has a share of every batch."""

import functools
import importlib.util

import pytest
import torch

from losses.presets import LOSSES
from losses.processes import sum_grad
from tests.losses.spread import (
    BATCH,
    LABELLED,
    SHARES,
    TASKS,
    Case,
    Levels,
    Training,
    digest,
)
from tests.processes import NUMBERS, run_processes
from utils.ranks import ALONE

OPTIONS = {
    "stch": {"warmup_epochs": 0},
    "sel-update": {"first_batches": 1, "affinity_decay": 0.5},
}


def with_rule(rule, place, maps=1):
    return Case("weighted-sum", {"gradient": rule, "gradient_at": place}, maps)


def name_of(case):
    return "-".join(map(str, (case.name, *case.options.values(), case.maps)))


def by_name(*cases):
    return {name_of(case): case for case in cases}


CASES = by_name(
    *(Case(name, OPTIONS.get(name, {})) for name in LOSSES),
    *(Case(name, {}, maps=2) for name in ("mgda-ub", "graddrop", "grad-norm", "kd-amtl")),
    *(with_rule(rule, "last_layer") for rule in ("cagrad", "nash-mtl", "gradvac")),
    *(with_rule(rule, "features") for rule in ("cagrad", "nash-mtl", "gradvac")),
    Case("kd-amtl", {"distance_weight": 0.0}),
    Case("graddrop", {"leak": (0.1, 0.5, 0.0)}, maps=2),
    Case("gradvac", {"per_layer": True, "beta": 0.5}),
    Case("db-mtl", {"gradient_decay": 0.5}),
    Case("modo", {"weight_step": 0.1}, maps=2),
    Case("sdmgrad", {"gradient_at": "last_layer"}),
    Case("config-m", {}, maps=2),
    Case("mgda", {"scale_by": "loss+", "smooth": 0.5}),
    Case("cagrad", {"every": 2}),
)
TRAFFIC = by_name(*(Case(name, {}) for name in ("weighted-sum", "mgda-ub", "imtl-g", "mgda")))
if importlib.util.find_spec("torchjd"):
    # ConFIG and GradDrop need the whole matrix. GradDrop draws for each of its columns.
    whole = with_rule("torchjd:ConFIG", "parameters")
    TRAFFIC |= by_name(whole)
    CASES |= by_name(
        whole,
        with_rule("torchjd:GradDrop", "features", maps=2),
        with_rule("torchjd:UPGrad", "parameters"),
        with_rule("torchjd:AlignedMTL", "last_layer"),
    )


def trainings(ranks):
    """What a process has to say of its training with every loss."""
    return {
        "cases": {name: trained(case, ranks) for name, case in CASES.items()},
        "traffic": {name: traffic(case, ranks) for name, case in TRAFFIC.items()},
        "partial": gradients_of_some(ranks),
        "overflow": {name: after_overflow(name, ranks) for name in ("weighted-sum", "mgda")},
    }


def trained(case, ranks):
    ranks.calls = []
    training = Training(case, ranks, SHARES[ranks.size][ranks.rank])
    training.run()
    state = training.state()
    return {"digest": digest(state), "calls": ranks.calls, "state": state if ranks.first else None}


def traffic(case, ranks):
    """The bytes that a backward pass sends, by kind."""
    training = Training(case, ranks, SHARES[ranks.size][ranks.rank])
    values = training.losses(0, LABELLED[0])
    ranks.sent.clear()
    training.objective.backward(values, training.model, TASKS)
    return dict(ranks.sent)


def gradients_of_some(ranks):
    """The gradients of three parameters: all processes have one of the first, the first process
    alone one of the second, and none one of the third."""
    parameters = [torch.nn.Parameter(torch.zeros(2)) for _ in range(3)]
    parameters[0].grad = torch.ones(2)
    if ranks.first:
        parameters[1].grad = torch.full((2,), 5.0)
    sum_grad(parameters, ranks)
    return [None if p.grad is None else p.grad.tolist() for p in parameters]


def after_overflow(name, ranks):
    """Whether a step changed the weights, and the scale of the losses after it, when the gradients
    of the last image alone overflow."""
    training = Training(Case(name, {}), ranks, SHARES[ranks.size][ranks.rank])
    training.model.float()
    optimizer = torch.optim.SGD(training.model.parameters(), 0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**100)
    before = digest(training.state())
    values = training.losses(0, LABELLED[0], scale_of_last=1e6)
    scale = scaler.scale(torch.ones(()))
    training.objective.backward(values, training.model, TASKS, scale)
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    return digest(training.state()) == before, scaler.get_scale()


@pytest.fixture(scope="module", params=NUMBERS)
def reports(request, tmp_path_factory):
    """What each of two, then of three processes says."""
    return run_processes(trainings, request.param, tmp_path_factory.mktemp("processes"))


@functools.cache
def alone(name):
    training = Training(CASES[name], ALONE, range(BATCH))
    training.run()
    return training.state()


@pytest.mark.parametrize("name", CASES)
def test_processes_train_as_one_does(reports, name):
    result, expected = reports[0]["cases"][name]["state"], alone(name)
    assert result.keys() == expected.keys()
    for key, value in expected.items():
        allowed = 1e-10 * max(value.nan_to_num().abs().max().item(), 1e-3)
        close = torch.isclose(result[key], value, rtol=0, atol=allowed, equal_nan=True)
        assert close.all(), f"{key}: {result[key]} instead of {value}"


@pytest.mark.parametrize("name", CASES)
def test_all_processes_have_the_same_bits_and_call_the_same(reports, name):
    first, *others = [report["cases"][name] for report in reports]
    for other in others:
        assert other["digest"] == first["digest"]
        assert other["calls"] == first["calls"]


def test_a_process_sends_what_its_kind_of_rule_needs(reports):
    """In numbers as a ring counts them; Gramians and flags are told apart by their kind."""
    size = len(reports)
    model = Levels(1, range(BATCH))
    shared = sum(p.numel() for p in model.shared_parameters())
    unused = sum(p.numel() for p in model.unused.parameters())
    last = sum(p.numel() for p in model.last_shared_parameters())
    heads = sum(p.numel() for p in model.heads.parameters())
    used, tasks = shared - unused + heads, len(TASKS)

    def slice_of(length):
        return size * -(-length // size)  # padded

    expected = {
        "weighted-sum-1": {"gradients": 2 * used},
        "mgda-ub-1": {"gradients": 2 * used},
        "imtl-g-1": {"gradients": 2 * used, "slices": tasks * slice_of(last)},
        "mgda-1": {
            "gradients": 2 * heads,
            "slices": tasks * slice_of(shared),
            "joined": slice_of(shared),
        },
        "weighted-sum-torchjd:ConFIG-parameters-1": {"gradients": 2 * tasks * shared + 2 * heads},
    }
    for report in reports:
        for name, sent in report["traffic"].items():
            ring = 8 * (size - 1) / size  # bytes of float64
            for kind, number in expected[name].items():
                assert sent.pop(kind) == pytest.approx(number * ring, abs=2)
            assert sent.pop("sum", 0) <= 2 * 8 * tasks**2
            assert sent.pop("numbers") <= 2 * 8 * 2 * len(list(model.parameters()))
            assert not sent


def test_a_parameter_has_a_gradient_where_any_process_has_one_of_it(reports):
    assert all(r["partial"] == [[len(reports)] * 2, [5.0, 5.0], None] for r in reports)


def test_an_overflow_on_one_process_is_one_on_all(reports):
    for report in reports:
        assert set(report["overflow"].values()) == {(True, 2.0**99)}
