"""The words of a line of a cfg."""

import pytest

from utils.cfg_file import parse_cfg


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('bolt "hex key" nut', ["bolt", "hex key", "nut"]),
        ('"dining table":diningtable tv:tvmonitor', ["dining table:diningtable", "tv:tvmonitor"]),
        ('tv:"flat screen" x', ["tv:flat screen", "x"]),
        ('vehicle:car,"fire truck",bus', ["vehicle:car,fire truck,bus"]),
        ('"a b":"c d","e f"', ["a b:c d,e f"]),
        ('"a, b" "c:" d', ["a, b", "c:", "d"]),
        ('"a b"# c', ["a b"]),
        ('"a;b" ; c', ["a;b"]),
        ('"a""b"', ["a", "b"]),
        ('a"b', ['a"b']),
        ('a:"b', ['a:"', "b"]),
    ],
)
def test_names_with_blanks_stand_in_quotes_also_within_a_word(tmp_path, line, words):
    path = tmp_path / "x.cfg"
    path.write_text(f"[data]\nkey = {line}\n")
    assert parse_cfg(str(path))[-1].words == words
