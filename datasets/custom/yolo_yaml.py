"""The data.yaml of YOLO: where the images of each split lie, and the names of the classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets.formats.decoding import decoding
from datasets.formats.text_files import read_text
from utils.errors import DataError

_SUFFIXES = (".yaml", ".yml")
_MOST_BYTES = 2**20
_SPLITS = ("train", "val", "test")


def is_yaml(source: str) -> bool:
    """Whether it is the name of a data.yaml."""
    return source.lower().endswith(_SUFFIXES)


@dataclass(frozen=True)
class YoloYaml:
    """The contents of a data.yaml.

    Attributes:
        file: the data.yaml.
        path: the folder that the places count from, as the file says it; "" where it says nothing.
        places: by 'train', 'val' and 'test', the folders and lists of the images; those alone that
            the file gives.
        classes: the names of the classes, in the order of their numbers.
    """

    file: Path
    path: str
    places: Mapping[str, tuple[str, ...]]
    classes: tuple[str, ...]

    @classmethod
    def load(cls, file: Path) -> YoloYaml:
        """Reads a data.yaml.

        Raises:
            DataError: it is missing, damaged, no data.yaml of YOLO, or one of poses; or PyYAML is
                not installed.
        """
        content = _parsed(file)
        if not isinstance(content, dict) or not content.keys() & {"train", "names"}:
            raise DataError(f"{file}: is no data.yaml of YOLO: it has no `train` and no `names`")
        if content.get("kpt_shape"):
            raise DataError(f"{file}: is of poses (`kpt_shape`), which no task learns")
        places = {split: _places(file, split, content.get(split)) for split in _SPLITS}
        places = {split: named for split, named in places.items() if named}
        if "train" not in places:
            raise DataError(f"{file}: `train` does not say where the images to train on are")
        path = content.get("path") or ""
        if not isinstance(path, str):
            raise DataError(f"{file}: `path` is no folder's name")
        return cls(file, path, places, _classes(file, content))

    @property
    def test_key(self) -> str:
        """The key of the images to test on: 'test' where it is given, else 'val'.

        Raises:
            DataError: neither is given.
        """
        for key in ("test", "val"):
            if key in self.places:
                return key
        raise DataError(f"{self.file}: neither `test` nor `val` says which images to test on")

    def classes_of_objects(self, background: tuple[str, ...]) -> tuple[str, ...]:
        """The classes, of which none is the background that masks have.

        Raises:
            DataError: one is called so.
        """
        for name in background:
            if name in self.classes:
                raise DataError(
                    f"{self.file}: `names` calls a class of objects '{name}', as masks call the "
                    "pixels without an object: rename it"
                )
        return self.classes


def _parsed(file: Path) -> Any:
    text = read_text(file, "YAML", _MOST_BYTES)
    try:
        import yaml
    except ImportError:
        raise DataError(f"{file}: PyYAML reads such files: `pip install PyYAML`") from None
    with decoding(file, "YAML"):
        # The base of the safe loader, which makes texts of all values: a class `no` stays so.
        return yaml.load(text, Loader=yaml.BaseLoader)


def _places(file: Path, split: str, value: Any) -> tuple[str, ...]:
    """The folders and lists of a split."""
    places = value if isinstance(value, list) else [value or ""]
    for place in places:
        if not isinstance(place, str):
            raise DataError(f"{file}: `{split}` is no folder, no list, and no sequence of these")
    return tuple(place.replace("\\", "/") for place in places if place)


def _classes(file: Path, content: Mapping[str, Any]) -> tuple[str, ...]:
    names = content.get("names")
    if isinstance(names, dict):
        names = _in_order(file, names)
    if not isinstance(names, list) or not names:
        raise DataError(f"{file}: `names` does not name the classes")
    for number, name in enumerate(names):
        if not isinstance(name, str) or not name.strip():
            raise DataError(f"{file}: the name of class {number} in `names` is no text")
        if name in names[:number]:
            raise DataError(f"{file}: `names` names '{name}' twice")
    if (count := content.get("nc")) and count != str(len(names)):
        raise DataError(f"{file}: `nc` is {count}, and `names` names {len(names)} classes")
    return tuple(names)


def _in_order(file: Path, names: Mapping[str, Any]) -> list[Any]:
    """The names of a mapping, in the order of its numbers."""
    numbers = [str(number) for number in range(len(names))]
    for number in numbers:
        if number not in names:
            raise DataError(
                f"{file}: `names` has {len(names)} classes, and none of the number {number}"
            )
    return [names[number] for number in numbers]
