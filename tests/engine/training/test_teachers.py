"""The single-task networks as teachers."""

import pytest
import torch

import losses
from datasets.batch import Batch
from engine.runs.baselines import single_tasks
from engine.runs.network import declared_tasks, make_network
from engine.training.precision import Precision
from engine.training.task_losses import TaskLosses
from engine.training.teachers import DistilledLosses, distilled_losses
from losses.distillation import distance
from tests.running import CPU, run
from utils.errors import ConfigError, DataError
from utils.ranks import Ranks


@pytest.fixture
def taught(make_config, make_teachers, partial):
    """A cfg's tasks, its network, the losses with its teachers, and a batch's images."""

    def make(*options, text=partial, teacher_options=()):
        config = make_config(text, "--loss", "kd-mtl", *options)
        tasks = declared_tasks(config)
        paths = make_teachers(make_config(text, *options, *teacher_options), tasks)
        torch.manual_seed(0)
        network = make_network(config, {task.name: task.head for task in tasks})
        plain = TaskLosses(network, tasks, Precision(CPU, False), Ranks(), 0)
        distilled = distilled_losses(plain, paths, config.data.size, 1.0)
        return config, tasks, network, distilled, torch.randn(3, 3, *config.data.size)

    return make


def shown(images):
    """The whole of each of (B, 3, H, W) images."""
    height, width = images.shape[2:]
    return torch.tensor([[0, 0, width, height]]).repeat(len(images), 1)


def batch_of(tasks, size, count=3):
    """A batch of random images that are labelled for no task."""
    images = torch.randint(0, 256, (count, *size, 3), dtype=torch.uint8)
    targets = {t.name: t.collate([t.unlabelled_target(size)] * count) for t in tasks}
    unlabelled = {task.name: torch.zeros(count, dtype=torch.bool) for task in tasks}
    return Batch(images, shown(images.permute(0, 3, 1, 2)), None, None, targets, unlabelled)


def test_a_teacher_is_the_checkpoint_of_its_baseline_and_never_changes(taught):
    _, tasks, _, distilled, images = taught()
    networks = distilled.teachers.networks
    for task in tasks:
        assert not networks[task.name].training
        assert not any(p.requires_grad for p in networks[task.name].parameters())
    before = {name: n.state_dict() for name, n in networks.items()}
    before = {name: {k: v.clone() for k, v in s.items()} for name, s in before.items()}
    distilled.teachers(images, shown(images))
    for name, network in networks.items():
        assert all(torch.equal(v, before[name][k]) for k, v in network.state_dict().items())


def test_the_outputs_are_what_the_teachers_give_for_the_images(taught):
    _, tasks, _, distilled, images = taught()
    outputs = distilled.teachers(images, shown(images))
    for task in tasks:
        network = distilled.teachers.networks[task.name]
        expected = task.collate(task.pseudo_targets(network(images)[task.name]))
        targets = outputs.targets[task.name]
        assert len(targets) == 3
        assert all(torch.equal(a, b) for a, b in zip(targets, expected, strict=True))
        for feature, output in zip(network.features, outputs.features[task.name], strict=True):
            assert torch.equal(feature, output)
            assert not output.requires_grad


def test_a_teacher_says_nothing_of_the_padding(taught):
    _, tasks, _, distilled, images = taught()
    height, width = images.shape[2:]
    part = torch.tensor([[0, 0, width, height], [0, 8, width, height - 4], [20, 0, 50, height]])
    whole = distilled.teachers(images, shown(images)).targets
    inside = distilled.teachers(images, part).targets
    for number, (x1, y1, x2, y2) in enumerate(part.tolist()):
        for task in tasks:
            target, everywhere = inside[task.name][number], whole[task.name][number]
            if task.task_type == "detection":
                boxes = target[:, :4]
                assert (boxes[:, :2] >= torch.tensor([x1, y1])).all()
                assert (boxes[:, 2:] <= torch.tensor([x2, y2])).all()
                continue
            expected = torch.from_numpy(task.unlabelled_target((height, width)))
            expected[y1:y2, x1:x2] = everywhere[y1:y2, x1:x2]
            assert torch.equal(target, expected)


