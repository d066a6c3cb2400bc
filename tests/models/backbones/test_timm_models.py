"""timm's networks behind the same contract."""

import pytest
import torch

from tests.building import make_backbone as create
from utils.errors import ConfigError

timm = pytest.importorskip("timm")

VIT, SWIN = "vit_tiny_patch16_224", "swin_tiny_patch4_window7_224"
OLD = pytest.param("xception", marks=pytest.mark.filterwarnings("ignore:Mapping deprecated"))
"""A former name of legacy_xception, which timm still takes."""


def features(name, size, output_stride=None):
    with torch.device("meta"):
        backbone = create("timm/" + name, output_stride, size=size).eval()
        return backbone, [tuple(x.shape) for x in backbone(torch.zeros(2, 3, *size))]


def test_a_vit_gives_four_maps_at_the_stride_of_its_patches():
    backbone, shapes = features(VIT, (96, 128))
    assert backbone.strides == (16, 16, 16, 16)
    assert shapes == [(2, 192, 6, 8)] * 4
    assert backbone.indices == [2, 5, 8, 11]


def test_only_the_last_map_of_a_vit_is_behind_the_final_norm():
    torch.manual_seed(0)
    backbone = create("timm/" + VIT, size=(32, 48)).eval()
    net = timm.create_model(VIT, img_size=(32, 48)).eval()
    net.load_state_dict(backbone.net.state_dict(), strict=False)
    images, wanted = torch.randn(2, 3, 32, 48), {}
    for index in (2, 5, 8):
        net.blocks[index].register_forward_hook(
            lambda block, inputs, output, index=index: wanted.update({index: output})
        )
    with torch.no_grad():
        wanted[11] = net.forward_features(images)
        maps = backbone(images)
    for index, got in zip(backbone.indices, maps, strict=True):
        tokens = wanted[index][:, 1:].transpose(1, 2).reshape(2, 192, 2, 3)
        torch.testing.assert_close(got, tokens)


def test_a_registered_vit_of_the_dino_kind_gives_maps_of_its_patches():
    backbone, shapes = features("vit_small_patch14_reg4_dinov2", (56, 70))
    assert backbone.strides == (14, 14, 14, 14)
    assert shapes == [(2, 384, 4, 5)] * 4


def test_stochastic_depth_rises_from_block_to_block():
    backbone = create("timm/" + VIT, size=(32, 32), drop_path=0.15)
    rates = [getattr(block.drop_path1, "p", 0.0) for block in backbone.net.blocks]
    assert rates == pytest.approx([0.15 * n / 11 for n in range(12)])


def test_stochastic_depth_that_a_model_has_not_is_refused():
    with pytest.raises(ConfigError, match="has no stochastic depth") as error:
        create("timm/vgg11_bn", drop_path=0.1)
    assert error.value.option == "drop_path"


@pytest.mark.parametrize("name", [SWIN, "resnet18", OLD])
def test_a_network_with_stages_gives_strides_8_16_32(name):
    backbone, shapes = features(name, (96, 128))
    assert backbone.strides == (8, 16, 32)
    assert shapes == [
        (2, channels, 96 // stride, 128 // stride)
        for channels, stride in zip(backbone.channels, backbone.strides, strict=True)
    ]


def test_a_convolutional_one_can_be_dilated():
    backbone, shapes = features("resnet18", (96, 128), output_stride=8)
    assert backbone.strides == (8, 8, 8)
    assert shapes[-1] == (2, 512, 12, 16)


@pytest.mark.parametrize(("name", "default"), [(SWIN, 32), (VIT, 16)])
def test_a_transformer_cannot_be_dilated(name, default):
    message = f"cannot be dilated to 8; give output_stride = {default}"
    with pytest.raises(ConfigError, match=message) as error:
        features(name, (96, 128), output_stride=8)
    assert error.value.option == "output_stride"


def test_a_size_between_the_patches_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match=r"multiples of 16.*: 96 128 or 112 128") as error:
        features(VIT, (100, 128))
    assert error.value.option == "size"


def test_an_unknown_model_gets_the_nearest():
    with pytest.raises(ConfigError, match="timm has no model 'vit_tiny_patch16_22'"):
        features("vit_tiny_patch16_22", (64, 64))


def test_weights_from_a_file_are_fitted_to_the_size(tmp_path):
    torch.manual_seed(0)
    net = timm.create_model(VIT, num_classes=5)
    torch.save(net.state_dict(), tmp_path / "vit.pth")
    backbone = create("timm/" + VIT, size=(64, 96), pretrained=tmp_path / "vit.pth")
    assert torch.equal(backbone.net.blocks[11].mlp.fc2.weight, net.blocks[11].mlp.fc2.weight)
    assert backbone.net.pos_embed.shape == (1, 1 + 4 * 6, 192)
    state = net.state_dict()
    del state["blocks.3.mlp.fc2.weight"]
    torch.save(state, tmp_path / "less.pth")
    message = r"less.pth does not hold.*blocks\.3\.mlp\.fc2\.weight"
    with pytest.raises(ConfigError, match=message) as error:
        create("timm/" + VIT, size=(64, 96), pretrained=tmp_path / "less.pth")
    assert error.value.option == "pretrained"


@pytest.mark.slow
@pytest.mark.parametrize("name", [VIT, SWIN])
def test_it_can_be_exported_for_any_number_of_images(name):
    backbone = create("timm/" + name, size=(64, 64)).eval()
    batch = torch.export.Dim("batch")
    images = torch.randn(3, 3, 64, 64)
    program = torch.export.export(backbone, (images[:2],), dynamic_shapes=({0: batch},)).module()
    with torch.no_grad():
        for exported, wanted in zip(program(images), backbone(images), strict=True):
            torch.testing.assert_close(exported, wanted, rtol=1e-4, atol=1e-5)
