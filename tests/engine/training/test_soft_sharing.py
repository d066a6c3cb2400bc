"""Networks that share softly train alike whole, by several processes, in parts, and recomputed."""

import functools

import pytest
import torch
from torch import nn

import losses
import models
from datasets.batch import Batch
from engine.training.parts import StepInParts
from engine.training.step import Step
from losses import LOSSES
from losses.gradient import AGGREGATORS
from models import ARCHITECTURES, BACKBONES
from models.batch_norm import synchronise
from models.compilation import compile_parts
from tests.engine.training.tiny import assert_same, make_losses, make_tasks, part_of
from tests.processes import run_processes
from utils.errors import ConfigError
from utils.ranks import ALONE

SIZE = (32, 32)
TASKS = ("depth", "normal")
BACKBONE = "timm/test_efficientnet"
NETWORKS = {
    "cross_stitch": BACKBONE,
    "LTB": BACKBONE,
    "MTAN": "timm/test_convnext",  # with two blocks a stage
    "MMoE": BACKBONE,
    "CGC": BACKBONE,
    "PLE": BACKBONE,
    "DSelect_k": BACKBONE,
}
OPTIONS = {"MMoE": {"experts": 2}, "DSelect_k": {"experts": 2}}
LABELLED = (
    {"depth": [True, False, False, False, False], "normal": [False] * 4 + [True]},
    {"depth": [False, False], "normal": [True, False]},
)
"""Of two batches. Of three processes two have no label of a task in the first, and one no image in
the second, which has no label of depth at all."""
TRAINED_BY = ("weighted-sum", "mgda-ub")


def make_batch(number):
    labelled = LABELLED[number]
    images = len(labelled["depth"])
    draw = torch.Generator().manual_seed(number)
    normals = nn.functional.normalize(torch.randn(images, 3, *SIZE, generator=draw), dim=1)
    return Batch(
        images=torch.randint(0, 256, (images, *SIZE, 3), generator=draw, dtype=torch.uint8),
        shown=torch.tensor([[0, 0, *SIZE[::-1]]]).repeat(images, 1),
        colours=None,
        sharpness=None,
        targets={"depth": 1 + torch.rand(images, *SIZE, generator=draw), "normal": normals},
        labelled={task: torch.tensor(known) for task, known in labelled.items()},
    )


class Training:
    """Two steps of a network in float64, with stochastic depth in the backbone."""

    def __init__(self, arch, loss="weighted-sum", ranks=ALONE, parts=1):
        torch.manual_seed(0)
        tasks = make_tasks(*TASKS)
        backbone = BACKBONES.choose(NETWORKS[arch], {"pretrained": "false", "drop_path": 0.3})
        options = {"decoder": "plain", **OPTIONS.get(arch, {})}
        heads = {task.name: task.head for task in tasks}
        choice = ARCHITECTURES.choose_nested(arch, options)
        self.network = models.build(choice, backbone, heads, SIZE).double().train()
        synchronise(self.network, ranks)
        self.run_branches = []
        for name, branch in self.network.heads.items():
            branch.decoder.register_forward_hook(lambda *_, n=name: self.run_branches.append(n))
        place = {"gradient_at": "parameters"} if arch == "MTAN" and loss == "mgda-ub" else {}
        objective = losses.build(loss, TASKS, options=place, ranks=ranks)
        self.ranks, self.parts = ranks, parts
        task_losses = make_losses(self.network, tasks, ranks)
        optimizer = torch.optim.SGD(self.network.parameters(), lr=0.05)
        kind = Step if parts == 1 else StepInParts
        self.step = kind(task_losses, objective, optimizer, task_losses.precision)

    def run(self):
        for number in range(len(LABELLED)):
            batch = make_batch(number)
            share = self.ranks.share(len(batch.images))
            batch = part_of(batch, slice(share.start, share.stop))
            if self.parts > 1:
                half = len(batch.images) // 2
                batch = [part_of(batch, slice(half)), part_of(batch, slice(half, None))]
            self.step(batch, number + 1)
        return {name: value.clone() for name, value in self.network.state_dict().items()}


