"""The ONNX file of a run, used as somebody would who has not this program."""

import json
import sys

import numpy as np
import onnxruntime
import pytest
import torch

import train_test
from engine import open_network
from engine.config import read
from engine.modes.export import ExportedNetwork, compare
from engine.runs import checkpoint
from engine.runs.experiment import checkpoint_to_use
from engine.runs.folder import run_folder
from engine.runs.network import declared_tasks, make_network
from tasks.boxes.nms import detect
from tests.running import run
from utils.errors import UserError

CFG = """
[run]
tasks = seg det depth
[data]
train_dataset = VOC NYU
size = 32 64
aspect = keep
[network]
arch = VMM
backbone = resnet18
pretrained = false
channels = 8
"""
SIZE = (32, 64)


def with_best(folder):
    """A cfg, and the best checkpoint of its run: the words of the command, and the network."""
    path = folder / "tiny.cfg"
    path.write_text(CFG)
    argv = [str(path), "--mode", "export", "--runs", str(folder / "runs")]
    config = read(argv)
    tasks = declared_tasks(config)
    network = make_network(config, {task.name: task.head for task in tasks})
    with torch.no_grad():
        # Statistics other than those of a new network, as training leaves them.
        network.train()(torch.randn(8, 3, *SIZE))
    best = run_folder(config).best
    best.parent.mkdir(parents=True)
    header = checkpoint.header(config, tasks)
    checkpoint.save(best, {**header, "network": network.state_dict()})
    return argv, network.eval(), best


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The checkpoint says what its network is; the cfg may have other parts by now."""
    argv, network, best = with_best(tmp_path_factory.mktemp("export"))
    other = ["--tasks", "seg", "--size", "64", "--arch", "DeepLab", "--ckpt", str(best)]
    assert train_test.main([*argv, *other]) == 0
    return network, best.with_suffix(".onnx")


@pytest.fixture(scope="module")
def session(exported):
    return onnxruntime.InferenceSession(exported[1], providers=["CPUExecutionProvider"])


def test_names_and_shapes(session, exported):
    assert [(i.name, i.shape) for i in session.get_inputs()] == [("images", ["batch", 3, 32, 64])]
    assert {o.name: o.shape for o in session.get_outputs()} == {
        "segmentation": ["batch", 21, 32, 64],
        "detection_boxes": ["batch", 3 * (4 * 8 + 2 * 4 + 1 * 2), 4],
        "detection_scores": ["batch", 3 * (4 * 8 + 2 * 4 + 1 * 2), 20],
        "depth": ["batch", 1, 32, 64],
    }
    assert [path.name for path in exported[1].parent.iterdir() if "onnx" in path.name] == [
        "best.onnx"
    ], "one file, with the weights in it"
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["classes"])["segmentation"][:2] == ["background", "aeroplane"]
    assert about["input"] == "RGB in [0, 1]"
    assert about["aspect"] == "keep"


@pytest.mark.parametrize("count", [1, 5])
def test_it_gives_what_the_network_gives_for_any_number_of_images(session, exported, count):
    images = torch.randn(count, 3, *SIZE)
    with torch.no_grad():
        wanted = exported[0](images)
    names = [output.name for output in session.get_outputs()]
    result = dict(zip(names, session.run(None, {"images": images.numpy()}), strict=True))
    for task in ("segmentation", "depth"):
        np.testing.assert_allclose(result[task], wanted[task], rtol=1e-3, atol=1e-4)
    # The boxes that the program itself reports are among the file's.
    for n, reported in enumerate(detect(wanted["detection"])):
        best = reported[reported[:, 4] == reported[0, 4]][0]
        index = result["detection_scores"][n][:, int(best[4])].argmax()
        box = result["detection_boxes"][n][index].clip(0, [64, 32, 64, 32])
        np.testing.assert_allclose(box, best[:4], atol=1e-2)
        assert result["detection_scores"][n][index, int(best[4])] == pytest.approx(
            best[6].item(), abs=1e-4
        )


def test_a_file_that_gives_something_else_is_refused(exported):
    file = exported[1]
    network = ExportedNetwork(*open_network(file.with_suffix(".pt")))
    images = torch.randn(2, 3, *SIZE)
    with torch.no_grad():
        wanted = network.outputs(images)
    assert "gives what the network gives" in compare(file, images, wanted)
    wanted["depth"] = wanted["depth"] + 0.01 * wanted["depth"].abs().max()
    with pytest.raises(UserError, match="depth differs by"):
        compare(file, images, wanted)


def test_without_onnxruntime_it_says_that_nothing_was_compared(exported, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert "pip install onnxruntime" in compare(exported[1], torch.zeros(1), {})


def test_without_the_exporter_one_line_says_what_to_install(tmp_path, monkeypatch, capsys):
    argv, _, best = with_best(tmp_path)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert train_test.main(argv) == 2
    assert capsys.readouterr().err == (
        "error: --mode export needs onnx and onnxscript: pip install onnx onnxscript\n"
    )
    assert not best.with_suffix(".onnx").exists()


def test_no_checkpoint(tmp_path, capsys):
    argv, _, _best = with_best(tmp_path)
    assert train_test.main([*argv, "--ckpt", str(tmp_path / "none.pt")]) == 2
    assert "none.pt: there is no such checkpoint" in capsys.readouterr().err


def test_the_checkpoint_of_a_single_task_may_be_that_of_a_baseline(tmp_path, make_config, dense):
    config = make_config(dense, "--tasks", "depth", "--max_epoch", "1")
    run(config)
    folder = run_folder(config.single_task(config.run.tasks[0]))
    baseline = tmp_path / "runs" / "baselines" / "depth-1"
    baseline.parent.mkdir()
    folder.path.rename(baseline)
    assert checkpoint_to_use(config) == baseline / "best.pt"
