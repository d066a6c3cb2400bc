"""A batch in parts is trained as the whole one, with every loss."""

import copy
import importlib.util
import weakref

import pytest
import torch
from torch import nn

import losses
from datasets.batch import Batch
from datasets.photometric import float_images
from engine.training.ema import MovingAverage
from engine.training.parts import StepInParts
from engine.training.precision import Precision
from engine.training.step import Step
from engine.training.teachers import DistilledLosses, Teachers
from engine.training.undo import SkippedSteps
from losses.distillation import Distillation
from losses.presets import LOSSES, DistilledLoss
from models import Network
from models.batch_norm import synchronise
from tests.building import make_network as build_network
from tests.engine.training.tiny import (
    Head,
    Neck,
    Trunk,
    assert_same,
    make_batch,
    make_losses,
    make_tasks,
    part_of,
)
from tests.losses.spread import numbers_of
from tests.processes import run_processes
from tests.running import CPU
from utils.errors import ConfigError
from utils.ranks import ALONE

THREE = ("segmentation", "depth", "normal")
IMAGES = 5
# Cuts into two and three parts, with a part that has no label of depth, and one without an image.
CUTS = {2: [slice(0, 2), slice(2, 5)], 3: [slice(0, 1), slice(1, 5), slice(5, 5)]}
LABELLED = (
    {"depth": [False, False, True, False, True], "normal": [True] + [False] * 4},
    {"segmentation": [False] * 4 + [True]},
    {"normal": [False] * 5, "depth": [True, False, False, False, False]},
)
OPTIONS = {
    "stch": {"warmup_epochs": 0},
    "sel-update": {"first_batches": 1, "affinity_decay": 0.5},
}


def with_rule(rule, place, name="weighted-sum"):
    return name, {"gradient": rule, "gradient_at": place}


CASES = [
    # auto-lambda learns from batches in parts alone.
    *((name, OPTIONS.get(name, {})) for name in LOSSES if name != "auto-lambda"),
    *(with_rule(rule, "last_layer") for rule in ("cagrad", "nash-mtl", "gradvac")),
    *(with_rule(rule, "features") for rule in ("cagrad", "grad-norm", "gradvac")),
    ("graddrop", {"leak": (0.1, 0.5, 0.0)}),
    ("kd-amtl", {"distance_weight": 0.0}),
    ("gradvac", {"per_layer": True, "beta": 0.5}),
    ("db-mtl", {"gradient_decay": 0.5}),
    ("sdmgrad", {"gradient_at": "last_layer"}),
    ("mgda", {"scale_by": "loss+", "every": 2}),
    with_rule("grad-norm", "parameters"),
    with_rule("pcgrad", "last_layer", "geometric"),
]
if importlib.util.find_spec("torchjd"):
    CASES += [
        with_rule("torchjd:ConFIG", "parameters"),
        with_rule("torchjd:ConFIG", "features"),
        with_rule("torchjd:GradDrop", "features"),
        with_rule("torchjd:UPGrad", "last_layer"),
    ]


def name_of(case):
    return "-".join(map(str, (case[0], *case[1].values())))


class DroppingTrunk(Trunk):
    """Two features a pixel, of which some are dropped; with a BatchNorm where it is wanted."""

    def __init__(self, norm):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Tanh(), nn.Dropout(0.25))
        self.norm = nn.BatchNorm2d(3) if norm else nn.Identity()

    def forward(self, images):
        return super().forward(self.norm(self.first(images)))


class Featureless(Network):
    """A network that says that it has no shared features."""

    no_features = "there are none"


def make_network(tasks, norm=False, seed=0, kind=Network):
    torch.manual_seed(seed)
    trunk = DroppingTrunk(norm)
    heads = {task.name: Head(task.head.channels) for task in tasks}
    return kind(trunk, Neck(), heads, list(trunk.layer.parameters())).double()


class TinyTeachers(Teachers):
    """Teachers that no checkpoint holds."""

    def __init__(self, tasks):
        self.tasks, self.sizes, self.precision = tasks, [(4, 6)], Precision(CPU, False)
        self.label_stride = 1
        networks = {t.name: make_network([t], seed=n + 1) for n, t in enumerate(tasks)}
        self.networks = {name: n.eval().requires_grad_(False) for name, n in networks.items()}


def make_task_losses(network, tasks, loss, ranks):
    plain = make_losses(network, tasks, ranks)
    if not isinstance(loss, DistilledLoss):
        return plain
    torch.manual_seed(3)
    channels = {task.name: [2] for task in tasks}
    weights = loss.distance_weight, loss.pseudo_label_weight
    distillation = Distillation(list(channels), [2], channels, *weights, ranks).double()
    return DistilledLosses(plain, TinyTeachers(tasks), distillation)


