"""The contract of a network, for every architecture."""

import copy

import pytest
import torch

from tasks.base import BoxHead, BoxPrediction, DenseHead
from tests.building import make_network

DENSE = {
    "segmentation:VOC": DenseHead(4),
    "depth": DenseHead(1),
    "normal": DenseHead(3, unit=True),
}
BOXES = {"detection": BoxHead(2)}
SMALL = {"channels": 16}
NETWORKS = {
    "DeepLabV3": ("DeepLab", "resnet18", DENSE, SMALL),
    "DeepLabV3+": ("DeepLab", "mobilenet_v2", DENSE, {**SMALL, "skip_connection": 8}),
    "separate": (
        "DeepLab",
        "resnet18",
        DENSE,
        {**SMALL, "skip_connection": 8, "shared_head": False},
    ),
    "VMM": ("VMM", "mobilenet_v2", {**BOXES, **DENSE}, SMALL),
    "VMM fpn": ("VMM", "resnet18", {**BOXES, **DENSE}, {**SMALL, "neck": "fpn"}),
    "VMM bifpn": ("VMM", "efficientnet_b0", {**BOXES, **DENSE}, {**SMALL, "neck": "bifpn"}),
    "ResNet-101": ("DeepLab", "resnet101", DENSE, SMALL),
    "EfficientNet-B3": ("VMM", "efficientnet_b3", {**BOXES, **DENSE}, SMALL),
    "EfficientDet": ("EfficientDet", "efficientnet_b0", BOXES, SMALL),
    "plain": ("plain", "mobilenet_v2", DENSE, {}),
    "PSPNet": ("PSPNet", "resnet18", DENSE, SMALL),
    "SegNet with MTAN": ("SegNet_MTAN", "none", DENSE, {}),
    "ViT": ("plain", "timm/vit_tiny_patch16_224", DENSE, {}),
    "ViT in DeepLab": ("DeepLab", "timm/vit_tiny_patch16_224", DENSE, SMALL),
    "ViT in VMM": ("VMM", "timm/vit_tiny_patch16_224", {**BOXES, **DENSE}, SMALL),
    "Swin in VMM": ("VMM", "timm/swin_tiny_patch4_window7_224", {**BOXES, **DENSE}, SMALL),
}
SIZE = (32, 64)


def build(name, tasks=None):
    """The network of that name, with the heads of all its tasks or of some."""
    arch, backbone, heads, options = NETWORKS[name]
    if backbone.startswith("timm/"):
        pytest.importorskip("timm")
    torch.manual_seed(0)
    heads = {task: heads[task] for task in tasks or heads}
    return make_network(arch, backbone, heads, size=SIZE, **options)


@pytest.fixture(scope="module", params=NETWORKS)
def entry(request):
    return request.param


@pytest.fixture(scope="module")
def network(entry):
    return build(entry)


def shapes(network):
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


def names_of(network, parameters):
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    return [names[id(parameter)] for parameter in parameters]


def images(number=2, size=SIZE):
    return torch.randn(number, 3, *size, generator=torch.Generator().manual_seed(1))


def outputs(prediction):
    if isinstance(prediction, BoxPrediction):
        return [prediction.logits, prediction.offsets]
    return [prediction]


def loss(predictions):
    """Some number that depends on every output."""
    tensors = [tensor for prediction in predictions.values() for tensor in outputs(prediction)]
    weights = torch.Generator().manual_seed(2)
    return sum((tensor * torch.randn(tensor.shape, generator=weights)).mean() for tensor in tensors)


@pytest.mark.parametrize("size", [SIZE, (32, 32), (64, 32), (45, 59)])
def test_any_size_gives_predictions_of_that_size(network, size):
    if network.backbone.multiple > 1 and size != SIZE:
        pytest.skip("this network is built for one size")
    predictions = network.eval()(images(2, size))
    assert list(predictions) == list(network.heads)
    for task, prediction in predictions.items():
        head = {**DENSE, **BOXES}[task]
        if isinstance(head, DenseHead):
            assert prediction.shape == (2, head.channels, *size)
            continue
        number = len(prediction.anchors)
        assert prediction.logits.shape == (2, number, head.classes)
        assert prediction.offsets.shape == (2, number, 4)
        assert sum(prediction.levels) == number
        assert prediction.size == size


def test_normals_have_unit_length():
    prediction = build("DeepLabV3")(images())["normal"]
    torch.testing.assert_close(prediction.norm(dim=1), torch.ones(2, *SIZE))


