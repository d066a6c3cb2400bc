"""Whole trainings of N processes: the networks, states and figures of one process."""

import dataclasses
import functools
import itertools
import math
import shutil
from typing import NamedTuple

import pytest
import torch

from datasets import DATASETS
from engine.config import read
from engine.runs.baselines import baseline_config
from engine.runs.network import declared_tasks
from engine.training import evaluation
from models.dropout import Dropout, replace_dropout
from tests.engine.conftest import PARTIAL
from tests.processes import run_processes
from tests.running import make_loop, save_untrained
from utils.ranks import ALONE

pytestmark = pytest.mark.slow

BOXES = PARTIAL.replace("timm/test_resnet", "timm/test_efficientnet")
MAPS = BOXES.replace("seg det depth", "seg depth normal").replace("VMM", "DeepLab")
MAPS = MAPS.replace("VOC NYU", "VOC NYUD_MT")
SIZES = (2, 3)
EPOCHS = 3
OPTIONS = (
    *("--max_epoch", EPOCHS, "--size", 32, 32, "--batch_size", 8, "--num_workers", 0),
    *("--channels", 8, "--lr", 0.1, "--optimizer", "sgd", "--clip_grad", 1, "--on_bad_sample"),
    *("skip", "--ema", "--ema_momentum", 0.5, "--scheduler", "plateau", "--patience", 0),
)


class Case(NamedTuple):
    """A loss and its options, on a network with boxes or with maps alone."""

    loss: str
    options: tuple = ()
    text: str = BOXES


CASES = {
    "weighted-sum": Case("weighted-sum"),
    "uw": Case("uw"),
    "amtl": Case("amtl"),
    "famo": Case("famo"),
    "stch": Case("stch", ("--warmup_epochs", 1)),
    "mgda": Case("mgda"),
    "imtl-g": Case("imtl-g", (), MAPS),
    "aligned-mtl-ub": Case("aligned-mtl-ub", (), MAPS),
    "graddrop": Case("graddrop"),
    "sel-update": Case("sel-update", ("--first_batches", 2, "--affinity_decay", 0.9)),
    "kd-amtl": Case("kd-amtl"),
}


class Place(NamedTuple):
    """Where the data are, and where runs write."""

    data: str
    folder: str


def make_config(place, case, *options):
    folder = place.folder
    cfg = folder / ("boxes.cfg" if case.text == BOXES else "maps.cfg")
    words = [cfg, "--dataset_root", place.data, "--runs", folder / "runs", "--loss", case.loss]
    return read([str(word) for word in (*words, *case.options, *OPTIONS, *options)])


def with_dropout(network):
    """Stochastic depth and dropout in the backbone."""
    net = network.backbone.net
    convolutions = [name for name, m in net.named_modules() if isinstance(m, torch.nn.Conv2d)]
    for name, dims in ((convolutions[0], None), (convolutions[-1], 1)):
        layer = net.get_submodule(name)
        net.set_submodule(name, torch.nn.Sequential(layer, Dropout(0.2, dims)))
    network.masks = replace_dropout(network)


def loop_of(place, name, ranks, *options, dtype=torch.float64, run="run"):
    case = CASES[name]
    config = make_config(place, case, *options)
    folder = place.folder / f"{name}-{ranks.size}-{run}"
    return make_loop(config, folder, teachers_of(place), ranks, dtype)


def trained(place, name, ranks):
    """What is left of a whole training, and what happened in it."""
    ranks.calls = []
    loop = loop_of(place, name, ranks)
    with_dropout(loop.network)
    with_dropout(loop.validation.network)
    groups, update = [], loop.objective.groups
    shares, read_share = [], loop.train_loader.epoch

    def recorded_groups():
        result = update()
        groups.append(sorted(loop.objective.grouping))
        return result

    def recorded_shares(*epoch):
        for batch in read_share(*epoch):
            shares.append({task: int(known.sum()) for task, known in batch.labelled.items()})
            shares[-1]["images"] = len(batch.images)
            yield batch

    loop.objective.groups, loop.train_loader.epoch = recorded_groups, recorded_shares
    loop.run()
    state = loop.state.state_dict()
    parts = {k: state[k] for k in ("network", "averaged", "objective", "schedule", "history")}
    parts |= {k: state[k] for k in ("projections",) if k in state}
    return {"state": parts, "calls": ranks.calls, "groups": groups, "shares": shares}