class Training:
    """A training with a loss, on whole batches or in parts."""

    def __init__(
        self, case, parts=1, norm=False, ranks=ALONE, names=THREE, kind=Network, **options
    ):
        name, values = case
        self.ranks = ranks
        self.parts, self.tasks = parts, make_tasks(*names)
        self.network = make_network(self.tasks, norm, kind=kind)
        synchronise(self.network, ranks)
        loss = LOSSES.choose_nested(name, values).build()
        task_losses = make_task_losses(self.network, self.tasks, loss, ranks)
        self.objective = losses.build(name, names, dict.fromkeys(names, 0.6), values, ranks=ranks)
        self.components = task_losses.components()
        modules = [self.network, *self.components.values()]
        parameters = [p for module in modules for p in module.parameters()]
        self.optimizer = torch.optim.SGD(parameters, 0.05, momentum=0.9)
        self.average = MovingAverage(self.network, 0.5)
        self.skipped = SkippedSteps([*modules, self.optimizer, self.objective, self.average])
        kind = Step if parts == 1 else StepInParts
        if options.pop("skip", False):
            options["skipped"] = self.skipped
        self.step = kind(
            task_losses,
            self.objective,
            self.optimizer,
            task_losses.precision,
            averaged=self.average,
            **options,
        )
        self.losses, self.statistics = [], []

    def batch(self, number):
        batch = make_batch(self.tasks, LABELLED[number], IMAGES, seed=number)
        if self.parts == 1:
            return batch
        parts = [part_of(batch, cut) for cut in CUTS[self.parts]]
        shares = [self.ranks.share(len(part.images)) for part in parts]
        pairs = zip(parts, shares, strict=True)
        return [part_of(part, slice(share.start, share.stop)) for part, share in pairs]

    def run(self):
        for number in range(3):
            self.statistics.append({})
            batch = self.batch(number)
            self.losses.append(self.step(batch, number + 1, self.statistics[-1]))
            self.objective.evaluated({t: 0.1 * (n + 1) for n, t in enumerate(THREE)})
            self.objective.end_epoch()
        return self.state()

    def state(self):
        state = dict(numbers_of(self.losses, "losses"))
        state |= dict(numbers_of(self.statistics, "statistics"))
        for name, module in {
            "network": self.network,
            "average": self.average,
            **self.components,
        }.items():
            state |= {f"{name}.{key}": v.clone() for key, v in module.state_dict().items()}
        return state | dict(numbers_of(self.objective.state_dict(), "objective"))


@pytest.fixture(scope="module")
def whole():
    """The state after a training on whole batches, by loss."""
    states = {}

    def make(case, **options):
        key = name_of(case) + str(options)
        if key not in states:
            states[key] = Training(case, **options).run()
        return states[key]

    return make


