"""The same command in two processes, or another one for the same folder."""

import shutil
import time

import pytest

from engine.training import step
from tests.killing import Fork, before_call, run_in_fork
from utils.files import locked

FOLDER = "runs/baselines"


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
    with locked(folder / "lock", "for a while"):
        second = Fork(command("second", single, *options))
        deadline = time.monotonic() + 60
        while "waiting for process" not in second.out.read_text() and time.monotonic() < deadline:
            time.sleep(0.1)
        shutil.copytree(source, folder, dirs_exist_ok=True, ignore=lambda *_: ["lock"])
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
