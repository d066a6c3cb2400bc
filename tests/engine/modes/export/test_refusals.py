"""What export refuses, and what it does without."""

import sys

import pytest
import torch

import train_test
from engine.config import read
from engine.modes.export import formats
from engine.modes.export.comparison import compare
from engine.modes.export.images import comparison_images
from engine.modes.export.program import ExportedNetwork
from engine.runs import checkpoint
from utils.errors import UserError


@pytest.fixture
def network(trained):
    return ExportedNetwork(trained.network, trained.tasks)


def test_a_file_that_gives_something_else_is_refused(network):
    batches = {"2 images": torch.rand(2, 3, 32, 64)}
    assert "2 images: the largest difference is 0e+00" in compare(network, network, batches)[0]

    def with_one_wrong_pixel(images):
        *others, depth = (output.clone() for output in network(images))
        depth[1, 0, 5, 7] += 0.01 * depth.abs().max()
        return [*others, depth]

    with pytest.raises(UserError, match="on 2 images, depth differs by"):
        compare(with_one_wrong_pixel, network, batches)

    def with_a_number_that_is_none(images):
        *others, depth = (output.clone() for output in network(images))
        depth[0, 0, 0, 0] = torch.nan
        return [*others, depth]

    with pytest.raises(UserError, match="depth differs by"):
        compare(with_a_number_that_is_none, network, batches)


def test_a_file_that_was_refused_is_not_kept(trained, tmp_path, capsys):
    state = checkpoint.load(trained.best)
    names = [n for n in state["network"] if n.startswith("heads.depth") and n.endswith("bias")]
    state["network"][names[-1]].fill_(torch.nan)
    checkpoint.save(tmp_path / "best.pt", state)
    options = ["--format", "weights", "--ckpt", str(tmp_path / "best.pt")]
    assert train_test.main([*trained.argv, *options]) == 2
    assert "on 3 random images, depth differs by inf" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["best.pt"]


def test_without_test_images_it_says_why(trained, tmp_path):
    config = read([*trained.argv, "--dataset_root", str(tmp_path)])
    batches, missing = comparison_images(config, trained.network, None)
    assert list(batches) == ["3 random images"]
    assert str(tmp_path) in missing


def test_without_onnxruntime_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match="pip install onnxruntime"):
        formats.open_onnx(tmp_path / "any.onnx")


def test_without_the_exporter_one_line_says_what_to_install(trained, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert train_test.main(trained.argv) == 2
    assert capsys.readouterr().err == (
        "error: --mode export needs onnx and onnxscript: pip install onnx onnxscript\n"
    )


@pytest.mark.parametrize("file_format", ["onnx", "pt2", "weights"])
def test_no_checkpoint(trained, tmp_path, capsys, file_format):
    none = str(tmp_path / "none.pt")
    assert train_test.main([*trained.argv, "--format", file_format, "--ckpt", none]) == 2
    assert "none.pt: there is no such checkpoint" in capsys.readouterr().err
