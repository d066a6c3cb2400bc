"""Damage, drawn at random: the same for the same seed."""

import re

NUMBERS = (
    *("0", "-1", "1e20", "1e30", "-1e300", "1e400", "Infinity", "-Infinity", "NaN", "nan", "0x10"),
    *("99999999", "99999999999999999999", "9" * 5000, "1_0", "true", "null", "[1]", "[]", "{}"),
    *('"12"', "", " ", "1,2", "½"),
)
"""What stands in the place of a number."""

TEXTS = (
    *("", " ", ".", "..", "../../x", "/../../x", "/etc/passwd", "~nobody/x", "a/b\\c", "x" * 5000),
    *("x" * 2**20, "x/" * 3000, "\x07", "\x1b[31mred", "a\nb", "\0", "\u202e", "\ufeff", "é", "😀"),
    *("%s", "{0}", "$(id)", "*", "[", "]", '"', "'", "=", "#", "--", "-1", "None", "inf"),
)
"""What stands in the place of a name."""

_NUMBER = re.compile(rb"-?\d+(\.\d+)?")
_WORD = re.compile(rb"[A-Za-z][\w./-]*")


def damaged_bytes(stored: bytes, draw) -> bytes:
    """A file with some bytes cut off, changed, taken out or put in, more often near its head."""
    result = bytearray(stored)
    for _ in range(draw.randint(1, 3)):
        place = draw.randrange(min(len(result), draw.choice((40, 200, len(result)))) or 1)
        new = bytes(draw.choice((0, 1, 0x7F, 0xFF, draw.randrange(256))) for _ in range(4))
        kind = draw.randrange(5)
        if kind == 0:
            del result[place:]
        elif kind == 1:
            result[place : place + 1] = new[:1]
        elif kind == 2:
            result[place : place + 4] = new
        elif kind == 3:
            del result[place : place + draw.randint(1, 9)]
        else:
            result[place:place] = new * draw.choice((1, 1, 500))
    return bytes(result)


def damaged_text(stored: bytes, draw) -> bytes:
    """A file of text with other numbers and words, with a line twice, or damaged as any file."""
    kind = draw.random()
    if kind < 0.1:
        return damaged_bytes(stored, draw)
    if kind < 0.3:
        lines = stored.splitlines(keepends=True)
        lines.insert(draw.randrange(len(lines)), draw.choice(lines))
        return b"".join(lines)
    for _ in range(draw.randint(1, 2)):
        pattern, others = draw.choice(((_NUMBER, NUMBERS), (_WORD, TEXTS)))
        places = list(pattern.finditer(stored))
        if places:
            start, end = draw.choice(places).span()
            stored = stored[:start] + draw.choice(others).encode() + stored[end:]
    return stored
