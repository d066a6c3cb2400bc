"""What a message quotes can neither leave its line nor fill the screen."""

import pytest

from utils.errors import DataError, UserError, one_line


@pytest.mark.parametrize(
    ("quoted", "shown"),
    [
        ("\x1b[31m\x07", r"\x1b[31m\x07"),
        ("a\r\nb\tc", r"a\r\nb\tc"),
        ("\u202e\ufeff\u2028", r"\u202e\ufeff\u2028"),
        ("\udcff", r"\udcff"),
        ("é × 模 😀", "é × 模 😀"),
    ],
)
def test_what_is_invisible_is_escaped(quoted, shown):
    assert str(UserError(f"x: '{quoted}'")) == f"x: '{shown}'"


@pytest.mark.parametrize("letter", ["y", "\x07", "\U000e0001"])
def test_what_is_long_loses_its_middle(letter):
    message = str(DataError(f"a.cfg:3: '{letter * 2**20}' is no number"))
    assert len(message) == 600
    assert message.startswith("a.cfg:3: '")
    assert message.endswith("' is no number")
    assert message.isprintable()
    assert one_line(message) == message
