"""NYU depth v2 as prepared for monocular depth estimation: depth alone, on many images."""

from __future__ import annotations

from pathlib import Path

from datasets.base import Sample, Source, read_list, require_files

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
    require_files([file for s in samples for file in (s.image, s.labels["depth"])])
    return Source("NYU", tuple(samples), storage={"depth": {"unit": 1e-3}})
