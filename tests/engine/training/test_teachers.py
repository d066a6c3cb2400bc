"""The single-task networks as teachers."""

import pytest
import torch

import losses
from engine.baselines import trained_baselines
from engine.data import build_data
from engine.experiment import run_experiment
from engine.network import make_network
from engine.optimizer import learning_rate, make_optimizer
from engine.teachers import Teachers, check_teachable
from losses.distillation import distance
from utils.errors import ConfigError, DataError

CPU = torch.device("cpu")


@pytest.fixture
def taught(make_config, make_singles, partial):
    """A cfg's tasks, its network and teachers, and a batch's images."""

    def make(*options, text=partial, **changed):
        config = make_config(text, "--loss", "kd-mtl", *options)
        tasks = build_data(config).tasks
        singles = make_singles(config.replace(**changed), tasks)
        torch.manual_seed(0)
        network = make_network(config, {task.name: task.head for task in tasks}, "false")
        teachers = Teachers(config, network, tasks, singles, 1.0, CPU)
        return config, tasks, network, teachers, torch.randn(3, 3, *config.size)

    return make


def test_a_teacher_is_the_checkpoint_of_its_baseline_and_never_changes(taught):
    _, tasks, _, teachers, images = taught()
    for task in tasks:
        network = teachers.networks[task.name]
        assert not network.training
        assert not any(p.requires_grad for p in network.parameters())
    before = {name: n.state_dict() for name, n in teachers.networks.items()}
    before = {name: {k: v.clone() for k, v in s.items()} for name, s in before.items()}
    teachers.lessons(images)
    for name, network in teachers.networks.items():
        assert all(torch.equal(v, before[name][k]) for k, v in network.state_dict().items())


def test_a_lesson_is_what_the_teacher_gives_for_the_images(taught):
    _, tasks, _, teachers, images = taught()
    lessons = teachers.lessons(images)
    for task in tasks:
        network = teachers.networks[task.name]
        prediction = network(images)[task.name]
        expected = task.collate(task.pseudo_targets(prediction))
        found = lessons.targets[task.name]
        assert len(found) == 3
        assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
        for own, given in zip(network.features, lessons.features[task.name], strict=True):
            assert torch.equal(own, given)
            assert not given.requires_grad


def test_the_losses_are_those_on_the_labels_on_the_teachers_and_of_the_features(taught):
    _, tasks, network, teachers, images = taught()
    predictions = network(images)
    lessons = teachers.lessons(images)
    labels = {"depth": torch.tensor(2.5)}
    found = teachers.teach(labels, predictions, network.features, lessons)
    assert list(found) == [task.name for task in tasks]
    every = torch.ones(3, dtype=torch.bool)
    for task, projections in zip(tasks, teachers.distillation.projections, strict=True):
        name = task.name
        total, count = task.criterion(predictions[name], lessons.targets[name], every)
        apart = [
            distance(project(own), other)
            for project, own, other in zip(
                projections, network.features, lessons.features[name], strict=True
            )
        ]
        expected = total / count.clamp(min=1) + sum(apart) / len(apart) + labels.get(name, 0.0)
        torch.testing.assert_close(found[name], expected)


def test_projections_are_the_task_s_own_and_train_as_new_layers(taught):
    config, tasks, network, teachers, images = taught("--multiple_lr", "10", "--tencent_trick")
    model = teachers.student
    assert model.shared_parameters() == network.shared_parameters()
    own = {task.name: model.task_parameters(task.name) for task in tasks}
    projections = list(teachers.distillation.parameters())
    heads = [p for task in tasks for p in network.task_parameters(task.name)]
    assert {id(p) for ps in own.values() for p in ps} == {id(p) for p in [*heads, *projections]}
    optimizer = make_optimizer(config, network, beside=projections)
    rates = {
        id(p): (g["lr"], g["weight_decay"]) for g in optimizer.param_groups for p in g["params"]
    }
    for parameter in projections:
        rate, decay = rates[id(parameter)]
        assert rate == pytest.approx(10 * learning_rate(config))
        assert (decay == 0) == (parameter.ndim == 1)

    objective = losses.build("kd-mtl", [task.name for task in tasks])
    taught_losses = teachers.teach({}, network(images), network.features, teachers.lessons(images))
    objective.backward(taught_losses, model, objective.tasks)
    assert all(p.grad is not None for p in projections)


