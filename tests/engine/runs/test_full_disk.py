"""Disks that are full, and places that cannot be written: a line, and then the same run."""

import os
import resource

import pytest

from tests.killing import run_in_fork


def limit_files(size):
    """Lets no file of the process grow beyond a size, as on a full disk."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def assert_one_line(ended, *words, status=1):
    assert ended.status == status, ended.err
    [line] = [line for line in ended.err.splitlines() if line.strip()]
    assert line.startswith("error: ")
    for word in words:
        assert word in line


@pytest.mark.parametrize("size", [400, pytest.param(20_000, marks=pytest.mark.slow), 1_000_000])
def test_a_full_disk_is_told_in_one_line_and_the_run_goes_on_later(
    command, whole, single, tmp_path, same_run, size
):
    undisturbed, _ = whole(single)
    (tmp_path / "full").mkdir()
    os.symlink(undisturbed / "data", tmp_path / "full" / "data")
    argv = command("full", single)
    assert_one_line(run_in_fork(argv, setup=limit_files(size)), "File too large")
    assert run_in_fork(argv).status == 0
    same_run(tmp_path / "full", undisturbed)


@pytest.mark.parametrize(
    ("runs", "words", "status"),
    [
        ("/proc/runs", "/proc/runs: No such file or directory", 1),
        ("a/" + 300 * "x", "--runs: runs is too long", 2),
        ("file/runs", "is a file, and no folder for runs", 2),
    ],
)
def test_a_place_that_cannot_be_written(command, single, tmp_path, runs, words, status):
    (tmp_path / "file").write_text("")
    ended = run_in_fork(command("none", single, "--runs", tmp_path / runs))
    assert_one_line(ended, words, status=status)
