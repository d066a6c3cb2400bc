"""The networks compute what those of the achievement paper's official code do. Counts of parameters
do not show where an activation stands, so each network is compared with a description of it in
plain functions on the same weights."""

import math
from functools import partial

import pytest
import torch
from torch.nn import functional as F

from tasks.base import BoxHead, DenseHead
from tests.building import make_network

C = 12
"""As many channels as a level has numbers for boxes: those MBConvs add their input."""
DENSE = {"segmentation": DenseHead(C), "depth": DenseHead(1), "normal": DenseHead(3, unit=True)}
BOXES = {"detection": BoxHead(3)}


def network(arch, heads, size, backbone="resnet18", **options):
    """A network in evaluation mode whose numbers are random, BatchNorm's too, and large enough for
    ReLU6 to cut some off."""
    torch.manual_seed(0)
    net = make_network(arch, backbone, heads, size=size, channels=C, **options).double().eval()
    for name, values in (*net.neck.state_dict().items(), *net.heads.state_dict().items()):
        if values.dim() == 1 and name.endswith(("weight", "running_var")):
            values.uniform_(1, 6)
        elif name.endswith(("bias", "running_mean")):
            values.normal_(std=4)
        elif name.endswith("_weights"):
            values.uniform_(-0.5, 2)
    return net


def features_of(net, images):
    return net.backbone((images - net.mean) / net.std)


class Reference:
    """Predictions of a network, from its weights and the features of its backbone."""

    def __init__(self, net):
        self.w = net.state_dict()

    def conv(self, name, x, **arguments):
        return F.conv2d(x, self.w[f"{name}.weight"], self.w.get(f"{name}.bias"), **arguments)

    def conv_bn(self, name, x, activation=None, **arguments):
        x = self.conv(f"{name}.0", x, **arguments)
        mean, var = self.w[f"{name}.1.running_mean"], self.w[f"{name}.1.running_var"]
        x = F.batch_norm(x, mean, var, self.w[f"{name}.1.weight"], self.w[f"{name}.1.bias"])
        return activation(x) if activation else x

    def depthwise(self, name, x, stride=1):
        return self.conv(name, x, padding=1, stride=stride, groups=x.shape[1])

    def dsconv(self, name, x, activation, stride=1):
        return self.conv_bn(f"{name}.1", self.depthwise(f"{name}.0", x, stride), activation)

    def plain_dsconv(self, name, x):
        assert f"{name}.1.bias" in self.w
        return self.conv(f"{name}.1", self.depthwise(f"{name}.0", x))

    def mbconv(self, name, x, stride=1):
        wide = self.conv_bn(f"{name}.expand", x, F.relu6)
        wide = self.conv_bn(
            f"{name}.depthwise", wide, F.relu6, padding=1, stride=stride, groups=wide.shape[1]
        )
        out = self.conv_bn(f"{name}.project", wide)
        return out + x if out.shape == x.shape else out

    def to_image(self, task, x, size):
        x = resized(x, size)
        return x / x.norm(dim=1, keepdim=True) if task == "normal" else x

    def boxes(self, levels, predict):
        """The offsets and the logits of all levels; `predict` maps (name of the layers, map)."""
        numbers = {"boxes": 4, "labels": 3}
        return [
            torch.cat(
                [
                    predict(f"heads.detection.{name}.{level}", x)
                    .permute(0, 2, 3, 1)
                    .reshape(len(x), -1, count)
                    for level, x in enumerate(levels)
                ],
                dim=1,
            )
            for name, count in numbers.items()
        ]


def resized(x, size):
    return F.interpolate(x, size, mode="bilinear", align_corners=False)


def doubled(x):
    return F.interpolate(x, scale_factor=2, mode="nearest")


def deeplab(net, features, size, *, rates, activation, skip_activation, shared, skip):
    ref = Reference(net)

    def neck(name):
        coarse = features[-1]
        maps = [ref.conv_bn(f"{name}.aspp.branches.0", coarse, activation)]
        for n, rate in enumerate(rates, start=1):
            branch = f"{name}.aspp.branches.{n}"
            maps.append(ref.conv_bn(branch, coarse, activation, padding=rate, dilation=rate))
        mean = coarse.mean(dim=(2, 3), keepdim=True)
        pooled = ref.conv_bn(f"{name}.aspp.image.1", mean, activation)
        maps.append(pooled.expand_as(maps[0]))
        x = ref.conv_bn(f"{name}.aspp.project.0", torch.cat(maps, dim=1), activation)
        if not skip:
            return x
        fine = ref.conv_bn(f"{name}.skip", features[0], skip_activation)
        return torch.cat([resized(x, fine.shape[2:]), fine], dim=1)

    def head(task):
        x = neck("neck" if shared else f"heads.{task}.neck")
        x = ref.conv_bn(f"heads.{task}.mix", x, F.relu, padding=1)
        return ref.to_image(task, ref.conv(f"heads.{task}.predict", x), size)

    return {task: head(task) for task in DENSE}