@pytest.mark.parametrize("rule", ["mgda", "pcgrad"])
def test_a_gradient_rule_leaves_the_projections_their_own_gradients(taught, rule):
    _, tasks, network, teachers, images = taught()
    model, names = teachers.student, [task.name for task in tasks]
    gradients = []
    for gradient in ("none", rule):
        options = {"gradient": gradient, "loss_weight": [1.0, 1.0, 1.0]}
        found = teachers.teach({}, network(images), network.features, teachers.lessons(images))
        network.zero_grad()
        teachers.distillation.zero_grad()
        losses.build("kd-mtl", names, options=options).backward(found, model, names)
        gradients.append([p.grad.clone() for p in teachers.distillation.parameters()])
    for plain, ruled in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, ruled)


def test_maps_of_another_size_are_resized(taught, dense):
    """A teacher whose backbone keeps twice the resolution."""
    config, _, network, teachers, images = taught(text=dense, output_stride=8)
    network(images)
    single = teachers.networks["depth"]
    single(images)
    assert single.features[0].shape[2:] != network.features[0].shape[2:]
    for one, other in zip(
        network.features, teachers.lessons(images).features["depth"], strict=True
    ):
        assert one.shape[2:] == other.shape[2:]
    assert config.output_stride == 16


def test_another_number_of_maps_is_refused_in_one_line_before_anything_is_trained(
    make_config, make_singles, dense, cfg
):
    single = dense.replace("seg depth normal", "depth").replace("arch = DeepLab", "arch = VMM")
    single = single.replace("backbone = resnet18", "backbone = mobilenet_v2")
    path = cfg(single, "single")
    seg = cfg(dense.replace("seg depth normal", "seg"), "seg")
    text = dense.replace("seg depth normal", "seg depth")
    config = make_config(text + f"[baselines]\nbaselines = {seg} {path}\n", "--loss", "kd-mtl")
    tasks = build_data(config).tasks
    match = (
        r"--loss: kd-mtl .*VMM mobilenet_v2, the single-task network of depth, has 3 and"
        r" DeepLab resnet18 has 1"
    )
    with pytest.raises(ConfigError, match=match):
        check_teachable(config, tasks, make_singles(config, tasks))

    def train(*_):
        raise AssertionError("nothing is trained")

    with pytest.raises(ConfigError, match=match):
        trained_baselines(config, tasks, train)


def test_accuracies_alone_cannot_teach(make_config, dense):
    given = ("--potential", "0.5", "0.6", "0.7", "--dataset_root", "no/such/folder")
    with pytest.raises(ConfigError, match=r"--potential: .*kd-amtl needs them all as teachers"):
        run_experiment(make_config(dense, "--loss", "kd-amtl", *given))


def test_a_checkpoint_that_is_gone_is_named(make_config, make_singles, partial):
    config = make_config(partial, "--loss", "kd-mtl")
    tasks = build_data(config).tasks
    singles = make_singles(config, tasks)
    singles["depth"].folder.best.unlink()
    with pytest.raises(DataError, match=r"depth/best\.pt: there is no such checkpoint"):
        Teachers(config, None, tasks, singles, 1.0, CPU)


def test_the_main_job_trains_the_teachers_first(make_config, dense, tmp_path):
    text = dense.replace("seg depth normal", "depth normal")
    results = run_experiment(make_config(text, "--loss", "kd-amtl", "--max_epoch", "1"))
    assert results["loss"] == "kd-amtl"
    folder = tmp_path / "runs" / "tiny" / "kd-amtl" / "seed0"
    best = torch.load(folder.joinpath("best.pt"), weights_only=True)["network"]
    assert not any("projection" in name for name in best)
    assert torch.load(folder / "last.pt", weights_only=True)["projections"]
