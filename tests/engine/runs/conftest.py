"""The smallest run there is, and what two runs have in common that are the same."""

import csv
import json

import pytest
import torch

from tests.killing import run_in_fork

SINGLE = """
[run]
tasks = depth
[data]
train_dataset = NYUD_MT
val = 0.2
size = 32 64
batch_size = 4
num_workers = 0
[scenes]
render_train = 10
render_val = 2
render_size = 32 64
[network]
arch = DeepLab
backbone = timm/test_resnet
pretrained = false
channels = 8
[training]
optimizer = adam
lr = 8e-3
max_epoch = 2
"""
MULTI = SINGLE.replace("depth", "depth normal", 1).replace("max_epoch = 2", "max_epoch = 3")
MEASURED = ("seconds", "images_per_second", "seconds_per_epoch", "peak_memory")


@pytest.fixture
def one_thread():
    """A process that is forked has the threads of OpenMP no more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def command(cfg, tmp_path, one_thread):
    """The command line of a run below a folder, with data and records of its own."""

    def make(name, text, *options):
        folder = tmp_path / name
        words = ["--runs", folder / "runs", "--dataset_root", folder / "data", "--device", "cpu"]
        return [cfg(text), *words, *options]

    return make


def contents(folder):
    """All that a run has found out, by the paths of its files, without time and memory."""
    result = {}
    for path in sorted(folder.glob("runs/**/*")):
        name = str(path.relative_to(folder))
        if path.name in ("last.pt", "best.pt"):
            result[name] = torch.load(path, weights_only=True)["network"]
        elif path.suffix == ".csv":
            with open(path, newline="") as file:
                rows = list(csv.DictReader(file))
            result[name] = [{k: v for k, v in row.items() if k not in MEASURED} for row in rows]
        elif path.name == "results.json":
            stored = json.loads(path.read_text())
            ignored = (*MEASURED, "checksum", "cfg", "options", "initial_checkpoint")
            result[name] = {k: v for k, v in stored.items() if k not in ignored}
    assert any(name.endswith("results.json") for name in result)
    return result


def assert_same(folder, whole):
    ours, theirs = contents(folder), contents(whole)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        if name.endswith(".pt"):
            assert value.keys() == theirs[name].keys()
            for key, tensor in value.items():
                assert torch.equal(tensor, theirs[name][key]), f"{name}: {key}"
        else:
            assert value == theirs[name], name
    leftovers = [path for path in folder.glob("**/*.tmp")]
    assert not leftovers


@pytest.fixture(scope="session")
def undisturbed_runs(tmp_path_factory):
    """The folders of undisturbed runs, with the numbers of their writes, by cfg and options."""
    return tmp_path_factory.mktemp("undisturbed"), {}


@pytest.fixture
def whole(command, undisturbed_runs):
    """The undisturbed run: its folder, which is not to be changed, and the number of its writes."""
    root, known = undisturbed_runs

    def run(text, *options):
        if (text, options) not in known:
            folder = root / str(len(known))
            ended = run_in_fork(command(folder, text, *options))
            assert ended.status == 0, ended.err
            known[text, options] = folder, ended.writes
        return known[text, options]

    return run


@pytest.fixture
def single():
    """A cfg of one task."""
    return SINGLE


@pytest.fixture
def multi():
    """A cfg of two tasks, with their baselines."""
    return MULTI


@pytest.fixture
def same_run():
    """Asserts that the run below a folder is the run below another."""
    return assert_same
