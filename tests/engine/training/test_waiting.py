"""A step that records nothing waits for the device only where it must."""

import pytest
import torch

from datasets.batch import Batch
from engine.training.divergence import Divergence
from engine.training.step import Step
from engine.training.teachers import DistilledLosses
from losses import LOSSES
from tasks import TASKS
from tasks.base import BoxPrediction
from tests.engine.training.test_parts import OPTIONS, Training
from tests.engine.training.waiting import GPU, moved, on_device, waits

RULE = {"rule_weights.py weights: to"}
"""The Gramian is taken to the host, where the rule's small problem is solved."""
MEMORY = {"at_parameters.py _update_from_memory: to"}
REASONS = {
    **{
        name: RULE
        for name in LOSSES
        if LOSSES.choose(name).value("gradient").name not in ("none", "graddrop")
    },
    # Its losses are asked for on the host as well.
    "grad-norm": RULE | {"rule_weights.py losses: cpu"},
    # The lengths of the gradients say whether they may be remembered.
    "config-m": MEMORY,
    "moco": MEMORY | {"rule_weights.py losses: cpu"},
    "excess-mtl": MEMORY | {"excess_mtl.py track: to"},
    # The next group's affinities are numbers of the host, where the tasks are clustered.
    "sel-update": {"task_groups.py _numbers: tolist"},
    # The pseudo-labels are made on the host, as a task's other labels are.
    "kd-amtl": {f"{task}.py decode: cpu" for task in ("segmentation", "depth", "normal")},
}


def there(batch):
    """A batch on the device; what says which images are labelled stays on the host."""
    targets = {name: on_device(target) for name, target in batch.targets.items()}
    return Batch(on_device(batch.images), batch.shown, None, None, targets, batch.labelled)


def step_there(training):
    """The step of a training whose network is on the device."""
    task_losses = training.step.task_losses
    modules = [training.network, *training.components.values()]
    for module in (*modules, training.average.module):
        moved(module)
    if isinstance(task_losses, DistilledLosses):
        for network in task_losses.teachers.networks.values():
            moved(network)
    parameters = [p for module in modules for p in module.parameters()]
    optimizer = torch.optim.SGD(parameters, 0.05, momentum=0.9)
    step = Step(
        task_losses,
        training.objective,
        optimizer,
        task_losses.precision,
        clip_grad=1.0,
        averaged=training.average,
    )
    step.divergence = Divergence(training.objective.tasks, GPU)
    return step


@pytest.mark.parametrize("loss", LOSSES)
def test_a_step_waits_for_the_device_where_its_loss_must(loss, monkeypatch):
    training = Training((loss, OPTIONS.get(loss, {})), norm=True)
    with waits(monkeypatch) as noted:
        step = step_there(training)
        for number in range(2):  # the first one may make what later ones have
            noted.clear()
            step(there(training.batch(number)), number + 1)
            training.objective.evaluated(dict.fromkeys(training.objective.tasks, 0.3))
    assert set(noted) == REASONS.get(loss, set())


@pytest.mark.parametrize("class_map", [(), (torch.tensor([[0, -2], [-2, 1]]),)])
def test_detection_waits_for_the_number_of_its_objects_and_anchors(monkeypatch, class_map):
    task = TASKS["detection"](("a", "b"))
    anchors = torch.rand(60, 4) / 2 + 0.2
    targets = [torch.tensor([[4.0, 4, 24, 20, 1, 0]]), torch.zeros(0, 6)]
    with waits(monkeypatch) as noted:
        prediction = BoxPrediction(
            on_device(torch.randn(2, 60, 2)),
            on_device(torch.randn(2, 60, 4)),
            on_device(anchors),
            (60,),
            (32, 48),
        )
        labelled = torch.tensor([True, True])
        targets = [on_device(target) for target in targets]
        total, _ = task.criterion(prediction, targets, labelled, *class_map)
        kinds = set(noted)
    assert total.isfinite()
    # How many objects, and then anchors, are trained on is known on the device alone.
    assert kinds == {
        "detection.py _objects: __getitem__",
        "matching.py match: nonzero",
        "matching.py _best_at_each_place: __getitem__",
    }


def test_segmentation_of_datasets_that_label_different_classes_does_not_wait(monkeypatch):
    task = TASKS["segmentation"](("background", "a", "b", "c"))
    class_maps = torch.tensor([[0, 1, 0, 0], [0, 0, 2, 3]])
    with waits(monkeypatch) as noted:
        logits = on_device(torch.randn(2, 4, 3, 5))
        target = on_device(torch.randint(0, 2, (2, 3, 5)))
        target[1] *= 2
        noted.clear()
        total, _ = task.criterion(logits, target, torch.tensor([True, True]), class_maps)
        kinds = set(noted)
    assert total.isfinite()
    assert kinds == set()


def test_what_waits_is_noted(monkeypatch):
    """By the device that is none itself."""
    with waits(monkeypatch) as noted:
        x = on_device(torch.rand(3))
        for wait in (
            lambda: (x * 2).sum().item(),
            lambda: bool((x > 2).any()),
            lambda: (x + 1)[x > 0.5],
            lambda: x[torch.tensor([0, 2])],
            lambda: (x * 2).cpu(),
            lambda: x.to("cpu").tolist(),
            lambda: torch.tensor([1.0], device=GPU),
            lambda: torch.ones(2).to(x.device),
            lambda: torch.nonzero(x),
        ):
            noted.clear()
            wait()
            assert sum(noted.values()) == 1
        noted.clear()
        total = torch.zeros(3, device=x.device) + torch.ones(3).to(x.device, non_blocking=True)
        assert (total * x).cpu().sum().item() > 0
        assert list(noted.values()) == [1]
