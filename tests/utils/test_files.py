"""Files that are read whole, or refused in one line."""

import os
import re

import pytest

from utils.errors import DataError
from utils.files import read_bytes


def test_what_is_there(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert read_bytes(tmp_path / "a", "a list", 5) == b"12345"
    with pytest.raises(DataError, match=r"a: cannot be read as a list \(it has 5 bytes, more"):
        read_bytes(tmp_path / "a", "a list", 4)


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name, says in (
        ("none", "the file is missing"),
        ("x" * 5000, "cannot be read as a list (File name too long)"),
        ("loop", "cannot be read as a list (Too many"),
        ("pipe", "cannot be read as a list (it is a directory, a device or a pipe)"),
        ("", "cannot be read as a list (it is a directory"),
    ):
        with pytest.raises(DataError, match=re.escape(says)):
            read_bytes(tmp_path / name, "a list", 9)
