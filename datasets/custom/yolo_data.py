"""The images and the label files of a data.yaml of YOLO."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path, PurePath

from datasets.base import Unmatched
from datasets.custom.patterns import Names, composed, literal
from datasets.custom.spelling import Spelling
from datasets.custom.unmatched import unmatched_files
from datasets.custom.yolo_yaml import YoloYaml
from datasets.listing import names_in, read_lines, unquoted
from utils.errors import DataError

_IMAGES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_IMAGE_FOLDER, _LABEL_FOLDER = "/images/", "/labels/"
LABEL_SUFFIX = ".txt"


class YoloData:
    """The files of a dataset that a data.yaml describes, as they are called below its folder.

    Args:
        folder: of the dataset, which no file may lie outside of.
        source: the data.yaml below it.
    """

    def __init__(self, folder: Path, source: str):
        self.folder = folder
        self.yaml = YoloYaml.load(folder / literal(source))
        self._spelling = Spelling(folder)

    def key(self, split: str) -> str:
        """What the data.yaml calls the images to train or to test on."""
        return "train" if split == "train" else self.yaml.test_key

    def described(self, split: str) -> str:
        """Where the images to train or to test on are, in words."""
        key = self.key(split)
        places = (self._place(key, place) or "." for place in self.yaml.places[key])
        return f"`{key}` of {self.yaml.file.name}: {', '.join(places)}"

    def images(self, split: str) -> tuple[dict[str, str], int]:
        """The images of 'train' or 'test', and how often one is named again.

        Raises:
            DataError: there are none, or the data.yaml names files elsewhere.
        """
        key = self.key(split)
        names = list(self._images(key))
        if not names:
            raise DataError(f"{self.yaml.file}: there is no image where `{key}` says")
        once = {name: name for name in names}
        return once, len(names) - len(once)

    def labels(self, images: Names) -> tuple[dict[str, str], Unmatched | None]:
        """The label files of images, by the images' keys, for those that have one; and the files
        beside them that belong to no image of any split.

        Raises:
            DataError: no image has one.
        """
        place = str(self.yaml.file)
        names = {key: label_file(name) for key, name in images.items()}
        files = {key: self._spelling.find(name, place) for key, name in names.items()}
        files = {key: name for key, name in files.items() if name}
        if not files:
            key, name = next(iter(names.items()))
            raise DataError(
                f"{place}: no image has a label file: that of {images[key]} would be {name}"
            )
        others = {_stem(label_file(name)) for key in self.yaml.places for name in self._known(key)}
        parents = {PurePath(name).parent for name in names.values()}
        present = {_stem(name): name for parent in parents for name in self._label_files(parent)}
        by_stem = {_stem(name): images[key] for key, name in names.items()}
        return files, unmatched_files(present, by_stem, others)

    @cached_property
    def _base(self) -> str:
        """The folder that the places count from: '' for the dataset's own."""
        file, path = self.yaml.file, self.yaml.path.replace("\\", "/")
        # YOLO counts `path` from the folder of all datasets, which is the one above.
        for start in (file.parent, self.folder, self.folder.resolve().parent):
            name = self._name_of(start / path)
            if name is not None and (self.folder / name).is_dir():
                return name
        raise DataError(
            f"{file}: its `path`, {path}, is no folder within {self.folder}: remove that line if "
            "the images count from the place of the data.yaml"
        )

    def _images(self, key: str) -> Iterator[str]:
        for place in self.yaml.places[key]:
            name = self._place(key, place)
            if (self.folder / name).is_dir():
                yield from self._in_folder(name)
            else:
                yield from self._in_list(name)

    def _known(self, key: str) -> list[str]:
        """The images of a split, or none where they are not there; which is told where they are
        needed."""
        with suppress(DataError):
            return list(self._images(key))
        return []

    def _place(self, key: str, place: str) -> str:
        """A folder or list of the data.yaml. Exports of Roboflow begin with `../` where they mean
        the data.yaml's own folder, and YOLO takes them so where nothing else is there."""
        outside = True
        for path in dict.fromkeys((place, place.removeprefix("../"))):
            name = self._name_of(self.folder / self._base / path)
            outside = outside and name is None
            if name is not None and (self.folder / name).exists():
                return name
        fault = "leads out of the dataset's folder" if outside else "is not there"
        raise DataError(f"{self.yaml.file}: `{key}` is {place}, which {fault}, {self.folder}")

    def _name_of(self, path: Path) -> str | None:
        """A path as it is called below the dataset's folder; None where it is not below it."""
        inside = os.path.relpath(os.path.abspath(path), os.path.abspath(self.folder))
        if inside.split("/")[0] == "..":
            return None
        return "" if inside == "." else inside

    def _in_folder(self, name: str) -> list[str]:
        found = []
        for parent, _, files in os.walk(self.folder / name, followlinks=True):
            place = os.path.relpath(parent, self.folder)
            names = (file for file in files if file.lower().endswith(_IMAGES))
            found += [os.path.normpath(f"{place}/{file}") for file in names if file[0] != "."]
        return sorted(found)

    def _in_list(self, name: str) -> Iterator[str]:
        """The images of a list. Names that begin with `./` count from the list's folder, and others
        as the places do."""
        parent = os.path.dirname(name)
        for number, line in enumerate(read_lines(self.folder / name), start=1):
            if not (path := unquoted(line)):
                continue
            start = parent if path.startswith("./") else self._base
            place = f"{self.folder / name}:{number}"
            yield self._spelling.on_disk(os.path.join(start, path), place)

    def _label_files(self, parent: PurePath) -> list[str]:
        names = sorted(names_in(self.folder / parent))
        return [str(parent / name) for name in names if name.lower().endswith(LABEL_SUFFIX)]


def label_file(image: str) -> str:
    """The label file of an image, by YOLO's rule: the last folder `images` of its path is `labels`
    instead, and the suffix .txt."""
    before, is_there, after = f"/{image}".rpartition(_IMAGE_FOLDER)
    path = f"{before}{_LABEL_FOLDER}{after}" if is_there else after
    return os.path.splitext(path.lstrip("/"))[0] + LABEL_SUFFIX


def _stem(name: str) -> tuple[str]:
    """The key of a label file."""
    return (composed(os.path.splitext(name)[0]),)