@pytest.mark.parametrize("parts", [2, 3])
@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_every_loss_trains_in_parts_as_on_whole_batches(case, parts, whole):
    """With dropout, clipped gradients, a moving average and statistics of the gradients."""
    state = Training(case, parts, clip_grad=1.0).run()
    assert_same(state, whole(case, clip_grad=1.0), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("parts", [2, 3])
@pytest.mark.parametrize("loss", ["weighted-sum", "imtl", "kd-amtl"])
def test_a_loss_of_several_sums_is_put_together_over_all_parts(loss, parts, whole):
    """The weights of the classes of saliency are those of the whole batch."""
    options = {"names": ("saliency", "depth", "edge")}
    state = Training((loss, {}), parts, **options).run()
    assert_same(state, whole((loss, {}), **options), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("case", [("weighted-sum", {}), ("cagrad", {}), ("graddrop", {})])
def test_a_network_without_shared_features_trains_by_the_same_gradients(case, parts, whole):
    training = Training(case, parts, kind=Featureless, clip_grad=1.0)
    if case[0] == "graddrop":
        with pytest.raises(ConfigError, match="graddrop takes the gradients at the shared feat"):
            training.run()
        return
    assert_same(training.run(), whole(case, clip_grad=1.0), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", ["uw", "famo", "imtl", "graddrop", "pcgrad", "sel-update"])
def test_steps_in_parts_that_are_not_numbers_are_undone(name):
    states = []
    for with_a_bad_step in (True, False):
        training = Training((name, OPTIONS.get(name, {})), 2, norm=True, skip=True)
        training.step(training.batch(0), 1)
        if with_a_bad_step:
            bad = training.batch(1)
            bad[1].targets["normal"][0] = float("inf")
            bad[1].labelled["normal"][0] = True
            assert training.step(bad, 2) == {}
            assert training.skipped.count == 1
        training.step(training.batch(2), 3)
        states.append(training.state())
    assert_same(*states, atol=0, rtol=0)


@pytest.mark.parametrize(
    "name", ["weighted-sum", "geometric", "mgda-ub", "imtl", "pcgrad", "graddrop", "auto-lambda"]
)
@pytest.mark.parametrize("statistics", [False, True])
def test_running_statistics_change_once_a_part_and_step(name, statistics):
    """However often the loss goes through the parts."""
    training = Training((name, {}), 2, norm=True)
    parts = training.batch(0)
    norm = copy.deepcopy(training.network.backbone.norm)
    for number, part in enumerate(parts):
        training.network.masks.place = next(
            training.step.task_losses.places(1, range(2) if number == 0 else range(2, 5), IMAGES)
        )
        network = training.network
        images = (float_images(part).double() - network.mean) / network.std
        norm(network.backbone.first(images))
    training.step(parts, 1, {} if statistics else None)
    after = training.network.backbone.norm
    assert after.num_batches_tracked == 2
    torch.testing.assert_close(after.running_mean, norm.running_mean)
    torch.testing.assert_close(after.running_var, norm.running_var)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_the_graph_of_a_part_is_gone_before_the_next_one_grows(case):
    training, maps = Training(case, 2), []

    def look(*_):
        assert not [reference for reference in maps if reference() is not None]

    training.network.backbone.register_forward_pre_hook(look)
    training.network.register_forward_hook(
        lambda network, *_: maps.append(weakref.ref(network.features[0]))
    )
    training.step(training.batch(0), 1, {})
    assert len(maps) >= 4


@pytest.mark.parametrize("name", ["weighted-sum", "mgda", "mgda-ub"])
def test_labels_that_no_part_has_change_nothing(name):
    training = Training((name, {}), 2)
    batch = make_batch(training.tasks, dict.fromkeys(THREE, [False] * IMAGES), IMAGES)
    before = training.state()
    assert training.step([part_of(batch, cut) for cut in CUTS[2]], 1) == {}
    assert_same(training.state(), before, atol=0, rtol=0)


SPREAD = [
    *((name, OPTIONS.get(name, {})) for name in ("weighted-sum", "uw", "famo", "sel-update")),
    *((name, {}) for name in ("mgda-ub", "imtl", "pcgrad", "graddrop", "kd-amtl")),
    *((name, {}) for name in ("moco", "modo", "config-m")),
    ("auto-lambda", {"primary": ("depth", "normal"), "weight_lr": 0.1}),
]


def trained(ranks):
    states = {}
    for case in SPREAD:
        for parts in CUTS:
            ranks.calls = []
            state = Training(case, parts, norm=True, ranks=ranks).run()
            states[name_of(case), parts] = (state, ranks.calls)
    return states


@pytest.mark.slow
def test_parts_on_two_processes_are_trained_as_on_one(tmp_path):
    """With BatchNorm, whose statistics are those of a part."""
    first, second = run_processes(trained, 2, tmp_path)
    for case in SPREAD:
        for parts in CUTS:
            alone = Training(case, parts, norm=True).run()
            (state, calls), (others, other_calls) = (
                states[name_of(case), parts] for states in (first, second)
            )
            assert calls == other_calls
            assert_same(others, state, rtol=0, atol=0)
            assert_same(state, alone, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("loss", ["weighted-sum", "geometric", "mgda"])
def test_a_detector_counts_the_anchors_of_all_parts(loss):
    """Of which one has no object. On several maps, with BatchNorm in evaluation mode."""
    size, states = (64, 64), []
    tasks = make_tasks("detection", "segmentation")
    boxes = torch.tensor([[4.0, 4, 36, 36, 1, 0], [20, 10, 60, 60, 0, 0]])
    draw = torch.Generator().manual_seed(0)
    batch = Batch(
        images=torch.randint(0, 256, (3, *size, 3), generator=draw, dtype=torch.uint8),
        shown=torch.tensor([[0, 0, *size]] * 3),
        colours=None,
        sharpness=None,
        targets={
            "detection": [boxes, boxes[:1], boxes[:0]],
            "segmentation": torch.randint(0, 3, (3, *size), generator=draw, dtype=torch.uint8),
        },
        labelled={task.name: torch.ones(3, dtype=torch.bool) for task in tasks},
    )
    for cuts in ([], [(0, 2), (2, 3)]):
        torch.manual_seed(0)
        heads = {task.name: task.head for task in tasks}
        network = build_network("VMM", "mobilenet_v2", heads, size, channels=8).double().eval()
        task_losses, objective = make_losses(network, tasks), losses.build(loss, tuple(heads))
        optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
        step = (StepInParts if cuts else Step)(
            task_losses, objective, optimizer, task_losses.precision
        )
        parts = [part_of(batch, slice(*cut)) for cut in cuts]
        values = step(parts or batch, 1)
        states.append({**network.state_dict(), **values})
    assert_same(*states, rtol=1e-10, atol=1e-10)
