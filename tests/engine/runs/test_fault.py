"""An error that nobody thought of."""

import pytest

from engine.training import step
from tests.killing import before_call, run_in_fork


def fail():
    raise RuntimeError("nobody\nthought of this")


@pytest.mark.parametrize("debug", [False, True])
def test_a_fault_is_one_line_with_what_was_done_and_where_the_traceback_is(
    command, single, tmp_path, debug
):
    argv = command("run", single, *(["--debug"] if debug else []))
    ended = run_in_fork(argv, setup=lambda: before_call(step.Step, "_update", fail, 3))
    assert ended.status == 70
    assert ("Traceback" in ended.err) == debug
    line = ended.err.splitlines()[-1]
    assert debug or ended.err.count("\n") == 1
    [traceback] = (tmp_path / "run" / "runs").glob("**/traceback-*.txt")
    assert f"while {traceback.parent} was being trained and tested" in line
    assert "RuntimeError: nobody\\nthought of this" in line
    assert line.endswith(f"whose traceback is in {traceback}")
    assert "in fail" in traceback.read_text()
    assert run_in_fork(argv).status == 0, "the same command goes on"


def test_too_little_memory_is_no_fault(command, single):
    def exhaust():
        raise MemoryError

    ended = run_in_fork(
        command("run", single), setup=lambda: before_call(step.Step, "_update", exhaust)
    )
    assert ended.status == 1
    assert "there is not enough memory; use a smaller --batch_size or --size" in ended.err
