"""Files of a run that are damaged: told in a line, and the run comes out as if they were whole."""

import os
import shutil
import signal

import pytest

from engine.training import step
from tests.killing import before_call, run_in_fork


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def begun(command, whole, single, tmp_path, undisturbed_runs):
    """A function that copies a run of two epochs, killed in the second, into a folder; and its
    command there."""
    options = ("--save_minutes", "0.00001")
    undisturbed, _ = whole(single, *options)
    killed = undisturbed_runs[0] / "killed"
    if not killed.exists():
        argv = command(killed, single, *options)
        run_in_fork(argv, setup=lambda: before_call(step.Step, "_update", kill, 4))

    def make(name):
        shutil.copytree(killed, tmp_path / name)
        [state] = (tmp_path / name / "runs").glob("**/last.pt")
        return state.parent, command(name, single, *options), undisturbed

    return make


def flip(path):
    stored = bytearray(path.read_bytes())
    stored[len(stored) // 2] ^= 16
    path.write_bytes(stored)


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def make_folder(path):
    path.unlink()
    path.mkdir()


def make_loop(path):
    path.unlink()
    path.symlink_to(path.name)


DAMAGES = {
    "flipped": flip,
    "cut": truncate,
    "empty": lambda path: path.write_bytes(b""),
    "a folder": make_folder,
    "a loop of links": make_loop,
    "of something else": lambda path: shutil.copyfile(__file__, path),
}
SOME = [
    ("last.pt", "flipped"),
    ("last.pt", "a folder"),
    ("best.pt", "cut"),
    ("config.cfg", "empty"),
]
REST = [
    (name, damage)
    for name in ("last.pt", "previous.pt", "best.pt", "best-copy.pt", "config.cfg", "epochs.csv")
    for damage in DAMAGES
    if (name, damage) not in SOME
]


@pytest.mark.parametrize(
    ("name", "damage"),
    [*SOME, *(pytest.param(*case, marks=pytest.mark.slow) for case in REST)],
)
def test_one_damaged_file(begun, same_run, tmp_path, name, damage):
    folder, argv, undisturbed = begun("damaged")
    DAMAGES[damage](folder / name)
    ended = run_in_fork(argv)
    assert ended.status == 0, ended.err
    if name in ("last.pt", "best.pt"):
        assert ended.out.count(f"{name}: cannot be read as a checkpoint") == 1
    same_run(tmp_path / "damaged", undisturbed)


def test_both_states_damaged_is_one_line_that_says_what_to_do(begun):
    folder, argv, _ = begun("damaged")
    for name in ("last.pt", "previous.pt"):
        truncate(folder / name)
    ended = run_in_fork(argv)
    assert ended.status == 2
    assert ended.err.count("\n") == 1
    assert f"remove {folder} to train anew" in ended.err


@pytest.mark.parametrize("damage", ["flipped", "cut", "a folder"])
def test_damaged_results_are_told_and_made_again(
    command, whole, single, tmp_path, same_run, damage
):
    undisturbed, _ = whole(single)
    shutil.copytree(undisturbed, tmp_path / "copy")
    [results] = (tmp_path / "copy").glob("runs/**/results.json")
    DAMAGES[damage](results)
    ended = run_in_fork(command("copy", single))
    assert ended.status == 0
    assert f"{results} is damaged" in ended.out
    same_run(tmp_path / "copy", undisturbed)


def test_a_damaged_teacher_is_restored(command, whole, multi, tmp_path, same_run):
    undisturbed, _ = whole(multi, "--loss", "kd-mtl", "--max_epoch", "1")
    shutil.copytree(undisturbed, tmp_path / "taught")
    shutil.rmtree(tmp_path / "taught" / "runs" / "tiny")
    for best in (tmp_path / "taught").glob("runs/baselines/depth*/best.pt"):
        flip(best)
    ended = run_in_fork(command("taught", multi, "--loss", "kd-mtl", "--max_epoch", "1"))
    assert ended.status == 0
    assert "it is restored from best-copy.pt" in ended.out
    same_run(tmp_path / "taught", undisturbed)


def test_an_array_of_the_cache_that_is_damaged_is_made_anew(
    command, whole, single, tmp_path, same_run
):
    undisturbed, _ = whole(single, "--cache", "disk")
    argv = command("again", single, "--cache", "disk")
    again = tmp_path / "again"
    shutil.copytree(undisturbed, again)
    shutil.rmtree(next((again / "runs").glob("tiny")))
    arrays = list((again / "runs" / "cache").iterdir())
    assert len(arrays) > 10
    for array in arrays:
        flip(array)
    assert run_in_fork(argv).status == 0
    same_run(again, undisturbed)
