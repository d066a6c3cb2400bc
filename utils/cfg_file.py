"""The syntax of a cfg and of a command line: text in, entries out.

Two kinds of lines may stand in a cfg, also in the same one: INI (`[section]`, `key = value`) and
command-line flags (`--option value …`), as the cfg files of the official repository have them.
`#` and `;` begin a comment, several values are separated by blanks, a value that holds blanks
stands in double quotes, and so may each name of a list such as `tv:"flat screen",monitor`. What
the names mean is the business of `utils/resolve.py`.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from utils.errors import ConfigError

_WORD = re.compile(r'"(?P<quoted>[^"]*)"|(?P<comment>[#;].*)|(?P<plain>([^\s"]|(?<![:,])")+|")')
_SECTION = re.compile(r"\[\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"\s*([A-Za-z][\w-]*)\s*=(.*)")
_FLAG = re.compile(r"--|-[A-Za-z]")  # -1 and -.5 are values
_MOST_NAMED = 10
_LONGEST = 60
_MOST_BYTES = 2**20
_DEPTH = 4  # cfg/<tasks>/<dataset>/<network>.cfg, seen from the folder above


class Entry(NamedTuple):
    """An option as it was given.

    Attributes:
        where: `cfg/x.cfg:12`, or the flag itself on the command line.
        section: the section it stands in, "" before the first one; None for a flag, which needs no
            section.
        name: as written, a flag with its dashes; "" for the header of the section.
        words: the values.
    """

    where: str
    section: str | None
    name: str
    words: list[str]


def parse_cfg(path: str) -> list[Entry]:
    """The entries of a cfg, in order.

    Raises:
        ConfigError: it cannot be read, holds nothing, or has a line of another form.
    """
    entries = parse_text(_read(path), path)
    if not any(entry.name for entry in entries):
        raise ConfigError(f"{path}: the cfg is empty")
    return entries


def parse_text(text: str, path: str) -> list[Entry]:
    """The entries of the text of a cfg, in order; `path` is what errors call it.

    Raises:
        ConfigError: it has a line of another form.
    """
    entries = []
    section = ""
    for number, line in enumerate(text.split("\n"), start=1):
        where = f"{path}:{number}"
        words = _words(line)
        if not words:
            continue
        if _FLAG.match(words[0]):
            entries += parse_flags(words, where)
        elif header := _SECTION.fullmatch(" ".join(words)):
            section = header[1]
            entries.append(Entry(where, section, "", []))
        elif pair := _KEY.fullmatch(line):
            entries.append(Entry(where, section, pair[1], _words(pair[2])))
        else:
            raise ConfigError(
                f"{where}: '{_short(line)}' is no [section], key = value, or --option value"
            )
    return entries


def parse_flags(words: list[str], where: str | None = None) -> list[Entry]:
    """The entries of `--option value … --option=value …`: an option takes the words up to the next.

    `where` is the place in a file; without one, each entry's place is its flag.
    """
    entries = []
    for word in words:
        if not word.isprintable():
            raise ConfigError(f"{where or 'command line'}: an invisible character in {word!r}")
        if _FLAG.match(word):
            name, _, word = word.partition("=")
            entries.append(Entry(where or name, None, name, []))
        if not entries:
            raise ConfigError(
                f"'{word}' stands before the first --option; one CFG is read at a time"
            )
        if word:
            entries[-1].words.append(word)
    return entries


def quote(word: str) -> str:
    """A value as it is written in a cfg."""
    return f'"{word}"' if re.search(r"[\s#;]", word) else word


def _words(line: str) -> list[str]:
    """The values in a line, without its comment."""
    words, end = [], None
    for match in _WORD.finditer(line):
        part = match["quoted"] or match["plain"]
        if not part:
            continue
        if end == match.start() and (part[0] in ":," or words[-1][-1] in ":,"):
            words[-1] += part
        else:
            words.append(part)
        end = match.end()
    return words


def _short(line: str) -> str:
    line = line.strip()
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def _read(path: str) -> str:
    """The text of a file, its lines ended by newlines."""
    try:
        with open(path, "rb") as file:  # which may be a pipe
            data = file.read(_MOST_BYTES + 1)
    except IsADirectoryError:
        raise ConfigError(f"{path}: this is a directory, not a cfg{_cfgs_in(path)}") from None
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigError(f"{path}: there is no such cfg{_nearest_cfg(path)}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    if len(data) > _MOST_BYTES:
        raise ConfigError(f"{path}: has more than {_MOST_BYTES:,} bytes, so it is no cfg")
    if b"\0" in data:
        raise ConfigError(f"{path}: this is no text file, so no cfg")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}:{line}: a character is not UTF-8; save it as UTF-8") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _cfgs_in(folder: str) -> str:
    patterns = ["[!.]*/" * depth + "*.cfg" for depth in range(_DEPTH)]
    result = [str(path) for pattern in patterns for path in sorted(Path(folder).glob(pattern))]
    if not result:
        return ", and holds none"
    more = f" and {len(result) - _MOST_NAMED} more" if len(result) > _MOST_NAMED else ""
    return f"; it holds {', '.join(result[:_MOST_NAMED])}{more}"


def _nearest_cfg(path: str) -> str:
    """The end of an error about a cfg that is not there: the nearest one in its own folder, else
    below `cfg/`."""
    neighbours = sorted(str(cfg) for cfg in Path(path).parent.glob("*.cfg"))
    shipped = sorted(str(cfg) for cfg in Path("cfg").rglob("*.cfg"))
    close = get_close_matches(path, neighbours, n=1) or get_close_matches(
        path, shipped, n=1, cutoff=0.4
    )
    return f"; did you mean {close[0]}?" if close else "; the ones that come along are below cfg/"
