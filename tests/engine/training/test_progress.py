"""Plain lines of progress."""

import time

from engine.training.progress import Progress, duration


def test_durations():
    assert [duration(s) for s in (3.4, 61, 3725)] == ["3 s", "1 min 01 s", "1 h 02 min"]


def test_a_plain_line_every_so_many_steps(capsys):
    progress, asked = Progress(total=80, done=40, every=2), []

    def describe():
        asked.append(progress.done)
        return f"loss {len(asked)}"

    for _ in range(5):
        progress.step(4, describe)
    progress.close()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[1] for line in lines] == ["loss 1", "loss 2"]
    assert all("images/s" in line and line.endswith("left") for line in lines)
    assert asked == [48, 56], "losses are not read from the device for nothing"


def test_time_that_went_into_something_else_does_not_slow_the_pace(capsys):
    progress = Progress(total=8, done=0, every=1)
    with progress.paused():
        time.sleep(0.3)
    progress.step(4, lambda: "")
    rate = float(capsys.readouterr().out.split(" images/s")[0])
    assert rate > 4 / 0.25


def test_the_time_of_all_networks_counts_those_that_come_later(capsys):
    progress = Progress(total=8, done=0, every=1, later=1e6)
    time.sleep(0.01)
    progress.step(4, lambda: "")
    assert capsys.readouterr().out.strip().endswith("in all")
