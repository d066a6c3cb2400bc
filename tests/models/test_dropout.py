"""What dropout draws: a function of the place in the training alone."""

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint
from torchvision.ops import StochasticDepth

from models import ARCHITECTURES, BACKBONES
from models.dropout import DrawingLayer, Dropout, Masks, Place, input_rows, replace_dropout
from tasks.base import BoxHead, DenseHead
from tests.building import make_network

HEADS = {"depth": DenseHead(1), "normal": DenseHead(3, unit=True)}
PLACE = Place(seed=3, step=7, forward_pass=0, images=range(8), batch_size=8)
OTHER_PLACES = {
    "seed": PLACE._replace(seed=4),
    "step": PLACE._replace(step=8),
    "forward pass": PLACE._replace(forward_pass=1),
}
DRAWING = {
    "dropout": ("DeepLab", "resnet18", {"channels": 16}),
    "drop connect": ("VMM", "efficientnet_b0", {"channels": 16}),
    "stochastic depth": ("VMM", "efficientnet_v2_s", {"channels": 16}),
    "drop path": ("VMM", "timm/swin_tiny_patch4_window7_224", {"channels": 16}),
    "a table of positions": ("plain", "timm/coatnet_rmlp_nano_rw_224", {}),
}


def layer(p=0.3, dims=None, place=PLACE, name="neck.drop", rows=1):
    """A layer of a network at a place."""
    dropout = Dropout(p, dims, rows)
    dropout.name, dropout.masks = name, Masks()
    dropout.masks.place = place
    return dropout


def ones(*shape):
    return torch.ones(shape)


@pytest.mark.parametrize("dims", [1, 2, None])
def test_the_same_place_and_layer_draw_the_same_and_others_do_not(dims):
    x = ones(8, 40, 5, 6)
    drawn = layer(dims=dims)(x)
    torch.rand(9)
    assert torch.equal(layer(dims=dims)(x), drawn)
    others = [layer(dims=dims, place=place)(x) for place in OTHER_PLACES.values()]
    others.append(layer(dims=dims, name="heads.depth.drop")(x))
    assert not any(torch.equal(other, drawn) for other in others)


@pytest.mark.parametrize("dims", [1, 2, None])
def test_images_of_a_split_batch_get_the_rows_that_they_have_in_the_whole(dims):
    x = torch.rand(8, 4, 5, 6) + 1
    whole = layer(dims=dims)(x)
    for first, end in ((0, 4), (4, 8), (2, 3), (5, 8)):
        part = layer(dims=dims, place=PLACE._replace(images=range(first, end)))
        assert torch.equal(part(x[first:end]), whole[first:end])


@pytest.mark.parametrize("length", [1, 3, 8, 13])
def test_what_is_the_same_for_all_images_gets_one_mask_however_the_batch_is_split(length):
    """Also where a share has as many images as the table has rows."""
    table = ones(length, 13, 32)
    whole = layer(rows=0)(table)
    for images in (range(1), range(1, 2), range(5, 8)):
        part = layer(place=PLACE._replace(images=images), rows=0)
        assert torch.equal(part(table), whole)


def test_an_image_of_several_rows_gets_those_that_it_has_in_the_whole():
    windows = ones(32, 5, 6)
    part = layer(place=PLACE._replace(images=range(5, 8)), rows=4)
    assert torch.equal(part(windows[20:]), layer(rows=4)(windows)[20:])


@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("length", [0, 1])
def test_a_share_without_images_keeps_its_shape_and_drops_nothing(length, rows):
    """Nor does an image that stands in for it."""
    x = ones(length, 4, 5)
    part = layer(place=PLACE._replace(images=range(8, 8)), rows=rows)
    assert torch.equal(part(x), x / 0.7)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_every_type_drops_the_same_numbers(dtype):
    assert torch.equal(layer()(ones(8, 40).to(dtype)) > 0, layer()(ones(8, 40)) > 0)


def test_foreign_layers_say_whether_they_drop_images_or_a_table():
    timm = pytest.importorskip("timm")
    with torch.device("meta"):
        network = timm.create_model("swinv2_cr_tiny_224", drop_path_rate=0.1)
        rows = input_rows(network, (224, 224))
    assert rows["stages.0.blocks.1.attn.meta_mlp.drop1"] == 0, "of a table of positions"
    assert rows["stages.0.blocks.1.drop_path1"] == 1


@pytest.mark.parametrize("dims", [1, 2, None])
def test_numbers_are_dropped_as_often_and_scaled_as_much_as_by_pytorch(dims):
    place = PLACE._replace(images=range(2000), batch_size=2000)
    drawn = layer(0.3, dims, place)(ones(2000, 20))
    assert drawn.unique().tolist() == [0.0, pytest.approx(1 / 0.7)]
    assert (drawn > 0).float().mean() == pytest.approx(0.7, abs=0.03)
    if dims == 1:
        assert (drawn == drawn[:, :1]).all(), "an image as a whole"


def test_channels_are_dropped_as_a_whole():
    drawn = layer(dims=2)(ones(8, 40, 5, 6))
    assert (drawn == drawn[:, :, :1, :1]).all()
    assert 0 < drawn[:, :, 0, 0].count_nonzero(dim=1).min() < 40


def test_nothing_is_dropped_in_evaluation_or_with_a_probability_of_zero_and_all_with_one():
    x = torch.rand(8, 4)
    assert layer().eval()(x) is x
    assert layer(0.0)(x) is x
    assert not layer(1.0)(x).any()


