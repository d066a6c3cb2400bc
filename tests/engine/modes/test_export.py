"""The ONNX file of a run, used as somebody would who has not this program."""

import json
import sys

import numpy as np
import onnxruntime
import pytest
import torch

import losses
import train_test
from engine import checkpoint
from engine.data import with_full_names
from engine.export import compare, plain_outputs
from engine.network import declared_tasks, make_network
from engine.run_folder import multi_task_folder
from tasks.nms import detect
from utils.config import read
from utils.errors import UserError

CFG = """
[run]
tasks = seg det depth
[data]
train_dataset = VOC NYU
size = 32 64
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
    config = with_full_names(read(argv, losses.methods()))
    network = make_network(config, {t.name: t.head for t in declared_tasks(config)}, "false")
    with torch.no_grad():
        # Statistics other than those of a new network, as training leaves them.
        network.train()(torch.randn(8, 3, *SIZE))
    best = multi_task_folder(config).best
    best.parent.mkdir(parents=True)
    checkpoint.save(best, {"network": network.state_dict()})
    return argv, network.eval(), best


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    argv, network, best = with_best(tmp_path_factory.mktemp("export"))
    assert train_test.main(argv) == 0
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
    assert json.loads(about["mean"]) == [0.485, 0.456, 0.406]


@pytest.mark.parametrize("count", [1, 5])
def test_it_gives_what_the_network_gives_for_any_number_of_images(session, exported, count):
    images = torch.randn(count, 3, *SIZE)
    with torch.no_grad():
        wanted = exported[0](images)
    names = [output.name for output in session.get_outputs()]
    found = dict(zip(names, session.run(None, {"images": images.numpy()}), strict=True))
    for task in ("segmentation", "depth"):
        np.testing.assert_allclose(found[task], wanted[task], rtol=1e-3, atol=1e-4)
    # The boxes that the program itself reports are among the file's.
    for n, reported in enumerate(detect(wanted["detection"])):
        best = reported[reported[:, 4] == reported[0, 4]][0]
        index = found["detection_scores"][n][:, int(best[4])].argmax()
        box = found["detection_boxes"][n][index].clip(0, [64, 32, 64, 32])
        np.testing.assert_allclose(box, best[:4], atol=1e-2)
        assert found["detection_scores"][n][index, int(best[4])] == pytest.approx(
            best[6].item(), abs=1e-4
        )


def test_a_file_that_gives_something_else_is_refused(exported):
    network, file = exported
    images = torch.randn(2, 3, *SIZE)
    with torch.no_grad():
        wanted = plain_outputs(network(images))
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


def test_no_checkpoint_or_that_of_another_network(tmp_path, capsys):
    argv, _, best = with_best(tmp_path)
    assert train_test.main([*argv, "--ckpt", str(tmp_path / "none.pt")]) == 2
    assert "none.pt: there is no such checkpoint" in capsys.readouterr().err
    assert train_test.main([*argv, "--tasks", "seg", "--ckpt", str(best)]) == 2
    assert "its tasks are segmentation, detection, depth, the cfg's segmentation" in (
        capsys.readouterr().err
    )


def test_the_checkpoint_of_a_single_task_may_be_that_of_a_baseline(tmp_path, capsys):
    argv, _, _ = with_best(tmp_path)
    argv += ["--tasks", "seg"]
    config = with_full_names(read(argv, losses.methods()))
    folder = tmp_path / "runs" / "baselines" / "segmentation-1"
    folder.mkdir(parents=True)
    results = {"finished": True, "baseline_key": config.key("segmentation")}
    (folder / "results.json").write_text(json.dumps(results))
    assert train_test.main(argv) == 2
    assert f"{folder / 'best.pt'}: there is no such checkpoint" in capsys.readouterr().err