def test_without_a_label_a_task_learns_from_its_teacher_and_the_features(taught):
    config, tasks, network, distilled, _ = taught()
    batch = batch_of(tasks, config.data.size)
    network.eval()
    active, losses_of = distilled.on(batch, 1)
    assert active == {task.name for task in tasks}
    result = losses_of()
    assert list(result) == [task.name for task in tasks]
    images = (batch.images.float() / 255).permute(0, 3, 1, 2)
    outputs, predictions = distilled.teachers(images, shown(images)), network(images)
    every = torch.ones(3, dtype=torch.bool)
    for task, projections in zip(tasks, distilled.distillation.projections, strict=True):
        total, count = task.criterion(predictions[task.name], outputs.targets[task.name], every)
        apart = [
            distance(project(ours), theirs) / theirs[:, 0].numel()
            for project, ours, theirs in zip(
                projections, network.features, outputs.features[task.name], strict=True
            )
        ]
        expected = total / count.clamp(min=1) + sum(apart) / len(apart)
        torch.testing.assert_close(result[task.name], expected, rtol=1e-4, atol=1e-5)


class Counted:
    """Counts the forward passes of the teachers, and the predictions made labels."""

    def __init__(self, distilled, monkeypatch):
        self.passes = self.labels = 0
        for network in distilled.teachers.networks.values():
            network.register_forward_hook(lambda *_: self.count("passes"))
        for task in distilled.tasks:
            pseudo_targets = task.pseudo_targets
            monkeypatch.setattr(
                task,
                "pseudo_targets",
                lambda prediction, f=pseudo_targets: (self.count("labels"), f(prediction))[1],
            )

    def count(self, name):
        setattr(self, name, getattr(self, name) + 1)


def test_li_and_bilen_s_loss_is_the_distance_alone(taught, monkeypatch):
    config, tasks, _, distilled, _ = taught()
    loss = config.run.loss.build()
    assert (loss.distance_weight, loss.pseudo_label_weight) == (1, 0)
    batch = batch_of(tasks, config.data.size)
    distilled.network.eval()
    distilled.distillation.pseudo_label_weight = 0.0
    alone = DistilledLosses(distilled, distilled.teachers, distilled.distillation)
    counted = Counted(alone, monkeypatch)
    losses_of = alone.on(batch, 1)[1]
    assert all(0 < loss <= 4 for loss in losses_of().values())
    alone.counts(batch, set())
    assert (counted.passes, counted.labels) == (len(tasks), 0)


def test_pseudo_labels_alone_need_no_projections(make_config, make_teachers, partial):
    config = make_config(partial, "--loss", "kd-amtl", "--distance_weight", "0")
    tasks = declared_tasks(config)
    network = make_network(config, {task.name: task.head for task in tasks})
    plain = TaskLosses(network, tasks, Precision(CPU, False), Ranks(), 0)
    paths = make_teachers(config, tasks)
    distilled = distilled_losses(plain, paths, config.data.size, 0.0, 1.0)
    assert distilled.components() == {}
    losses_of = distilled.on(batch_of(tasks, config.data.size), 1)[1]
    sum(losses_of().values()).backward()
    assert all(p.grad is not None for t in tasks for p in network.task_parameters(t.name))


def test_the_losses_on_no_images_are_zeros_that_reach_every_parameter(taught):
    """The share of a process may be empty."""
    config, tasks, network, distilled, _ = taught()
    batch = batch_of(tasks, config.data.size).first(0)
    network.eval()
    _, losses_of = distilled.on(batch, 1)
    losses = losses_of()
    assert [loss.item() for loss in losses.values()] == [0.0] * len(tasks)
    sum(losses.values()).backward()
    for parameter in [*network.parameters(), *distilled.distillation.parameters()]:
        assert not parameter.grad.any()


def test_projections_are_the_task_s_own_and_train_as_new_layers(taught):
    config, tasks, network, distilled, _ = taught("--multiple_lr", "10", "--tencent_trick")
    model = distilled.model
    assert model.shared_parameters() == network.shared_parameters()
    by_task = {task.name: model.task_parameters(task.name) for task in tasks}
    projections = list(distilled.components()["projections"].parameters())
    heads = [p for task in tasks for p in network.task_parameters(task.name)]
    assert {id(p) for ps in by_task.values() for p in ps} == {id(p) for p in [*heads, *projections]}
    part = config.training.optimizer.build()
    optimizer = part.optimizer(network, config.loading.batch_size, projections)
    rates = {
        id(p): (g["lr"], g["weight_decay"]) for g in optimizer.param_groups for p in g["params"]
    }
    for parameter in projections:
        rate, decay = rates[id(parameter)]
        assert rate == pytest.approx(10 * part.learning_rate(config.loading.batch_size))
        assert (decay == 0) == (parameter.ndim == 1)

    objective = losses.build("kd-mtl", [task.name for task in tasks])
    _, losses_of = distilled.on(batch_of(tasks, config.data.size), 1)
    objective.backward(losses_of(), model, objective.tasks)
    assert all(p.grad is not None for p in projections)