@torch.no_grad()
@pytest.mark.parametrize("activation", ["relu", "relu6"])
@pytest.mark.parametrize("skip", [0, 5])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(("stride", "rates"), [(8, (12, 24, 36)), (16, (6, 12, 18))])
def test_deeplab(activation, skip, shared, stride, rates):
    size = (48, 64)
    options = {"output_stride": stride, "skip_connection": skip, "shared_head": shared}
    net = network("DeepLab", DENSE, size, "mobilenet_v2", activation=activation, **options)
    images = torch.randn(2, 3, *size, dtype=torch.float64)
    chosen, other = (F.relu, F.relu6) if activation == "relu" else (F.relu6, F.relu)
    expected = partial(
        deeplab, net, features_of(net, images), size, rates=rates, shared=shared, skip=skip
    )
    got = net(images)
    want = expected(activation=chosen, skip_activation=F.relu if shared else chosen)
    torch.testing.assert_close(got, want)
    unlike = expected(activation=other, skip_activation=F.relu)
    assert all((want[task] - unlike[task]).abs().max() > 0.01 for task in DENSE)


def vmm_levels(ref, features, head_type):
    levels = [ref.conv_bn(f"neck.transitions.{n}", x, F.relu6) for n, x in enumerate(features)]
    block = ref.mbconv if head_type == "mbconv" else lambda *a, **k: ref.dsconv(*a, F.relu6, **k)
    for layer in range(2):
        merged = [levels[2]]
        for x in (levels[1], levels[0]):
            merged.insert(0, x + doubled(merged[0]))
        levels = merged[:1]
        for n, x in enumerate(merged[1:]):
            levels.append(x + block(f"neck.layers.{layer}.down.{n}", levels[-1], stride=2))
    return levels


@pytest.mark.parametrize("head_type", ["mbconv", "dsconv"])
def test_vmm(head_type):
    size = (64, 96)
    net = network("VMM", BOXES | DENSE, size, head_type=head_type)
    images = torch.randn(2, 3, *size, dtype=torch.float64)
    ref = Reference(net)

    def dense(task):
        x = torch.cat([resized(x, levels[0].shape[2:]) for x in levels], dim=1)
        x = ref.dsconv(f"heads.{task}.mix", x, F.relu6)
        return ref.to_image(task, ref.mbconv(f"heads.{task}.predict", x), size)

    with torch.no_grad():
        got = net(images)
        levels = vmm_levels(ref, features_of(net, images), head_type)
        predict = ref.mbconv if head_type == "mbconv" else ref.plain_dsconv
        boxes, labels = ref.boxes(levels, lambda name, x: predict(f"{name}.predict", x))
        torch.testing.assert_close(got["detection"].offsets, boxes)
        torch.testing.assert_close(got["detection"].logits, labels)
        for task in DENSE:
            torch.testing.assert_close(got[task], dense(task))


def bifpn(ref, name, maps):
    """EfficientDet's reference: SiLU, depthwise 3×3, 1×1 and BatchNorm of each weighted mean."""

    def mix(layer, weights, terms):
        positive = weights.clamp(min=0)
        x = sum(w * term for w, term in zip(positive, terms, strict=True))
        return ref.dsconv(f"{name}.{layer}", F.silu(x / (positive.sum() + 1e-4)), None)

    up, down = ref.w[f"{name}.up_weights"], ref.w[f"{name}.down_weights"]
    top = len(maps) - 1
    way_down = {top: maps[top]}
    for n in reversed(range(top)):
        way_down[n] = mix(f"up.{n}", up[n], [maps[n], doubled(way_down[n + 1])])
    out = [way_down[0]]
    for n in range(1, top + 1):
        middle = way_down[n] if n < top else torch.zeros_like(maps[n])
        finer = F.max_pool2d(out[-1], 3, 2, 1)
        out.append(mix(f"down.{n - 1}", down[n - 1], [maps[n], middle, finer]))
    return out


def test_efficientdet():
    size = (128, 256)
    net = network("EfficientDet", BOXES, size)
    images = torch.randn(2, 3, *size, dtype=torch.float64)
    ref = Reference(net)

    def predict(name, x):
        for n in range(2):
            x = ref.dsconv(f"{name}.mix.{n}", x, F.silu)
        return ref.plain_dsconv(f"{name}.predict", x)

    with torch.no_grad():
        features = features_of(net, images)
        levels = [ref.conv_bn(f"neck.transitions.{n}", x) for n, x in enumerate(features)]
        extra = ref.conv_bn("neck.transitions.3", features[-1])
        levels.append(F.max_pool2d(extra, 3, 2, 1))
        levels.append(F.max_pool2d(levels[-1], 3, 2, 1))
        for layer in range(4):
            levels = bifpn(ref, f"neck.layers.{layer}", levels)
        got = net(images)["detection"]
        boxes, labels = ref.boxes(levels, predict)
    torch.testing.assert_close(got.offsets, boxes)
    torch.testing.assert_close(got.logits, labels)


def test_the_classes_of_dsconv_start_at_a_probability_of_a_hundredth():
    net = make_network("VMM", "resnet18", BOXES, size=(64, 64), head_type="dsconv")
    for level in net.heads["detection"].labels:
        biases = [bias for name, bias in level.named_parameters() if name.endswith("bias")]
        assert len(biases) == 1
        torch.testing.assert_close(biases[0], torch.full((9,), -math.log(99)))