def evaluated(place, ranks):
    """The metrics of one network."""
    loop = loop_of(
        place, "weighted-sum", ranks, "--batch_size", 2, dtype=torch.float32, run="evaluated"
    )
    result = evaluation.evaluate(*_measured(loop), ranks)
    return result.metrics, result.per_class


def _measured(loop):
    return loop.network, loop.tasks, loop.loaders[1], loop.precision


def in_float32(place, ranks, permuted=False):
    """Losses and gradients of the first step, and the weights after each epoch."""
    options = ("--clip_grad", 0, "--gradient", "none")
    run = "permuted" if permuted else "float32"
    loop = loop_of(place, "imtl-g", ranks, *options, dtype=torch.float32, run=run)
    for layer in loop.network.modules():
        if isinstance(layer, Dropout):
            layer.p = 0.0  # masks belong to places in the batch
    if permuted:
        read_batches = loop.train_loader.epoch
        loop.train_loader.epoch = lambda *epoch: map(turned, read_batches(*epoch))
    losses, gradients, weights = {}, [], []
    step, update, finish = loop.step._update_by, loop.step._update, loop._finish

    def recorded_update():
        if not gradients:
            gradients.append(flat(p.grad for p in loop.network.parameters() if p.grad is not None))
        update()

    def recorded_losses(*arguments):
        result = step(*arguments)
        if not losses:
            losses.update({task: loss.item() for task, loss in result.items()})
        return result

    def recorded_weights(epoch):
        weights.append(flat(loop.network.parameters()))
        finish(epoch)

    loop.step._update_by, loop.step._update = recorded_losses, recorded_update
    loop._finish = recorded_weights
    loop.run()
    return {"losses": losses, "gradients": gradients[0], "weights": weights}


def turned(batch):
    """The images of a batch in the opposite order."""

    def turn(value):
        return value.flip(0) if isinstance(value, torch.Tensor) else value

    values = {field.name: getattr(batch, field.name) for field in dataclasses.fields(batch)}
    return dataclasses.replace(
        batch,
        **{
            name: {k: turn(v) for k, v in value.items()} if isinstance(value, dict) else turn(value)
            for name, value in values.items()
        },
    )


def flat(tensors):
    return torch.cat([tensor.detach().flatten() for tensor in tensors]).clone()


def trainings(place, ranks):
    """All that a process has to say."""
    return {
        "cases": {name: trained(place, name, ranks) for name in CASES},
        "evaluated": evaluated(place, ranks),
        "float32": in_float32(place, ranks),
    }


@pytest.fixture(scope="module")
def place(scenes_root, tmp_path_factory):
    """Data of which some files are damaged, the cfgs, and untrained teachers."""
    folder = tmp_path_factory.mktemp("trainings")
    data = folder / "data"
    for name in ("VOC", "NYU", "NYUD_MT"):
        source = DATASETS.choose(name).part.folder
        shutil.copytree(scenes_root / source, data / source)
    result = Place(data, folder)
    (folder / "boxes.cfg").write_text(BOXES)
    (folder / "maps.cfg").write_text(MAPS)
    config = make_config(result, CASES["kd-amtl"])
    for number, task in enumerate(declared_tasks(config)):
        save_untrained(baseline_config(config, task), task, folder / f"{task.name}.pt", number)
    damage_share(config, result)
    return result


def damage_share(config, place):
    """Damages the images that the second of three processes has of the first batch."""
    loop = make_loop(config, place.folder / "undamaged", teachers_of(place))
    batches = loop.train_loader._batches
    batches.epoch, batches.done = 1, 0
    for _, index in next(iter(batches))[2:5]:
        loop.train_loader.data.entries[index].image.write_bytes(b"no image")


def teachers_of(place):
    return {t: place.folder / f"{t}.pt" for t in ("segmentation", "detection", "depth")}


