"""Backbones whose activations are computed again."""

import pytest
import torch

import losses
from models.dropout import Place
from tasks.base import DenseHead
from tests.building import make_network
from utils.errors import ConfigError

HEADS = {"segmentation": DenseHead(4), "depth": DenseHead(1), "normal": DenseHead(3, unit=True)}
SIZE = (32, 32)
BACKBONES = ("resnet18", "mobilenet_v2", "efficientnet_b0", "efficientnet_v2_s")
TIMM = ("timm/test_efficientnet", "timm/test_vit")


def build(backbone, is_recomputed, arch="DeepLab"):
    torch.manual_seed(0)
    network = make_network(arch, backbone, HEADS, SIZE, channels=8).double().train()
    if is_recomputed:
        network.backbone.recompute()
    network.masks.place = Place(seed=0, step=1, forward_pass=0, images=range(3), batch_size=3)
    return network


def losses_of(network):
    images = torch.randn(3, 3, *SIZE, generator=torch.Generator().manual_seed(1))
    return {task: out.square().mean() + out.mean() for task, out in network(images).items()}


def state_after(backbone, loss, is_recomputed):
    """Gradients and running statistics after a step, of which dropout is a part."""
    network = build(backbone, is_recomputed)
    objective = losses.build(loss, tuple(HEADS))
    objective.begin_step(1)
    objective.backward(losses_of(network), network, objective.tasks)
    state = {name: p.grad for name, p in network.named_parameters()}
    return state | dict(network.named_buffers())


@pytest.mark.parametrize(
    ("backbone", "loss"),
    [
        *((backbone, "mgda") for backbone in (*BACKBONES[:3], *TIMM)),
        ("efficientnet_v2_s", "weighted-sum"),
        *(("resnet18", loss) for loss in ("weighted-sum", "mgda-ub", "imtl-g", "graddrop")),
    ],
)
def test_gradients_and_running_statistics_are_the_same(backbone, loss):
    whole, again = (state_after(backbone, loss, flag) for flag in (False, True))
    assert whole.keys() == again.keys()
    for name, value in whole.items():
        torch.testing.assert_close(again[name], value, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("backbone", [*BACKBONES, *TIMM])
def test_the_backbone_keeps_the_inputs_of_its_stages_alone(backbone):
    held = []
    for is_recomputed in (False, True):
        network, seen = build(backbone, is_recomputed), {}

        def pack(tensor, seen=seen):
            seen[tensor.untyped_storage().data_ptr()] = tensor
            return tensor

        images = torch.randn(3, 3, *SIZE, dtype=torch.float64)
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            features = network.backbone(images)
        parameters = {p.untyped_storage().data_ptr() for p in network.parameters()}
        held.append(sum(t.nbytes for key, t in seen.items() if key not in parameters))
        assert all(feature.requires_grad for feature in features)
    assert held[1] < held[0] / 3


def test_a_backbone_without_stages_is_refused():
    pytest.importorskip("timm")
    with torch.device("meta"):
        network = make_network("plain", "timm/coat_tiny", HEADS, SIZE)
    with pytest.raises(ConfigError, match="timm/coat_tiny has no stages that can be"):
        network.backbone.recompute()