def test_parameters_are_those_shared_and_those_of_each_task(network):
    parts = [network.shared_parameters(), *map(network.task_parameters, network.heads)]
    ids = [id(parameter) for part in parts for parameter in part]
    assert len(ids) == len(set(ids))
    assert set(ids) == {id(parameter) for parameter in network.parameters()}
    shared = {id(parameter) for parameter in network.shared_parameters()}
    assert {id(p) for p in network.backbone_parameters()} <= shared
    assert {id(p) for p in network.last_shared_parameters()} <= shared


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("DeepLabV3", ["neck.aspp.project.0.0.weight"]),
        ("DeepLabV3+", ["neck.aspp.project.0.0.weight"]),
        ("separate", ["backbone.stages.7.1.conv2.weight"]),
        ("VMM", []),
        ("plain", []),
        ("SegNet with MTAN", []),
    ],
)
def test_the_last_shared_layer_is_the_papers(name, last):
    network = build(name)
    assert names_of(network, network.last_shared_parameters()) == last


def test_the_last_shared_layer_of_pspnet_is_the_last_stage():
    network = build("PSPNet")
    names = names_of(network, network.last_shared_parameters())
    stage = [
        name for name, _ in network.named_parameters() if name.startswith("backbone.stages.7.")
    ]
    assert names == stage


def test_several_tasks_reach_what_is_shared_and_one_task_what_is_its_own(network):
    network.train()
    reached = {}
    for task in network.heads:
        network.zero_grad()
        loss({task: network(images())[task]}).backward()
        reached[task] = {id(p) for p in network.parameters() if p.grad is not None}
    shared = {id(p) for p in network.shared_parameters()}
    for task, ids in reached.items():
        assert ids == shared | {id(p) for p in network.task_parameters(task)}


def test_the_loss_of_a_single_image_reaches_every_parameter(network):
    """Also where a map is a single pixel, which has no statistics for BatchNorm."""
    network.train().zero_grad()
    loss(network(images(1))).backward()
    missing = [name for name, p in network.named_parameters() if p.grad is None]
    assert missing == []
    assert all(p.grad.isfinite().all() for p in network.parameters())


def test_gradients_at_the_features_hold_all_that_reaches_the_shared_parameters(network):
    network.eval()
    if network.no_features:
        network(images())
        assert network.features == ()
        return
    shared = network.shared_parameters()
    value = loss(network(images()))
    wanted = torch.autograd.grad(value, shared, retain_graph=True)
    at_features = torch.autograd.grad(value, network.features, retain_graph=True)
    got = torch.autograd.grad(network.features, shared, at_features)
    for through, direct in zip(got, wanted, strict=True):
        torch.testing.assert_close(through, direct, rtol=1e-3, atol=1e-5)


def test_a_batch_in_evaluation_is_its_images_one_by_one(network):
    network.eval()
    batch = images()
    with torch.no_grad():
        together = network(batch)
        alone = [network(batch[n : n + 1]) for n in range(2)]
    for task in network.heads:
        for index, whole in enumerate(outputs(together[task])):
            parts = torch.cat([outputs(single[task])[index] for single in alone])
            torch.testing.assert_close(whole, parts, rtol=1e-3, atol=1e-4)


def test_a_copy_after_a_forward_is_equal_and_free_of_its_graph(network):
    network.eval()
    network(images())
    copied = copy.deepcopy(network)
    assert copied.features == ()
    assert names_of(copied, copied.last_shared_parameters()) == names_of(
        network, network.last_shared_parameters()
    )
    with torch.no_grad():
        assert torch.equal(loss(copied(images())), loss(network(images())))


def test_a_single_task_network_is_the_same_without_the_other_heads(entry, network):
    """Built without memory, as networks are to be counted."""
    task = list(network.heads)[-1]
    with torch.device("meta"):
        single = build(entry, [task])
    assert all(parameter.is_meta for parameter in single.parameters())
    others = tuple(f"heads.{name}." for name in network.heads if name != task)
    wanted = {k: v for k, v in shapes(network).items() if not k.startswith(others)}
    assert shapes(single) == wanted
    assert any(name.startswith(f"heads.{task}.") for name in wanted)


@pytest.mark.parametrize("name", ["DeepLabV3+", "VMM"])
def test_channels_last_changes_nothing(name):
    network = build(name).eval()
    with torch.no_grad():
        wanted = loss(network(images()))
        network.to(memory_format=torch.channels_last)
        got = loss(network(images().to(memory_format=torch.channels_last)))
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["DeepLabV3+", "VMM", "EfficientDet"])
def test_predictions_are_float32_under_autocast(name):
    network = build(name).train()
    with torch.autocast("cpu", torch.bfloat16):
        predictions = network(images())
    assert network.features[0].dtype == torch.bfloat16
    for prediction in predictions.values():
        assert all(tensor.dtype == torch.float32 for tensor in outputs(prediction))
    loss(predictions).backward()
    assert all(p.grad.isfinite().all() for p in network.parameters())