@pytest.fixture(scope="module")
def alone(place):
    return functools.cache(lambda name: trained(place, name, ALONE))


@pytest.fixture(scope="module")
def alone_in_float32(place):
    """One process, and one with its batches permuted."""
    return in_float32(place, ALONE), in_float32(place, ALONE, permuted=True)


@pytest.fixture(scope="module")
def alone_evaluated(place):
    return evaluated(place, ALONE)


@pytest.fixture(scope="module", params=SIZES)
def reports(request, place):
    """What each of two, then of three processes says."""
    folder = place.folder / f"processes{request.param}"
    folder.mkdir()
    return run_processes(functools.partial(trainings, place), request.param, folder)


def assert_close(value, expected, tolerance, where=""):
    """Compares nested states: numbers to a tolerance of the largest in their tensor."""
    if isinstance(expected, dict):
        assert value.keys() == expected.keys(), where
        for key, item in expected.items():
            if key not in ("seconds", "images_per_second"):
                assert_close(value[key], item, tolerance, f"{where}/{key}")
    elif isinstance(expected, (list, tuple)):
        assert len(value) == len(expected), where
        for number, item in enumerate(expected):
            assert_close(value[number], item, tolerance, f"{where}/{number}")
    elif isinstance(expected, torch.Tensor) and expected.numel():
        scale = max(expected.double().nan_to_num().abs().max().item(), 1e-2)
        apart = (value.double() - expected.double()).nan_to_num().abs().max().item()
        assert apart <= tolerance * scale, f"{where}: {apart / scale:.1e}"
    elif isinstance(expected, float):
        assert value == pytest.approx(
            expected, rel=10 * tolerance, abs=10 * tolerance, nan_ok=True
        ), where
    else:
        assert value == expected or isinstance(expected, torch.Tensor), where


@pytest.mark.parametrize("name", CASES)
def test_processes_train_as_one_does(reports, alone, name):
    result, expected = reports[0]["cases"][name], alone(name)
    assert_close(result["state"], expected["state"], 1e-7)
    assert result["groups"] == expected["groups"]


@pytest.mark.parametrize("name", CASES)
def test_all_processes_call_the_same(reports, name):
    first, *others = [report["cases"][name] for report in reports]
    for other in others:
        assert other["calls"] == first["calls"]
        assert_close(other["state"]["network"], first["state"]["network"], 0)


def test_shares_lack_labels_and_images(reports):
    shares = [report["cases"]["weighted-sum"]["shares"] for report in reports]
    counts = [
        [share[task] for share in batch]
        for batch in zip(*shares, strict=True)
        for task in ("segmentation", "detection", "depth")
    ]
    assert any(0 in count and any(count) for count in counts)
    images = [[share["images"] for share in batch] for batch in zip(*shares, strict=True)]
    assert any(sum(batch) < 8 for batch in images)
    assert len(reports) == 2 or any(0 in batch for batch in images)


def test_groups_change_at_least_twice(reports):
    groups = reports[0]["cases"]["sel-update"]["groups"]
    assert sum(a != b for a, b in itertools.pairwise(groups)) >= 2, groups


def test_an_evaluation_is_the_same_to_the_last_digit(reports, alone_evaluated):
    expected = alone_evaluated
    for report in reports:
        assert repr(report["evaluated"]) == repr(expected)
    assert all(math.isfinite(v) for metrics in expected[0].values() for v in metrics.values())


def test_in_float32_only_the_rounding_differs(reports, alone_in_float32):
    expected, turned = alone_in_float32
    for report in reports:
        result = report["float32"]
        assert result["losses"] == pytest.approx(expected["losses"], rel=1e-6)
        apart = (result["gradients"] - expected["gradients"]).norm()
        assert apart <= 1e-4 * expected["gradients"].norm()
        for ours, theirs, control in zip(
            result["weights"], expected["weights"], turned["weights"], strict=True
        ):
            # Both distances are chance: of the same order is what can be asked for.
            assert 0 < (ours - theirs).norm() <= 3 * (control - theirs).norm()
            assert (control - theirs).norm() < 0.05 * theirs.norm(), "a control of rounding alone"
