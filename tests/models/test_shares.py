"""Every network on a share of a batch: one without images, and the shares of several processes."""

from itertools import accumulate, pairwise

import pytest
import torch

from models.batch_norm import synchronise
from models.dropout import Place
from tasks.base import BoxHead, BoxPrediction, DenseHead
from tests.building import make_network
from tests.processes import NUMBERS, run_processes

DENSE = {"segmentation": DenseHead(4), "normal": DenseHead(3, unit=True)}
BOXES = {"detection": BoxHead(2)}
HEADS = {
    "DeepLab": DENSE,
    "VMM": {**BOXES, **DENSE},
    "EfficientDet": BOXES,
    "plain": DENSE,
    "PSPNet": DENSE,
    "SegNet_MTAN": DENSE,
}
BACKBONES = (
    "resnet18",
    "mobilenet_v2",
    "efficientnet_b0",
    "efficientnet_v2_s",
    "timm/vit_tiny_patch16_224",
)
WITHOUT_PYRAMID = "timm/vit_tiny_patch16_224"
ONE_BACKBONE = {"PSPNet": "resnet18", "SegNet_MTAN": "none"}
NETWORKS = [
    *(
        (arch, backbone)
        for arch in HEADS
        for backbone in BACKBONES
        if arch not in ONE_BACKBONE
        and (arch in ("DeepLab", "plain") or backbone != WITHOUT_PYRAMID)
    ),
    *ONE_BACKBONE.items(),
]
SIZE = (64, 64)


def build(arch, backbone):
    torch.manual_seed(0)
    options = {} if arch in ("plain", "SegNet_MTAN") else {"channels": 8}
    return make_network(arch, backbone, HEADS[arch], SIZE, **options).train()


def outputs(prediction):
    if isinstance(prediction, BoxPrediction):
        return [prediction.logits, prediction.offsets]
    return [prediction]


def loss(predictions, images):
    """A sum over the images at hand, each with weights of its own by its index in the batch."""
    total = 0
    for prediction in predictions.values():
        for tensor in outputs(prediction):
            weights = torch.Generator().manual_seed(2)
            weights = torch.randn(BATCH, *tensor.shape[1:], generator=weights).to(tensor)
            total += (tensor * weights[images.start : images.stop]).sum()
    return total


@pytest.mark.parametrize(("arch", "backbone"), NETWORKS)
def test_a_share_without_images_gives_zeros_for_every_parameter_that_images_reach(arch, backbone):
    if backbone.startswith("timm/"):
        pytest.importorskip("timm")
    network = build(arch, backbone)
    predictions = network(torch.zeros(0, 3, *SIZE))
    whole = network(torch.zeros(2, 3, *SIZE))
    for task, prediction in predictions.items():
        for empty, full in zip(outputs(prediction), outputs(whole[task]), strict=True):
            assert empty.shape == (0, *full.shape[1:])
    value = loss(predictions, range(0))
    value.backward()
    assert value.item() == 0
    assert [name for name, p in network.named_parameters() if p.grad is None] == []
    assert not any(p.grad.any() for p in network.parameters())


@pytest.mark.parametrize(("arch", "backbone"), [n for n in NETWORKS if n[1] in BACKBONES[::2]])
def test_a_network_in_float64_predicts_and_is_differentiated_in_float64(arch, backbone):
    """Whatever the type of its images."""
    if backbone.startswith("timm/"):
        pytest.importorskip("timm")
    network = build(arch, backbone).double()
    predictions = network(torch.randn(2, 3, *SIZE))
    tensors = [tensor for prediction in predictions.values() for tensor in outputs(prediction)]
    assert {tensor.dtype for tensor in (*tensors, *network.features)} == {torch.float64}
    loss(predictions, range(2)).backward()
    assert {p.grad.dtype for p in network.parameters()} == {torch.float64}


# --- several processes ---

BATCH = 4
CUTS = {2: [(3, 1), (4, 0)], 3: [(1, 0, 3)]}
SHARED = [
    ("DeepLab", "resnet18"),
    ("VMM", "efficientnet_b0"),
    # It fails without images, and has BatchNormAct2d, and dropout on a table of positions.
    ("plain", "timm/coatnet_rmlp_nano_rw_224"),
]


def trained(network, images, ranks=None):
    """The loss, gradients and statistics of a network from some images of a batch."""
    network = network.double()
    if ranks is not None:
        synchronise(network, ranks)
        ranks.calls = []
    batch = torch.randn(BATCH, 3, *SIZE, generator=torch.Generator().manual_seed(1))
    network.masks.place = Place(seed=0, step=1, forward_pass=0, images=images, batch_size=BATCH)
    value = loss(network(batch[images.start : images.stop]), images)
    value.backward()
    return {
        "loss": value.detach(),
        "gradients": [parameter.grad for parameter in network.parameters()],
        "buffers": list(network.buffers()),
        "calls": ranks.calls if ranks is not None else [],
    }


def train_shares(ranks):
    results = {}
    for arch, backbone in SHARED:
        for cut in CUTS[ranks.size]:
            images = range(*list(pairwise(accumulate(cut, initial=0)))[ranks.rank])
            results[arch, backbone, cut] = trained(build(arch, backbone), images, ranks)
    return results


@pytest.mark.slow
@pytest.mark.parametrize("processes", NUMBERS)
def test_shares_of_several_processes_are_trained_as_the_whole_batch(processes, tmp_path):
    pytest.importorskip("timm")
    results = run_processes(train_shares, processes, tmp_path)
    for arch, backbone in SHARED:
        whole = trained(build(arch, backbone), range(BATCH))
        scale = max(gradient.abs().max() for gradient in whole["gradients"])
        for cut in CUTS[processes]:
            parts = [result[arch, backbone, cut] for result in results]
            assert parts[0]["calls"] != []
            assert all(part["calls"] == parts[0]["calls"] for part in parts)
            total = sum(part["loss"] for part in parts)
            torch.testing.assert_close(total, whole["loss"], rtol=1e-10, atol=1e-10)
            gradients = zip(*(part["gradients"] for part in parts), strict=True)
            for summed, wanted in zip(map(sum, gradients), whole["gradients"], strict=True):
                assert (summed - wanted).abs().max() < 1e-9 * scale, (arch, backbone, cut)
            for part in parts:
                for buffer, wanted in zip(part["buffers"], whole["buffers"], strict=True):
                    torch.testing.assert_close(buffer, wanted, rtol=1e-10, atol=1e-10)
