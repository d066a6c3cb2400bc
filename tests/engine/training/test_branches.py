"""Training of networks whose tasks have branches of their own, on partially annotated batches."""

import pytest
import torch

import losses
from datasets.batch import Batch
from tests.building import make_network
from tests.engine.training.tiny import make_losses, make_step, make_tasks, weights_of

SIZE = (32, 32)
TASKS = ("depth", "normal")


def batch_of(tasks, labelled):
    """Two images, with labels of some tasks."""
    draw = torch.Generator().manual_seed(0)
    normals = torch.nn.functional.normalize(torch.randn(2, 3, *SIZE, generator=draw), dim=1)
    targets = {"depth": 1 + torch.rand(2, *SIZE, generator=draw), "normal": normals}
    return Batch(
        images=torch.randint(0, 256, (2, *SIZE, 3), generator=draw, dtype=torch.uint8),
        shown=torch.tensor([[0, 0, *SIZE[::-1]]]).repeat(2, 1),
        colours=None,
        sharpness=None,
        targets={task.name: targets[task.name] for task in tasks},
        labelled={task.name: torch.tensor([task.name in labelled] * 2) for task in tasks},
    )


def network_of(tasks, arch):
    torch.manual_seed(0)
    options = {"decoder": "plain"}
    return make_network(arch, "resnet18", {t.name: t.head for t in tasks}, SIZE, **options)


@pytest.mark.parametrize("gradient", ["none", "pcgrad"])
@pytest.mark.parametrize("arch", ["CGC", "LTB", "MTAN"])
def test_a_task_without_a_label_in_the_batch_is_not_run_and_stays_as_it_is(arch, gradient):
    tasks = make_tasks(*TASKS)
    network = network_of(tasks, arch)
    run = []
    for name, branch in network.heads.items():
        branch.decoder.register_forward_hook(lambda *_, name=name: run.append(name))
    objective = losses.build(
        "weighted-sum",
        TASKS,
        options={"gradient": gradient}
        | ({} if gradient == "none" else {"gradient_at": "parameters"}),
    )
    step = make_step(network, tasks, objective)
    before = weights_of(network)
    assert step(batch_of(tasks, {"normal"}), 1).keys() == {"normal"}
    assert run == ["normal"]
    changed = {name for name, value in weights_of(network).items() if not value.equal(before[name])}
    assert not any(name.startswith("heads.depth.") for name in changed)
    assert any(name.startswith("heads.normal.") for name in changed)
    assert any(name.startswith("backbone.") for name in changed)


def test_a_network_knows_how_far_the_training_is():
    tasks = make_tasks("depth")
    task_losses = make_losses(network_of(tasks, "LTB"), tasks)
    batch = batch_of(tasks, {"depth"})

    def progress(step):
        task_losses.on(batch, step)[1]()
        return task_losses.network.place.progress

    assert progress(3) == 0  # nobody has said how long it is
    task_losses.steps = 4
    assert [progress(step) for step in (1, 3, 4, 9)] == [0, 0.5, 0.75, 1]
