"""The log of a run."""

import re

from engine.training.log import Log


def test_lines_are_printed_and_kept_with_their_time(tmp_path, capsys):
    path = tmp_path / "log.txt"
    for line in ("first", "second"):
        Log(path)(line)
    assert capsys.readouterr().out == "first\nsecond\n"
    lines = path.read_text().splitlines()
    assert [re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ", "", line) for line in lines] == [
        "first",
        "second",
    ]
    assert all(line not in ("first", "second") for line in lines)
