"""NYU depth v2 as prepared for monocular depth estimation: depth alone, on many images."""

from __future__ import annotations

from pathlib import Path

from datasets.base import Sample, Source, read_list
from datasets.presence import require_listed
from utils.errors import DataError

_SPLITS = {"train": ("train", "sync"), "test": ("test", "official_splits/test")}


def read(root: Path, split: str) -> Source:
    """Reads the images that `root/NYU/nyudepthv2_<split>_files_with_gt.txt` lists; depth is 16-bit
    PNG in millimetres. A line that says `None` for the depth is left out, as its preparation does.
    """
    name, below = _SPLITS[split]
    path = root / "NYU" / f"nyudepthv2_{name}_files_with_gt.txt"
    folder = root / "NYU" / below
    samples = []
    for image, depth in read_list(path, ("image", "depth map")):
        if depth != "None":
            samples.append(
                Sample(folder / image.lstrip("/"), {"depth": folder / depth.lstrip("/")})
            )
    _refuse_swapped(samples, split, path)
    labels = [sample.labels["depth"] for sample in samples]
    require_listed([sample.image for sample in samples], path, labels)
    return Source("NYU", tuple(samples), storage={"depth": {"unit": 1e-3}})


def _refuse_swapped(samples: list[Sample], split: str, path: Path) -> None:
    """The two lists are of one form, and easily taken for each other."""
    below, other = (_SPLITS[name][1] for name in (split, {"train": "test", "test": "train"}[split]))
    if not samples or samples[0].image.exists():
        return
    folder = path.parent
    there = folder / other / samples[0].image.relative_to(folder / below)
    if there.exists():
        raise DataError(
            f"{path}: its images are not in {folder / below} but in {folder / other}: are the "
            "lists of train and test swapped?"
        )
