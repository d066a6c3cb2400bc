"""The cost of networks that share softly, against a count by hand."""

import pytest
import torch
from torch import nn

from engine.runs.cost import cost_of
from tasks.base import DenseHead
from tests.building import make_network

SIZE = (32, 64)
HEADS = {"depth": DenseHead(1), "normal": DenseHead(3, unit=True)}
NETWORKS = {
    "cross_stitch": {},
    "LTB": {},
    "MTAN": {},
    "MMoE": {"experts": 2},
    "CGC": {},
    "PLE": {},
    "DSelect_k": {"experts": 4, "selectors": 2},
}


def counted(network, tasks):
    """The multiply-adds of every convolution and linear layer that is called, for one image."""
    total = 0

    def count(layer, inputs, output):
        nonlocal total
        fan_in = layer.in_features if isinstance(layer, nn.Linear) else layer.weight[0].numel()
        total += output.numel() * fan_in

    layers = [m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    handles = [layer.register_forward_hook(count) for layer in layers]
    with torch.no_grad():
        network(torch.zeros(1, 3, *SIZE, device="meta"), tasks)
    for handle in handles:
        handle.remove()
    return total


@pytest.mark.parametrize("arch", NETWORKS)
def test_parameters_and_multiply_adds_are_those_that_are_there(arch):
    backbone = "timm/test_convnext" if arch == "MTAN" else "timm/test_efficientnet"
    with torch.device("meta"):
        options = {"decoder": "plain", **NETWORKS[arch]}
        network = make_network(arch, backbone, HEADS, SIZE, **options).eval()
    cost = cost_of(network, SIZE)
    assert cost.total.parameters == sum(p.numel() for p in network.parameters())
    # The mixture of selectors is a product of a vector and a matrix, for each task.
    selected = 2 * 4 if arch == "DSelect_k" else 0
    everything = counted(network, None)
    assert round(cost.total.gmacs * 1e9) == everything + len(HEADS) * selected
    # What is not run where depth has no label: its branch, and its share of MTAN's bottlenecks.
    without = cost.heads["depth"].gmacs + (cost.neck.gmacs / 2 if arch == "MTAN" else 0)
    assert round(without * 1e9) == everything - counted(network, {"normal"}) + selected
