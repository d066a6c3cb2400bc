"""The command line, as a user types it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import train_test
from engine.config import read
from engine.modes import MODES

ROOT = Path(__file__).resolve().parents[1]
GOOD = """[run]
tasks = seg depth
[data]
train_dataset = NYUD_MT
[network]
arch = DeepLab
backbone = resnet18
pretrained = false
[training]
max_epoch = 1
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder of its own, in which nothing is to be written by mistake."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(capsys, *argv) -> str:
    """The one line of a command that must be refused."""
    assert train_test.main([str(word) for word in argv]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    line = captured.err
    assert line.startswith("error: ")
    assert line.count("\n") == 1
    assert "Traceback" not in line
    return line.strip()


@pytest.mark.parametrize(
    ("old", "new", "where", "name"),
    [
        ("max_epoch = 1", "max_epcoh = 1", 10, "max_epoch"),
        ("max_epoch = 1", "max_epoch = many", 10, "many"),
        ("tasks = seg depth", "tasks = seg dpeth", 2, "depth"),
        ("tasks = seg depth", "tasks = seg depth\nloss = amlt", 3, "amtl"),
        ("arch = DeepLab", "arch = DeepLap", 6, "DeepLab"),
        ("backbone = resnet18", "backbone = resnet19", 7, "resnet18"),
        ("NYUD_MT", "NYUD_TM", 4, "NYUD_MT"),
        ("[training]", "[trainig]", 9, "training"),
    ],
)
def test_a_mistake_in_a_cfg_is_one_line_with_its_place(here, capsys, old, new, where, name):
    Path("a.cfg").write_text(GOOD.replace(old, new))
    line = refusal(capsys, "a.cfg")
    assert f"a.cfg:{where}: " in line
    assert name in line
    assert os.listdir(here) == ["a.cfg"], "nothing is written"


def test_files_that_are_no_cfg(here, capsys):
    Path("empty.cfg").touch()
    Path("folder").mkdir()
    assert "missing.cfg" in refusal(capsys, "missing.cfg")
    assert "empty.cfg" in refusal(capsys, "empty.cfg")
    assert "folder" in refusal(capsys, "folder")
    refusal(capsys)


def test_a_mistake_on_the_command_line(here, capsys):
    Path("a.cfg").write_text(GOOD)
    assert "--batch_size" in refusal(capsys, "a.cfg", "--batch_size", "0")
    assert "--backbone" in refusal(capsys, "a.cfg", "--backbone", "resnet51")
    assert os.listdir(here) == ["a.cfg"]


def test_a_dataset_that_is_not_there(here, capsys):
    Path("a.cfg").write_text(GOOD)
    line = refusal(capsys, "a.cfg", "--dataset_root", "nowhere")
    assert "nowhere/NYUD_MT" in line
    assert "render_scenes.py" in line
    assert os.listdir(here) == ["a.cfg"]


@pytest.mark.parametrize("option", ["--ckpt", "--pretrained"])
@pytest.mark.parametrize("content", [b"text\n", b".", b"\x80", b"((((", b"PK\x03\x04", bytes(99)])
def test_a_file_that_holds_no_weights(here, capsys, scenes_root, option, content):
    """Before the baselines are trained."""
    Path("a.cfg").write_text(GOOD)
    Path("a.txt").write_bytes(content)
    line = refusal(capsys, "a.cfg", "--dataset_root", scenes_root, option, "a.txt")
    assert line.startswith(f"error: {option}: a.txt")
    assert sorted(os.listdir(here)) == ["a.cfg", "a.txt"], "nothing is written"


def test_weights_that_cannot_be_had(here, capsys, scenes_root):
    """The plan has been told by then."""
    Path("a.cfg").write_text(GOOD)
    argv = ["a.cfg", "--dataset_root", str(scenes_root), "--pretrained", "no/such.pth"]
    assert train_test.main([*argv, "--size", "32"]) == 2
    captured = capsys.readouterr()
    assert captured.out.startswith("plan: ")
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert "no/such.pth" in captured.err


def test_what_needs_no_network_imports_none(here):
    """Neither torchvision nor scipy is imported before the answer: they take longer than torch."""
    Path("a.cfg").write_text(GOOD + "[data]\nsize = x\n")
    code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import train_test
for line, status in (("a.cfg", 2), ("--help", 0), ("--list losses", 0), ("--help amtl", 0)):
    assert train_test.main(line.split()) == status, line
    slow = {{"torchvision", "scipy", "torch._dynamo", "pycocotools"}} & sys.modules.keys()
    assert not slow, (line, slow)
"""
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_help_fits_a_screen_and_has_an_example_of_each_mode(capsys):
    assert train_test.main(["--help"]) == 0
    text = capsys.readouterr().out
    assert len(text.splitlines()) <= 70
    assert max(map(len, text.splitlines())) <= 100
    modes = (f"--mode {name}" for name in MODES if name != "train")
    for word in ("--max_epoch", "--loss", "--dataset_root", *modes):
        assert word in text


def test_help_of_everything_names_every_option(capsys):
    assert train_test.main(["--help", "all"]) == 0
    text = capsys.readouterr().out
    for word in ("--patience", "--margin", "--max_depth", "--render_train", "[training]", "[loss]"):
        assert word in text


@pytest.mark.parametrize(
    ("part", "has", "has_not"),
    [
        ("amtl", ["--margin", "ICCV 2023"], ["--temperature", "--lr "]),
        ("DeepLab", ["--output_stride", "--skip_connection"], ["--neck"]),
        ("depth", ["--max_depth"], ["--label_smoothing"]),
        ("plateau", ["--patience", "--factor"], ["--milestones"]),
        ("export", ["--ckpt", "ONNX"], []),
    ],
)
def test_help_of_a_part_has_its_own_options_alone(capsys, part, has, has_not):
    assert train_test.main(["--help", part]) == 0
    text = capsys.readouterr().out
    assert [word for word in has if word not in text] == []
    assert [word for word in has_not if word in text] == []


def test_help_of_a_part_that_there_is_not(capsys):
    assert "did you mean amtl" in refusal(capsys, "--help", "amtll")


def test_a_pipe_that_closes_ends_the_help_without_a_word():
    command = f"{sys.executable} {ROOT}/train_test.py --help all | head -1"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert result.stderr == ""
    assert result.stdout.count("\n") == 1


def test_outside_of_its_environment_one_line_says_what_to_activate(here):
    code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
sys.modules["torch"] = None
sys.argv = ["train_test.py", "a.cfg"]
import runpy
runpy.run_path({str(ROOT / "train_test.py")!r}, run_name="__main__")
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode != 0
    assert result.stderr.count("\n") == 1
    assert ".venv" in result.stderr


def test_the_cfgs_of_the_paper_s_partially_annotated_data_pad_their_images():
    for cfg in (ROOT / "cfg").glob("**/VMM_*.cfg"):
        aspect = "stretch" if cfg.parent.name in ("scenes", "smoke") else "keep"
        assert read([str(cfg)]).data.aspect == aspect, cfg


def test_every_cfg_of_the_project_is_understood(capsys, here):
    for cfg in sorted((ROOT / "cfg").glob("**/*.cfg")):
        options = ["--dataset_root", "nowhere", "--render_train", "0", "--device", "cpu"]
        assert train_test.main([str(cfg), *options]) == 2
        *notes, error = capsys.readouterr().err.splitlines()
        assert "the dataset" in error, f"{cfg}: refused for another reason than its data"
        assert all("without render_train" in note for note in notes), notes


def test_the_scenes_are_rendered_when_they_are_not_there(here, capsys):
    cfg = ROOT / "cfg/seg+depth+normal/scenes/DeepLab_efficientnet_lite0.cfg"
    command = f"--tasks depth --max_epoch 1 --size 32 48 --render_train 6 --render_val 2 \
        --render_size 32 48 --batch_size 2 --num_workers 0 --dataset_root {here}/data"
    assert train_test.main([str(cfg), *command.split()]) == 0
    assert "rmse ↓" in capsys.readouterr().out
    assert list((here / "data").glob("scenes_*/NYUD_MT/images/*.jpg"))


def test_import_without_a_gpu_and_without_optional_packages():
    code = """
import sys
for name in ("torchjd", "pycocotools", "timm", "onnx", "onnxruntime", "tensorboard", "skimage",
             "matplotlib", "ray", "optuna"):
    sys.modules[name] = None
import tasks, datasets, models, losses, engine.runs.experiment, engine.config
"""
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True)