@pytest.mark.parametrize("rule", ["mgda", "pcgrad"])
def test_a_gradient_rule_leaves_the_projections_their_own_gradients(taught, rule):
    config, tasks, network, distilled, _ = taught()
    network.eval()
    names, batch = [task.name for task in tasks], batch_of(tasks, config.data.size)
    gradients = []
    for gradient in ("none", rule):
        options = {"gradient": gradient, "loss_weight": (1.0, 1.0, 1.0)}
        result = distilled.on(batch, 1)[1]()
        network.zero_grad()
        distilled.distillation.zero_grad()
        losses.build("kd-mtl", names, options=options).backward(result, distilled.model, names)
        gradients.append([p.grad.clone() for p in distilled.distillation.parameters()])
    for plain, ruled in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, ruled)


def test_maps_of_another_size_are_resized(taught, dense):
    """A teacher whose backbone keeps twice the resolution."""
    _, _, network, distilled, images = taught(text=dense, teacher_options=("--output_stride", "8"))
    network(images)
    single = distilled.teachers.networks["depth"]
    single(images)
    assert single.features[0].shape[2:] != network.features[0].shape[2:]
    resized = distilled.teachers(images, shown(images)).features["depth"]
    for ours, theirs in zip(network.features, resized, strict=True):
        assert ours.shape[2:] == theirs.shape[2:]


def test_another_number_of_maps_is_refused_in_one_line_before_anything_is_trained(
    make_config, dense, cfg
):
    single = dense.replace("seg depth normal", "depth").replace("arch = DeepLab", "arch = VMM")
    single = single.replace("timm/test_resnet", "mobilenet_v2")
    path = cfg(single, "single")
    seg = cfg(dense.replace("seg depth normal", "seg"), "seg")
    text = dense.replace("seg depth normal", "seg depth")
    config = make_config(text + f"[baselines]\nbaselines = {seg} {path}\n", "--loss", "kd-mtl")
    match = (
        r"--loss: kd-mtl .*VMM mobilenet_v2, the single-task network of depth, has 3 and"
        r" DeepLab timm/test_resnet has 1"
    )
    with pytest.raises(ConfigError, match=match):
        single_tasks(config, declared_tasks(config))


def test_accuracies_alone_cannot_teach(make_config, dense):
    given = ("--potential", "0.5", "0.6", "0.7", "--dataset_root", "no/such/folder")
    with pytest.raises(ConfigError, match=r"--potential: .*kd-amtl needs them all as teachers"):
        run(make_config(dense, "--loss", "kd-amtl", *given))


def test_accuracies_alone_cannot_label(make_config, dense):
    given = ("--potential", "0.5", "0.6", "0.7", "--dataset_root", "no/such/folder")
    with pytest.raises(ConfigError, match=r"--potential: .*missing = teacher needs them all"):
        run(make_config(dense, "--missing", "teacher", *given))


def test_a_checkpoint_that_is_gone_is_named(make_config, make_teachers, partial):
    config = make_config(partial, "--loss", "kd-mtl")
    tasks = declared_tasks(config)
    paths = make_teachers(config, tasks)
    paths["depth"].unlink()
    network = make_network(config, {task.name: task.head for task in tasks})
    plain = TaskLosses(network, tasks, Precision(CPU, False), Ranks(), 0)
    with pytest.raises(DataError, match=r"depth/best\.pt: there is no such checkpoint"):
        distilled_losses(plain, paths, config.data.size, 1.0)


def test_the_main_job_trains_the_teachers_first(make_config, dense, tmp_path):
    text = dense.replace("seg depth normal", "depth normal")
    results = run(make_config(text, "--loss", "kd-amtl", "--max_epoch", "1"))
    assert results["loss"] == "kd-amtl"
    folder = tmp_path / "runs" / "tiny" / "kd-amtl" / "seed0"
    best = torch.load(folder.joinpath("best.pt"), weights_only=True)["network"]
    assert not any("projection" in name for name in best)
    assert torch.load(folder / "last.pt", weights_only=True)["projections"]
