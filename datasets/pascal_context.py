"""PASCAL-Context for multi-task learning, as ASTMT prepares it (Maninis et al., CVPR 2019): 4,998 +
5,105 images of VOC 2010, all with classes, edges, saliency and normals, those of people with the
parts of their bodies."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from datasets.base import Dataset, Sample, Split
from datasets.formats.base import Format, Label
from datasets.formats.binary_maps import BinaryMap
from datasets.formats.class_masks import ClassMask
from datasets.formats.context_edges import ContextEdges
from datasets.formats.distilled_normals import DistilledNormals
from datasets.formats.normal_maps import NormalMap
from datasets.formats.person_parts import CLASSES as PARTS
from datasets.formats.person_parts import PERSON, PersonParts
from datasets.formats.text_files import read_text
from datasets.listing import names_in, read_list
from datasets.voc import CLASSES as VOC_CLASSES
from utils.errors import DataError

CLASSES = VOC_CLASSES["segmentation"]
_LISTS = {"train": "train", "test": "val"}
_MASK_FOLDERS = ("semseg/VOC12", "semseg/pascal-context")  # VOC's own first, as ASTMT does
_ON_ALL = ("images", "segmentation", "normal", "saliency", "edge")
_MOST_BYTES = 2**24


class PascalContext(Dataset):
    """`PASCALContext`, by `ImageSets/Context/train.txt` and `val.txt` (the test set).

    Edges are made of the classes in `pascal-context/trainval/<id>.mat`. The saliency and the
    normals are the predictions of networks; the normals count on the classes that NYU has, which
    their network learnt on, as the same .mat tells, or everywhere, where that folder is not there.
    Images without a person, as `ImageSets/Parts/<split>.txt` tells, have no label of human parts.
    Each folder of labels but that of the masks may be absent.
    """

    folder = "PASCALContext"
    other_folders = ("PASCAL_MT",)
    signs = ("normals_distill", "semseg/pascal-context")
    labels = {
        "segmentation": CLASSES,
        "human_parts": PARTS,
        "normal": (),
        "saliency": (),
        "edge": (),
    }
    expected = {  # how many show a person is not published
        "train": dict.fromkeys(_ON_ALL, 4_998),
        "test": dict.fromkeys(_ON_ALL, 5_105),
    }

    def list(self, folder, split):
        part = _LISTS[split]
        listed_in = folder / "ImageSets" / "Context" / f"{part}.txt"
        ids = [name for (name,) in read_list(listed_in)]
        voc_masks = names_in(folder / _MASK_FOLDERS[0])
        people, decided = _people(folder, part, ids)
        mask, others = ClassMask(CLASSES), _formats(folder)
        lacking = {
            kind: place
            for kind, (_, (pattern, *_)) in others.items()
            if not (place := (folder / pattern).parent).is_dir()
        }
        samples = []
        for name in ids:
            masks = folder / _MASK_FOLDERS[f"{name}.png" not in voc_masks]
            labels = {"segmentation": Label(mask, (masks / f"{name}.png",))}
            for kind, (stored, patterns) in others.items():
                if kind not in lacking and (kind != "human_parts" or name in people):
                    files = tuple(folder / pattern.format(name) for pattern in patterns)
                    labels[kind] = Label(stored, files)
            samples.append(Sample(folder / "JPEGImages" / f"{name}.jpg", labels, listed_in))
        return Split(
            self.name,
            tuple(samples),
            {"segmentation": CLASSES, "human_parts": PARTS},
            folder,
            decided=decided,
            lacking=lacking,
        )


class PascalMT(PascalContext):
    """The same under ASTMT's own name, `PASCAL_MT`."""

    folder = "PASCAL_MT"
    other_folders = ("PASCALContext",)


def _formats(folder: Path) -> dict[str, tuple[Format, tuple[str, ...]]]:
    """The format and the files of each type of label but masks, whether they are there or not."""
    classes, normals = "pascal-context/trainval/{}.mat", "normals_distill/{}.png"
    normal = (NormalMap(), (normals,))
    if (folder / classes).parent.is_dir():
        normal = (DistilledNormals(), (normals, classes))
    return {
        "human_parts": (PersonParts(), ("human_parts/{}.mat",)),
        "normal": normal,
        "saliency": (BinaryMap(certain=255), ("sal_distill/{}.png",)),
        "edge": (ContextEdges(), (classes,)),
    }


def _people(folder: Path, part: str, ids: Iterable[str]) -> tuple[set[str], dict[str, str]]:
    """The ids of the images that show a person, and what was decided about them, in words: all ids,
    where the list of the objects is not there. The labels of those without a person are then empty.

    Raises:
        DataError: the list is damaged, or lacks an image.
    """
    path = folder / "ImageSets" / "Parts" / f"{part}.txt"
    if not (folder / "human_parts").is_dir():
        return set(), {}
    if not path.is_file():
        place = path.relative_to(folder)
        return set(ids), {"people": f"looked for in every image, as {place} is not there"}
    objects = _read_objects(path)
    if missing := next((name for name in ids if name not in objects), None):
        raise DataError(f"{path}: does not say which objects {missing} shows")
    return {name for name in ids if PERSON in objects[name]}, {}


def _read_objects(path: Path) -> dict[str, list[int]]:
    """The numbers of the classes of the objects in each image, by its id.

    Raises:
        DataError: the file is damaged, or holds something else.
    """
    try:
        content = json.loads(read_text(path, "a list of objects", _MOST_BYTES))
    except (ValueError, RecursionError) as reason:
        raise DataError(f"{path}: cannot be read as JSON ({reason})") from None
    entries = content.values() if isinstance(content, dict) else [None]
    if not all(isinstance(numbers, list) for numbers in entries):
        raise DataError(f'{path}: should hold an object of lists: "2008_000002": [20, 15], …')
    return content
