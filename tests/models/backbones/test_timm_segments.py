"""timm's networks run stage by stage, and in the architectures that do so."""

import pytest
import torch

from models import BACKBONES
from tasks.base import BoxHead, BoxPrediction, DenseHead
from tests.building import make_network
from utils.errors import ConfigError

timm = pytest.importorskip("timm")

STEM_AND_ALL = (-5, -4, -3, -2, -1)
FAMILIES = {
    "test_resnet": (32, 64),
    "test_efficientnet": (32, 64),
    "test_convnext": (32, 64),
    "regnetx_002": (32, 64),
    "swin_tiny_patch4_window7_224": (64, 64),  # channels last, in windows
    "test_vit": (32, 48),  # with a class token
    "vit_tiny_patch16_dinov3_qkvb": (32, 48),  # with registers and rotary positions
    "vit_small_patch14_reg4_dinov2": (42, 56),
}
VIT = "timm/vit_small_patch14_reg4_dinov2"


def create(name, size, out_indices=None, pretrained="false"):
    choice = BACKBONES.choose(f"timm/{name}", {"pretrained": str(pretrained)})
    return choice.build(choice.name, size, None, out_indices).eval()


def by_segments(backbone, images):
    features, x = [], images
    for segment in backbone.segments():
        x = segment.eval()(x)
        features.append(backbone.map_of(x))
    return features


@pytest.mark.parametrize(("name", "size"), FAMILIES.items())
@torch.no_grad()
def test_the_segments_are_the_network_to_the_last_bit(name, size):
    torch.manual_seed(0)
    backbone, images = create(name, size, STEM_AND_ALL[1:]), torch.randn(2, 3, *size)
    expected = backbone(images)
    for got, feature in zip(by_segments(backbone, images), expected, strict=True):
        assert torch.equal(got, feature)
    with_stem = create(name, size, STEM_AND_ALL)
    with_stem.load_state_dict(backbone.state_dict())
    first, *others = by_segments(with_stem, images)
    for got, whole, feature in zip(others, with_stem(images)[1:], expected, strict=True):
        assert torch.equal(got, feature)
        assert torch.equal(whole, feature)
    height, width = (side // with_stem.strides[0] for side in size)
    assert first.shape == (2, with_stem.channels[0], height, width)
    assert not torch.equal(first, others[0])


@pytest.mark.parametrize("name", ["test_efficientnet", "test_vit"])
def test_a_segment_without_images_hangs_on_to_the_one_before(name):
    """So that every process goes back through the same layers."""
    backbone = create(name, (32, 32)).train()
    *_, last = by_segments(backbone, torch.zeros(0, 3, 32, 32))
    assert last.shape == (0, backbone.channels[-1], *last.shape[2:])
    last.sum().backward()
    used = [p for part in backbone.segments() for p in part.parameters()]
    assert all(p.grad is not None and not p.grad.any() for p in used)


@torch.no_grad()
def test_weights_of_a_file_are_in_the_segments(tmp_path):
    torch.manual_seed(0)
    net = timm.create_model("test_convnext", num_classes=5).eval()
    torch.save(net.state_dict(), tmp_path / "weights.pth")
    backbone = create("test_convnext", (32, 32), pretrained=tmp_path / "weights.pth")
    images = torch.randn(1, 3, 32, 32)
    assert torch.equal(by_segments(backbone, images)[-1], net.forward_features(images))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("coat_tiny", "its feature serial_blocks1 does not come from one module after another"),
        ("efficientformer_l1", "its feature is not what stages.3 gives"),
        ("vit_small_patch16_rope_mixed_224", "its feature blocks.1 does not come from one"),
    ],
)
def test_a_network_that_is_no_chain_of_stages_is_refused_with_the_reason(name, reason):
    with torch.device("meta"), pytest.raises(ConfigError, match=reason) as error:
        make_network(
            "cross_stitch", f"timm/{name}", {"depth": DenseHead(1)}, (224, 224), decoder="plain"
        )
    assert error.value.option == "backbone"


def test_too_few_features_are_refused():
    with torch.device("meta"), pytest.raises(ConfigError, match=r"has 3 features.* needs 5"):
        make_network("PLE", "timm/shvit_s1", {"depth": DenseHead(1)}, (64, 64), decoder="plain")


@pytest.mark.parametrize(
    ("backbone", "size"), [(VIT, (42, 56)), ("timm/test_convnext", (32, 64))], ids=["ViT", "stages"]
)
@pytest.mark.parametrize(
    "arch", ["VMM", "MMoE", "CGC", "DSelect_k", "cross_stitch", "LTB", "PLE", "MTAN"]
)
def test_every_architecture_with_a_pyramid_takes_it(arch, backbone, size):
    heads = {"detection": BoxHead(2), "depth": DenseHead(1)}
    options = {"channels": 8} | ({} if arch == "VMM" else {"decoder": "VMM"})
    options |= {"experts": 2} if arch in ("MMoE", "DSelect_k") else {}
    with torch.device("meta"):
        network = make_network(arch, backbone, heads, size, **options)
        predictions = network(torch.zeros(2, 3, *size))
    assert isinstance(predictions["detection"], BoxPrediction)
    assert predictions["depth"].shape == (2, 1, *size)


@pytest.mark.parametrize("arch", ["plain", "MMoE", "PLE", "MTAN"])
def test_a_plain_head_reads_four_layers_of_a_transformer(arch):
    options = {} if arch == "plain" else {"decoder": "plain"}
    with torch.device("meta"):
        network = make_network(arch, VIT, {"depth": DenseHead(1)}, (42, 56), **options)
        assert network(torch.zeros(2, 3, 42, 56))["depth"].shape == (2, 1, 42, 56)
    [head] = network.heads.values()
    head = head if arch == "plain" else head.decoder.head
    assert next(head.parameters()).shape[1] == 4 * 384
