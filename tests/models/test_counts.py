"""The networks have the size of the paper's: parameters to the last one, multiply-adds of one image
as PyTorch's own counter has them. Built without memory."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tasks.base import BoxHead, DenseHead
from tests.building import make_network

VOC = {"detection": BoxHead(20), "segmentation": DenseHead(21), "depth": DenseHead(1)}
NYUV2 = {"segmentation": DenseHead(13), "depth": DenseHead(1), "normal": DenseHead(3, unit=True)}
NYU = {"segmentation": DenseHead(40), "depth": DenseHead(1), "normal": DenseHead(3, unit=True)}


def count(arch, backbone, heads, size, **options):
    """(parameters, multiply-adds in 10⁹)"""
    with torch.device("meta"):
        net = make_network(arch, backbone, heads, size=size, **options)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            net.eval()(torch.zeros(1, 3, *size))
    parameters = sum(parameter.numel() for parameter in net.parameters())
    return parameters, counter.get_total_flops() / 2e9


@pytest.mark.parametrize(
    ("tasks", "parameters", "gmacs"),
    [
        (["detection"], 20_038_272, 23.55),
        (["segmentation"], 19_977_786, 23.48),
        (["depth"], 19_975_186, 23.46),
        (["detection", "segmentation", "depth"], 20_089_132, 23.87),
    ],
)
def test_vmm_on_efficientnet_v2_s(tasks, parameters, gmacs):
    heads = {task: VOC[task] for task in tasks}
    got = count("VMM", "efficientnet-v2-s", heads, (640, 640))
    assert got == (parameters, pytest.approx(gmacs, rel=0.01))


@pytest.mark.parametrize(
    ("skip_connection", "parameters", "gmacs"), [(0, 40_825_452, 197.39), (48, 41_181_900, 199.10)]
)
def test_deeplab_on_resnet50(skip_connection, parameters, gmacs):
    options = {"output_stride": 8, "skip_connection": skip_connection}
    got = count("DeepLab", "resnet50", NYU, (480, 640), **options)
    assert got == (parameters, pytest.approx(gmacs, rel=0.01))


def conv_bn(inputs, outputs, kernel=1):
    return inputs * outputs * kernel**2 + 2 * outputs


@pytest.mark.parametrize("shared_head", [True, False])
def test_deeplab_v3_plus_on_mobilenet_v2_adds_up(shared_head):
    backbone = 3_504_872 - 1000 * 1281  # torchvision's count without its classifier
    aspp = 2 * conv_bn(1280, 256) + 3 * conv_bn(1280, 256, 3) + conv_bn(5 * 256, 256)
    necks = (aspp + conv_bn(32, 48)) * (1 if shared_head else 3)
    heads = 3 * conv_bn(256 + 48, 256, 3) + (256 + 1) * (40 + 1 + 3)
    options = {"output_stride": 32, "skip_connection": 48, "shared_head": shared_head}
    parameters, _ = count("DeepLab", "MobileNetV2", NYU, (480, 640), **options)
    assert parameters == backbone + necks + heads


def test_efficientdet_on_efficientnet_b1_adds_up():
    c, classes = 88, 80
    backbone = 7_794_184 - 1000 * 1281 - conv_bn(320, 1280)  # without its last convolution too
    dsconv = 9 * c + conv_bn(c, c)
    neck = sum(conv_bn(inputs, c) for inputs in (40, 112, 320, 320))
    neck += 4 * (8 * dsconv + 4 * 2 + 4 * 3)
    heads = 5 * sum(2 * dsconv + 9 * c + (c + 1) * 3 * outputs for outputs in (4, classes))
    parameters, _ = count(
        "EfficientDet", "efficientnet-b1", {"detection": BoxHead(classes)}, (640, 640)
    )
    assert parameters == backbone + neck + heads


def test_dsconv_heads_of_vmm_add_up():
    c, outputs = 64, (3 * 4, 3 * 20)

    def mbconv(out):
        return conv_bn(c, 2 * c) + 9 * 2 * c + 2 * 2 * c + conv_bn(2 * c, out)

    mbconvs = 4 * mbconv(c) + 3 * sum(map(mbconv, outputs))
    dsconvs = 4 * (9 * c + conv_bn(c, c)) + 3 * sum(9 * c + (c + 1) * out for out in outputs)
    heads = {"detection": VOC["detection"]}
    parameters, _ = count("VMM", "efficientnet-v2-s", heads, (640, 640), head_type="dsconv")
    assert parameters == 20_038_272 - mbconvs + dsconvs


@pytest.mark.parametrize(
    ("tasks", "parameters", "gmacs"),
    [
        (["segmentation", "depth", "normal"], 92_738_129, 140.07),
        (["segmentation"], 46_588_493, 74.73),
        (["normal"], 46_583_363, 74.72),
        (["depth"], 46_582_337, 74.72),
    ],
)
def test_pspnet_of_aligned_mtl(tasks, parameters, gmacs):
    got = count("PSPNet", "resnet50", {task: NYUV2[task] for task in tasks}, (288, 384))
    assert got == (parameters, pytest.approx(gmacs, abs=0.01))


def test_pspnet_of_aligned_mtl_on_cityscapes():
    heads = {"segmentation": DenseHead(19), "instance": DenseHead(2), "disparity": DenseHead(1)}
    got = count("PSPNet", "resnet50", heads, (256, 512), enlarge="none")
    assert got == (92_740_694, pytest.approx(165.98, abs=0.01))


def test_segnet_with_mtan():
    got = count("SegNet_MTAN", "none", NYUV2, (288, 384))
    assert got == (44_229_073, pytest.approx(216.05, abs=0.01))


VIT = "timm/vit_tiny_patch16_384.augreg_in21k_ft_in1k"


@pytest.mark.parametrize(
    ("channels", "size", "parameters"),
    [
        ((40, 1, 3, 1), (448, 576), 5_714_925),  # NYUD
        ((21, 7, 3, 2, 1), (512, 512), 5_709_538),  # PASCAL-Context
        ((1, 1, 1, 1, 1, 1, 3, 2, 3, 1, 1), (256, 256), 5_548_240),  # Taskonomy
    ],
)
def test_the_plain_network_of_selective_updates(channels, size, parameters):
    pytest.importorskip("timm")
    heads = {f"task {n}": DenseHead(outputs) for n, outputs in enumerate(channels)}
    assert count("plain", VIT, heads, size)[0] == parameters


@pytest.mark.parametrize(
    ("name", "width", "depth"), [("small", 384, 12), ("base", 768, 12), ("large", 1024, 24)]
)
def test_the_plain_network_on_larger_transformers_adds_up(name, width, depth):
    pytest.importorskip("timm")
    tokens = (448 // 16) * (576 // 16) + 1
    embedding = 3 * 16 * 16 * width + width + width + tokens * width
    block = 4 * width + width * 3 * width + 3 * width + width * width + width + 8 * width**2
    block += 5 * width
    heads = {f"task {n}": DenseHead(outputs) for n, outputs in enumerate((40, 1, 3, 1))}
    parameters, _ = count("plain", f"timm/vit_{name}_patch16_384", heads, (448, 576))
    assert parameters == embedding + depth * block + 2 * width + (4 * width + 1) * 45
