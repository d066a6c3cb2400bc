"""Weights come from the library's download, or from a file; what does not fit is named."""

import pytest
import torch
import torchvision
from efficientnet_pytorch import EfficientNet

from tests.building import make_backbone as create
from utils.errors import ConfigError


@pytest.fixture(scope="module")
def resnet18():
    torch.manual_seed(0)
    return torchvision.models.resnet18(num_classes=7)


def saved(net, path):
    torch.save(net.state_dict(), path)
    return str(path)


def build(name, pretrained):
    return create(name, size=(64, 64), pretrained=pretrained)


def same(backbone, net):
    """The layers of a backbone are the first ones of its classifier network, in the same order."""
    pairs = zip(backbone.state_dict().values(), net.state_dict().values(), strict=False)
    return all(torch.equal(ours, theirs) for ours, theirs in pairs)


def test_a_file_is_loaded_whatever_its_classifier(resnet18, tmp_path):
    assert same(build("resnet18", saved(resnet18, tmp_path / "w.pth")), resnet18)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("mobilenet_v2", torchvision.models.mobilenet_v2),
        ("efficientnet_b0", lambda: EfficientNet.from_name("efficientnet-b0", num_classes=3)),
    ],
)
def test_a_whole_classifier_fits_though_its_end_is_dropped(name, make, tmp_path):
    net = make()
    assert same(build(name, saved(net, tmp_path / "w.pth")), net)


def test_imagenet_weights_come_from_torchvision(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    net = torchvision.models.resnet18()
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    saved(net, folder / "resnet18-f37072fd.pth")
    assert same(build("resnet18", "true"), net)


def test_the_best_weights_of_torchvision_or_the_older_ones(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    best, older = torchvision.models.mobilenet_v2(), torchvision.models.mobilenet_v2()
    saved(best, folder / "mobilenet_v2-7ebf99e0.pth")
    saved(older, folder / "mobilenet_v2-b0353104.pth")
    assert same(build("mobilenet_v2", "true"), best)
    assert same(build("mobilenet_v2", "imagenet_v1"), older)


def test_weights_that_cannot_be_downloaded_tell_both_ways_out(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "file"))
    (tmp_path / "file").write_text("no folder can be made here")
    with pytest.raises(ConfigError) as error:
        build("resnet18", "true")
    message = str(error.value)
    assert error.value.option == "pretrained"
    assert "--pretrained false" in message
    assert "--pretrained PATH" in message
    assert "\n" not in message


def test_another_networks_weights_are_named(resnet18, tmp_path):
    path = saved(resnet18, tmp_path / "w.pth")
    with pytest.raises(ConfigError, match=r"w.pth does not hold.* of resnet34: it lacks layer1"):
        build("resnet34", path)
    with pytest.raises(ConfigError, match=r"of mobilenet_v2: it lacks features"):
        build("mobilenet_v2", path)


def test_surplus_and_misshapen_weights_are_named(resnet18, tmp_path):
    state = resnet18.state_dict()
    torch.save({**state, "layer5.weight": torch.zeros(1)}, tmp_path / "surplus.pth")
    with pytest.raises(ConfigError, match=r"it has layer5.weight too many") as error:
        build("resnet18", tmp_path / "surplus.pth")
    assert error.value.option == "pretrained"
    torch.save({**state, "conv1.weight": torch.zeros(64, 1, 7, 7)}, tmp_path / "shape.pth")
    with pytest.raises(ConfigError, match=r"conv1.weight is 64×1×7×7, not 64×3×7×7"):
        build("resnet18", tmp_path / "shape.pth")


@pytest.mark.parametrize("name", ["state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_training_checkpoint_is_opened(resnet18, tmp_path, name, prefix):
    state = {prefix + key: value for key, value in resnet18.state_dict().items()}
    torch.save({"epoch": 3, name: state}, tmp_path / "nested.pth")
    backbone = build("resnet18", tmp_path / "nested.pth")
    pairs = zip(backbone.state_dict().values(), resnet18.state_dict().values(), strict=False)
    assert all(torch.equal(ours, theirs) for ours, theirs in pairs)


def test_a_checkpoint_of_two_state_dicts_is_refused(resnet18, tmp_path):
    state = resnet18.state_dict()
    torch.save({"model": state, "state_dict_ema": state}, tmp_path / "two.pth")
    with pytest.raises(ConfigError, match=r"is not a state dict.*holds model, state_dict_ema"):
        build("resnet18", tmp_path / "two.pth")


def test_what_is_no_state_dict_is_refused(tmp_path):
    (tmp_path / "text.pth").write_text("weights")
    torch.save({"epoch": 3}, tmp_path / "other.pth")
    for file, message in [
        ("none.pth", "there is no file"),
        ("text.pth", "is not a state dict"),
        ("other.pth", "is not a state dict"),
    ]:
        with pytest.raises(ConfigError, match=message) as error:
            build("resnet18", tmp_path / file)
        assert error.value.option == "pretrained"
