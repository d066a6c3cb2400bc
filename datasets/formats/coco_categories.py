"""The 'categories' of a COCO JSON as classes."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple

from datasets.formats.coco_annotation import is_id
from datasets.formats.coco_faults import CocoFault

_MOST_LETTERS = 255  # of a class's name


class Categories(NamedTuple):
    """The classes of a file.

    Attributes:
        names: of the classes, in the order of their ids; in the order of the file where an id is
            no number. Categories of one name are one class.
        index_of: the class's index by the id of a category.
        things: by the index of a class, 'isthing' of COCO's panoptic form; None where a category
            does not say.
        notes: what was decided about the classes, in words.
    """

    names: tuple[str, ...]
    index_of: dict[Hashable, int]
    things: tuple[bool | None, ...]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, entries: list, used: set) -> Categories:
        """The classes of the entries of 'categories'; `used` are the ids that annotations have.

        Raises:
            CocoFault: an entry has no proper id or name, or two have one id.
        """
        named = _named(entries)
        if all(isinstance(number, (int, float)) for number in named):
            named = dict(sorted(named.items()))
        headings = _headings(named, used)
        named = {number: entry for number, entry in named.items() if entry["name"] not in headings}
        names = tuple(dict.fromkeys(entry["name"] for entry in named.values()))
        place = {name: index for index, name in enumerate(names)}
        things = {entry["name"]: _is_thing(entry.get("isthing")) for entry in named.values()}
        notes = [f"no class: {name}, the supercategory of others" for name in headings]
        ids: dict[str, list] = {}
        for number, entry in named.items():
            ids.setdefault(entry["name"], []).append(number)
        notes += [
            f"the ids {', '.join(map(str, same))} are one class, {name}"
            for name, same in ids.items()
            if len(same) > 1
        ]
        index_of = {number: place[entry["name"]] for number, entry in named.items()}
        return cls(names, index_of, tuple(things[name] for name in names), tuple(notes))


def _named(entries: list) -> dict[Hashable, dict]:
    """The entries by their ids."""
    named: dict[Hashable, dict] = {}
    for number, entry in enumerate(entries, start=1):
        entry = entry if isinstance(entry, dict) else {}
        if not (is_id(entry.get("id")) and _is_class_name(entry.get("name"))):
            raise CocoFault(f"entry {number} of 'categories' has no proper 'id' and 'name'")
        known = named.setdefault(entry["id"], entry)
        if known["name"] != entry["name"]:
            raise CocoFault(
                f"two of 'categories' have the 'id' {entry['id']}: {known['name']} and "
                f"{entry['name']}"
            )
    return named


def _headings(named: dict[Hashable, dict], used: set) -> list[str]:
    """The names that only head others: Roboflow writes the supercategory of all classes as a
    category of its own, of which there is no object."""
    parents = {
        entry.get("supercategory")
        for entry in named.values()
        if isinstance(entry.get("supercategory"), str) and entry["supercategory"] != entry["name"]
    }
    with_objects = {entry["name"] for number, entry in named.items() if number in used}
    names = dict.fromkeys(entry["name"] for entry in named.values())
    headings = [name for name in names if name in parents and name not in with_objects]
    return headings if len(headings) < len(names) else []


def _is_thing(value: Any) -> bool | None:
    return bool(value) if value in (0, 1) else None


def _is_class_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MOST_LETTERS and value.isprintable()
