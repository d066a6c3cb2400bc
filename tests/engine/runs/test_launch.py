"""Several processes of one run, by their command lines: what a user sees of them."""

import json
import shutil
import signal
import time

import pytest
import torch

from datasets.sampling import BatchSampler
from engine.config import read
from engine.runs.data import build_data
from tests.engine.runs.launching import PROGRAM, ROOT, TORCHRUN, Command, kill
from utils.ranks import Ranks

pytestmark = pytest.mark.slow  # whole runs of several processes, or of new parts, take minutes

CFG = """
[run]
tasks = depth normal
loss = famo
[data]
train_dataset = NYUD_MT
val = 0.2
size = 32 32
batch_size = 4
num_workers = 0
[scenes]
render_train = 15
render_val = 3
render_size = 32 32
[network]
arch = DeepLab
backbone = timm/test_resnet
pretrained = false
channels = 8
[training]
lr = 1e-3
max_epoch = 4
[baselines]
potential = 0.5 0.5
"""
EPOCHS, IMAGES = 4, 12
CLOSE = 0.5
"""How far runs of several numbers of processes may be apart in float32, of the largest weight: Adam
makes much of rounding in maps of a few pixels. That they are the same in float64 is shown in
tests/engine/training/test_processes.py."""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder with the data and the cfg of all runs."""
    root = tmp_path_factory.mktemp("launch")
    (root / "tiny.cfg").write_text(CFG)
    return root


@pytest.fixture(scope="module")
def start(root):
    """Starts the run of a name, by a number of processes or by a launcher."""
    commands = []

    def start(name, *options, processes=None, launcher=PROGRAM):
        words = [*launcher, root / "tiny.cfg", "--runs", root / name, "--device", "cpu"]
        words += ["--dataset_root", root / "data", *options]
        words += ["--processes", processes] if processes else []
        commands.append(Command(root / f"{name}-{len(commands)}", *words))
        return commands[-1]

    yield start
    for command in commands:
        command.process.kill()


@pytest.fixture(scope="module")
def undisturbed(start):
    """The command of a run of two processes, in `runs`."""
    return start("runs", processes=2).ended()


def folder(root, name):
    return root / name / "tiny" / "famo" / "seed0"


def state(root, name):
    return torch.load(folder(root, name) / "last.pt", weights_only=True)


def has_line(root, name, text):
    log = folder(root, name) / "log.txt"
    return lambda: log.exists() and text in log.read_text()


def assert_same(state, expected, close):
    """Two states of a training that are as close to one another, or equal to the last bit."""
    assert len(state["history"]) == len(expected["history"]) == EPOCHS
    if not close:
        assert all(torch.equal(state["network"][k], v) for k, v in expected["network"].items())
    for row, other in zip(state["history"], expected["history"], strict=True):
        assert row["lr"] == other["lr"]
        assert row["weight depth"] == pytest.approx(other["weight depth"], abs=close)
    for key, value in expected["network"].items():
        scale = max(value.abs().max().item(), 0.1)
        assert (state["network"][key] - value).abs().max() <= close * scale, key


def test_processes_train_and_say_it_once(undisturbed, root):
    status, out, err = undisturbed
    assert status == 0, err
    assert err == ""
    assert out.count("rendering NYUD_MT") == 1
    lines = [line for line in out.splitlines() if line.strip()]
    assert len(lines) == len(set(lines)), out
    assert out.count(f"epoch {EPOCHS}/{EPOCHS}") == 1
    log = (folder(root, "runs") / "log.txt").read_text()
    assert log.count(f"epoch {EPOCHS}/{EPOCHS}") == 1
    results = json.loads((folder(root, "runs") / "results.json").read_text())
    assert results["processes"] == 2
    assert len(results["images_by_process"]) == 2
    assert sum(results["images_by_process"]) == EPOCHS * IMAGES


def test_a_run_that_is_done_says_so_once(undisturbed, start):
    status, out, err = start("runs", processes=2).ended()
    assert (status, err) == (0, "")
    assert out.count("is done; its results") == out.count("Δ_MTL") == 1


def test_torchrun_does_the_same(undisturbed, start, root):
    status, _, err = start("torchrun", launcher=[*TORCHRUN, ROOT / "train_test.py"]).ended()
    assert status == 0, err
    assert_same(state(root, "torchrun"), state(root, "runs"), close=0)


def test_other_modes_are_for_the_first_process(undisturbed, start):
    launcher = [*TORCHRUN, ROOT / "train_test.py"]
    status, out, _ = start("runs", "--mode", "test", launcher=launcher).ended()
    assert status == 0
    assert out.count("on 3 test images") == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--max_epcoh", "3"), "max_epoch"),
        (("--processes", "0"), "processes"),
        (("--device", "cuda:0"), "cuda"),
    ],
)
def test_a_mistake_is_told_once(start, options, words):
    processes = None if "--processes" in options else 2
    status, out, err = start("mistake", *options, processes=processes).ended()
    assert (status, out) == (2, "")
    *notes, line = err.splitlines()
    assert line.startswith("error: ")
    assert words in line
    assert all(note.startswith("note: ") for note in notes)
    assert len(notes) == len(set(notes))


def test_a_damaged_image_of_the_second_process_is_told_once(undisturbed, start, root):
    shutil.copytree(root / "data", root / "damaged")
    config = read([str(root / "tiny.cfg"), "--dataset_root", str(root / "damaged")])
    data = build_data(config)
    second = Ranks()
    second.rank, second.size = 1, 2
    sampler = config.data.sampling.build()
    [(_, index), *_] = next(iter(BatchSampler(data.train.sizes, 4, True, 0, sampler, second)))
    image = data.train.entries[index].image
    image.write_bytes(b"no image")
    began = time.monotonic()
    status, _, err = start("damage", "--dataset_root", root / "damaged", processes=2).ended()
    assert status == 2
    assert err.count("\n") == 1, err
    assert str(image) in err
    assert time.monotonic() - began < 120


def test_a_killed_process_ends_the_others_and_any_number_goes_on(undisturbed, start, root):
    command = start("killed", "--save_minutes", "0.0001", processes=2)
    _, second = command.started_workers(2)
    command.wait_for(has_line(root, "killed", f"epoch 2/{EPOCHS}"))
    kill(second)
    began = time.monotonic()
    status, _, err = command.ended()
    assert time.monotonic() - began < 60
    assert status == 137
    assert err == (
        "error: process 1 was ended by SIGKILL; the same command goes on from the last checkpoint\n"
    )
    status, out, err = start("killed", processes=3).ended()
    assert status == 0, err
    assert out.count("goes on after") == 1
    assert_same(state(root, "killed"), state(root, "runs"), CLOSE)
    results = json.loads((folder(root, "killed") / "results.json").read_text())
    assert results["processes"] == 3
    assert sum(results["images_by_process"]) == EPOCHS * IMAGES


@pytest.mark.parametrize(
    ("number", "expected"),
    [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGUSR1, 138)],
)
def test_a_signal_ends_all_after_the_same_step(undisturbed, start, root, number, expected):
    name = number.name
    command = start(name, processes=2)
    command.started_workers(2)
    command.wait_for(has_line(root, name, f"epoch 1/{EPOCHS}"))
    command.process.send_signal(number)
    status, out, err = command.ended()
    assert (status, err) == (expected, "")
    assert out.count(f"stopped by {name} after") == 1
    both = [start(name, processes=2) for _ in range(2)]
    ended = [command.ended() for command in both]
    assert [status for status, _, _ in ended] == [0, 0]
    out = "".join(out for _, out, _ in ended)
    assert out.count("waiting for process") == out.count("is done; its results") == 1
    assert out.count("goes on after") == 1
    assert_same(state(root, name), state(root, "runs"), close=0)
