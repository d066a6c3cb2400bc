"""Which parameters get which rate and which weight decay."""

import pytest
import torch

from engine.training.optimizer import OPTIMIZERS
from tasks.base import DenseHead
from tests.building import make_network as build_network
from tests.engine.training.tiny import make_network, make_tasks
from utils.errors import ConfigError

PARTS = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
}


def build(name, network, batch_size=32, extra=(), **values):
    return OPTIMIZERS.choose(name, values).build().optimizer(network, batch_size, extra)


@pytest.fixture
def network():
    return make_network(make_tasks())


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_optimizer_has_its_name_s_rule_and_every_parameter(name, network):
    extra = [torch.nn.Parameter(torch.zeros(2))]
    optimizer = build(name, network, extra=extra)
    assert type(optimizer) is PARTS[name]
    parameters = {p for group in optimizer.param_groups for p in group["params"]}
    assert parameters == {*network.parameters(), *extra}


def test_rmsprop_divides_by_the_root_of_the_running_mean_of_squares(network):
    """The weight after some steps is that of the formula, with momentum and without decay."""
    weight = torch.nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    options = {"lr": 0.1, "weight_decay": 0.0, "square_decay": 0.7, "momentum": 0.6}
    optimizer = OPTIMIZERS.choose("rms_prop", options).build()
    optimizer = optimizer.of_groups([{"params": [weight], "lr": 0.1, "weight_decay": 0.0}])
    expected, square, step = weight.detach().clone(), 0.0, 0.0
    for gradient in torch.randn(5, 2, dtype=torch.float64):
        weight.grad = gradient.clone()
        optimizer.step()
        square = 0.7 * square + 0.3 * gradient**2
        step = 0.6 * step + gradient / (square.sqrt() + 1e-8)
        expected = expected - 0.1 * step
        torch.testing.assert_close(weight.detach(), expected)


def test_momentum_is_of_sgd_and_rmsprop(network):
    assert build("rmsprop", network, momentum=0.5).param_groups[0]["momentum"] == 0.5
    assert build("rmsprop", network).param_groups[0]["alpha"] == 0.9, "as officially"
    assert build("sgd", network, momentum=0.5).param_groups[0]["momentum"] == 0.5
    with pytest.raises(TypeError, match="no option momentum"):
        build("adam", network, momentum=0.5)
    with pytest.raises(ConfigError, match="momentum wants a number, at least 0 and below 1"):
        build("sgd", network, momentum=1.0)


def test_the_rate_is_for_a_batch_of_32(network):
    for batch_size, rate in ((8, 0.08), (32, 0.32), (64, 0.64)):
        optimizer = build("sgd", network, batch_size, lr=0.32)
        assert [group["lr"] for group in optimizer.param_groups] == [pytest.approx(rate)]


def test_groups_by_rate_and_decay(network):
    extra = [torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(2, 2))]
    options = {"tencent_trick": True, "multiple_lr": 10.0, "weight_decay": 0.1, "lr": 0.04}
    optimizer = build("adamw", network, 4, extra, **options)
    backbone, seen = set(network.backbone_parameters()), set()
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            assert group["lr"] == pytest.approx(0.005 if parameter in backbone else 0.05)
            assert group["weight_decay"] == (0.0 if parameter.ndim == 1 else 0.1)
            seen.add(parameter)
    assert seen == {*network.parameters(), *extra}


def test_every_parameter_decays_where_the_trick_is_off(network):
    optimizer = build("sgd", network, weight_decay=0.1)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1]


def test_the_rate_falls_from_layer_to_layer_towards_the_input():
    heads = {"depth": DenseHead(1)}
    network = build_network("plain", "resnet18", heads, (32, 32))
    optimizer = build("adam", network, lr=0.4, layer_decay=0.5, multiple_lr=3.0)
    rates = {p: g["lr"] for g in optimizer.param_groups for p in g["params"]}
    layers = network.backbone.layers()
    for layer, rate in zip(layers, (0.0125, 0.025, 0.05, 0.1, 0.2), strict=True):
        assert [rates[p] for p in layer] == pytest.approx([rate] * len(layer))
    assert [rates[p] for p in network.task_parameters("depth")] == pytest.approx([1.2, 1.2])


def test_what_is_frozen_is_not_in_the_optimizer():
    network = build_network("plain", "resnet18", {"depth": DenseHead(1)}, (32, 32))
    network.freeze()
    optimizer = build("sgd", network)
    parameters = {p for group in optimizer.param_groups for p in group["params"]}
    assert parameters == {*network.task_parameters("depth")}
