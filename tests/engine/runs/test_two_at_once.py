"""The same command in two processes, or another one for the same folder."""

import os
import shutil
import signal
import time

import pytest

from engine.training import step
from tests.killing import Fork, before_call, run_in_fork
from utils.locks import locked


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def hold(lock):
    """Holds a lock in a process of its own; returns what ends that."""
    process = os.fork()
    if process == 0:
        with locked(lock, "a test"):
            time.sleep(600)
        os._exit(0)
    wait_for(lambda: lock.exists() and lock.read_text())

    def let_go():
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)

    return let_go


@pytest.fixture
def begun(command, single, tmp_path):
    """A run of two epochs, in its folder, that was ended within the second."""

    def make(finished):
        def end():
            raise KeyboardInterrupt

        setup = None if finished else lambda: before_call(step.Step, "_update", end, 3)
        run_in_fork(command("begun", single), setup=setup)
        [state] = (tmp_path / "begun" / "runs").glob("**/last.pt")
        return state.parent

    return make


@pytest.mark.parametrize("finished", [True, False])
def test_who_waits_looks_again(command, single, tmp_path, begun, finished):
    source = begun(finished)
    folder = tmp_path / "second" / source.relative_to(tmp_path / "begun")
    folder.mkdir(parents=True)
    shutil.copytree(tmp_path / "begun" / "data", tmp_path / "second" / "data")
    options = () if finished else ("--lr", "1e-3")
    let_go = hold(folder / "lock")
    second = Fork(command("second", single, *options))
    wait_for(lambda: second.out.exists() and "waiting for process" in second.out.read_text())
    shutil.copytree(source, folder, dirs_exist_ok=True, ignore=lambda *_: ["lock"])
    let_go()
    ended = second.wait()
    assert f"{folder} is being trained" in ended.out
    if finished:
        assert ended.status == 0
        assert "is done; its results" in ended.out
        assert "rmse" in ended.out
    else:
        assert ended.status == 2
        assert ended.err.count("\n") == 1
        assert "holds a run with other values of lr" in ended.err


def test_a_folder_without_its_cfg_is_known_by_its_checkpoint(command, single, begun):
    folder = begun(finished=False)
    (folder / "config.cfg").unlink()
    ended = run_in_fork(command("begun", single, "--lr", "1e-3"))
    assert ended.status == 2
    assert "holds a run with other values of lr" in ended.err
    again = run_in_fork(command("begun", single))
    assert again.status == 0
    assert (folder / "config.cfg").exists()