def test_without_a_place_every_call_draws_anew():
    dropout = layer(place=None)
    first, second = dropout(ones(8, 40)), dropout(ones(8, 40))
    assert not torch.equal(first, second)


def test_a_mask_has_the_type_of_what_it_is_for():
    assert layer()(ones(8, 4).bfloat16()).dtype == torch.bfloat16


def test_the_layers_of_every_package_are_replaced_under_their_names():
    network = nn.Sequential(
        nn.Conv2d(3, 3, 1), nn.Dropout(0.1), nn.Sequential(nn.Dropout2d(0.2), nn.BatchNorm2d(3))
    )
    network.append(StochasticDepth(0.3, "row"))
    parameters = [name for name, _ in network.named_parameters()]
    masks = replace_dropout(network)
    layers = [m for m in network.modules() if isinstance(m, Dropout)]
    assert [(m.name, m.p, m.dims) for m in layers] == [
        ("1", 0.1, None),
        ("2.0", 0.2, 2),
        ("3", 0.3, 1),
    ]
    assert all(m.masks is masks for m in layers)
    assert [name for name, _ in network.named_parameters()] == parameters


def drawing_network(name, images):
    """A network that draws, in training but for its BatchNorm, which has the statistics of some
    images."""
    arch, backbone, options = DRAWING[name]
    if backbone.startswith("timm/"):
        pytest.importorskip("timm")
    torch.manual_seed(0)
    network = make_network(arch, backbone, HEADS, size=(64, 64), **options)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None  # an average over all batches, of which there is one
    with torch.no_grad():
        network(images)
    for norm in norms:
        norm.eval()
    return network


def at(network, place):
    network.masks.place = place
    return network


@pytest.mark.parametrize("name", DRAWING)
def test_the_halves_of_a_batch_give_what_the_whole_gives(name):
    images = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    network = drawing_network(name, images)
    place = Place(seed=0, step=1, forward_pass=0, images=range(4), batch_size=4)
    before = torch.get_rng_state()
    with torch.no_grad():
        whole = at(network, place)(images)
        for half in (range(2), range(2, 4)):
            part = at(network, place._replace(images=half))(images[half.start : half.stop])
            for task, prediction in part.items():
                torch.testing.assert_close(
                    prediction, whole[task][half.start : half.stop], rtol=1e-4, atol=1e-4
                )
        other = at(network, place._replace(step=2))(images)
    assert (other["depth"] - whole["depth"]).abs().mean() > 0.01
    assert torch.equal(torch.get_rng_state(), before), "nothing draws from PyTorch's generator"


@pytest.mark.parametrize("name", ["drop connect", "stochastic depth"])
def test_a_stage_that_is_computed_again_for_its_gradients_draws_the_same(name):
    images, gradients = torch.randn(4, 3, 64, 64), []
    for recomputed in (False, True):
        network = at(drawing_network(name, images), PLACE._replace(images=range(4), batch_size=4))
        if recomputed:
            for stage in network.backbone.stages:
                stage.forward = recomputing(stage.forward)
        sum(prediction.mean() for prediction in network(images).values()).backward()
        gradients.append([parameter.grad for parameter in network.backbone.parameters()])
    for plain, again in zip(*gradients, strict=True):
        assert torch.equal(plain, again)


def recomputing(forward):
    return lambda x: checkpoint(forward, x, use_reentrant=False, preserve_rng_state=False)


class Draws(TorchDispatchMode):
    """Counts the operations that draw random numbers."""

    count = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.count += torch.Tag.nondeterministic_seeded in operation.tags
        return operation(*args, **(kwargs or {}))


EVERY_ARCHITECTURE = [
    (arch, "none" if part.has_own_encoder else "efficientnet_b0")
    for arch, part in ARCHITECTURES.items()
]
ONE_A_FAMILY = ("efficientnet_b0", "efficientnet_lite0", "resnet18", "efficientnet_v2_s")
ONE_A_FAMILY += ("mobilenet_v2", "timm/swin_tiny_patch4_window7_224")
EVERY_BACKBONE = [
    pytest.param("plain", name, marks=() if name in ONE_A_FAMILY else pytest.mark.slow)
    for name in (*BACKBONES, "timm/swin_tiny_patch4_window7_224")
    if name != "none"
]


@pytest.mark.parametrize(("arch", "backbone"), EVERY_ARCHITECTURE + EVERY_BACKBONE)
def test_nothing_but_our_layers_draws_in_any_network_and_each_of_them_once(arch, backbone):
    if backbone.startswith("timm/"):
        pytest.importorskip("timm")
    heads = {"detection": BoxHead(3)} if arch == "EfficientDet" else HEADS
    with torch.device("meta"):
        network, images = make_network(arch, backbone, heads, (64, 64)), torch.zeros(2, 3, 64, 64)
    calls = []
    for module in network.modules():
        assert "drop" not in type(module).__name__.lower() or isinstance(module, Dropout)
        if isinstance(module, DrawingLayer):
            module.register_forward_hook(lambda module, *_: calls.append(module))
    with torch.no_grad(), Draws() as draws:
        network(images)
    assert len(calls) == len(set(calls))
    assert draws.count == sum(getattr(module, "p", 1) > 0 for module in calls)
    assert draws.count > 0 or not backbone.startswith(("efficientnet", "timm"))