RECOMPUTED = ("MMoE", "LTB")
"""With whole backbones, and with their segments."""
CASES = [(arch, loss) for arch in NETWORKS for loss in TRAINED_BY]


def trainings(ranks):
    """The state and the branches that were run, of each case."""
    reports = {}
    for case in CASES:
        training = Training(*case, ranks)
        reports[case] = training.run(), training.run_branches
    for arch in RECOMPUTED:
        training = Training(arch, ranks=ranks)
        training.network.backbone.recompute()
        reports[arch] = training.run()
    return reports


@functools.cache
def whole(arch, loss):
    training = Training(arch, loss)
    return training.run(), training.run_branches


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    return run_processes(trainings, 3, tmp_path_factory.mktemp("processes"))


@pytest.mark.parametrize(("arch", "loss"), CASES)
def test_processes_train_as_one_does(reports, arch, loss):
    expected, branches = whole(arch, loss)
    for report in reports:
        state, run_branches = report[arch, loss]
        assert_same(state, expected, rtol=1e-7, atol=1e-9)
        assert run_branches == branches
    assert branches[-1] == "normal"
    assert branches[-2:] != ["depth", "normal"]


@pytest.mark.parametrize("arch", RECOMPUTED)
def test_processes_that_recompute_train_as_one_does(reports, arch):
    """Of which one has no image in a step."""
    for report in reports:
        assert_same(report[arch], whole(arch, "weighted-sum")[0], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("arch", "loss"), CASES)
def test_recomputed_activations_train_the_same(arch, loss):
    training = Training(arch, loss)
    training.network.backbone.recompute()
    assert_same(training.run(), whole(arch, loss)[0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("arch", "loss"), CASES)
def test_parts_of_a_batch_train_as_the_whole_one(arch, loss):
    """BatchNorm, whose statistics are those of a part in training, is left as in evaluation."""
    states = []
    for parts in (1, 2):
        training = Training(arch, loss, parts=parts)
        for layer in training.network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eval().train = lambda mode, layer=layer: layer
        states.append(training.run())
    assert_same(*states, rtol=1e-7, atol=1e-9)


AT_FEATURES = [name for name in AGGREGATORS if name != "none"]
NOT_AT_FEATURES = {
    **dict.fromkeys(("config-m", "moco", "excess-mtl"), "keeps gradients of earlier steps"),
    **dict.fromkeys(("modo", "sdmgrad"), "compares gradients of different images"),
}


@pytest.mark.parametrize("arch", NETWORKS)
def test_a_rule_at_the_features_trains_or_is_refused_with_the_reason(arch):
    training = Training(arch)
    for rule in AT_FEATURES:
        values = {"gradient": rule, "gradient_at": "features"}
        if reason := NOT_AT_FEATURES.get(rule):
            with pytest.raises(ConfigError, match=reason):
                LOSSES.choose_nested("weighted-sum", values).build()
            continue
        loss = LOSSES.choose_nested("weighted-sum", values).build()
        if arch == "MTAN":
            with pytest.raises(ConfigError, match=f"{rule} takes .* MTAN read every stage"):
                loss.check_network(training.network)
            continue
        loss.check_network(training.network)
        training.step.objective = loss.objective(TASKS)
        training.step(make_batch(0), 1)
        shared = [p.grad for p in training.network.shared_parameters()]
        assert all(gradient.isfinite().all() for gradient in shared), rule
        assert any(gradient.any() for gradient in shared), rule


@pytest.mark.slow
@pytest.mark.parametrize("arch", NETWORKS)
def test_a_compiled_network_trains_the_same(arch, monkeypatch):
    """The graphs are those of the compiler, run one operation after another: generating their code
    takes minutes, and is left to the tests of smaller networks."""
    compiled = functools.partialmethod(nn.Module.compile, backend="aot_eager")
    monkeypatch.setattr(nn.Module, "compile", compiled)
    training = Training(arch, "mgda-ub")
    compile_parts(training.network, keeps_graphs=True)
    assert_same(training.run(), whole(arch, "mgda-ub")[0], rtol=1e-6, atol=1e-8)
