"""The mistakes a user can make, which `train_test.py` prints as one line each, and the words for
what was being done where something else goes wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

_LONGEST = 600  # letters of a message
_HEAD = 400  # of these, where its middle is left out


class UserError(Exception):
    """Something the user can mend; the message is one line: what is wrong and what to do. It may
    quote anything, however long or invisible: see :func:`one_line`.
    """

    def __init__(self, message: str):
        super().__init__(one_line(message))


def one_line(text: str) -> str:
    """The text as a terminal can show it in a line: invisible characters are escaped, and where it
    is long its middle is left out."""
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in _cut(text))
    return _cut("".join(shown))


def _cut(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_HEAD]} … {text[_HEAD + 3 - _LONGEST :]}"


class ConfigError(UserError):
    """A mistake in a cfg or on the command line.

    Args:
        message: one line.
        option: the option whose value is wrong. The resolved cfg knows where that value was given,
            and puts the place before the message.
    """

    def __init__(self, message: str, option: str | None = None):
        super().__init__(message)
        self.option = option


class DataError(UserError):
    """A dataset, or a file of one, that is missing, damaged or not what the cfg says."""


class ProcessLost(Exception):
    """Another process of this run has ended, which tells why."""


@contextlib.contextmanager
def doing(text: str, folder: Path | None = None) -> Iterator[None]:
    """Within it, an error that nobody thought of learns what was being done, and the folder that
    its traceback belongs in."""
    try:
        yield
    except (UserError, ProcessLost):
        raise
    except Exception as error:
        error.add_note(text)
        if folder is not None and not hasattr(error, "folder"):
            error.folder = folder
        raise
