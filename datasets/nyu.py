"""NYU depth v2 as prepared for monocular depth estimation (BTS): depth alone, on many images."""

from __future__ import annotations

from pathlib import Path

from datasets.base import Dataset, Sample, Split, read_list
from datasets.formats.base import Label
from datasets.formats.depth_maps import DepthMap
from datasets.locate import require_listed
from utils.errors import DataError

_SPLITS = {"train": ("train", "sync"), "test": ("test", "official_splits/test")}


class NYU(Dataset):
    """The images that `NYU/nyudepthv2_<split>_files_with_gt.txt` lists; depth is 16-bit PNG in
    millimetres. A line that says `None` for the depth is left out, as its preparation does."""

    folder = "NYU"
    signs = ("nyudepthv2_train_files_with_gt.txt", "official_splits")
    labels = {"depth": ()}
    expected = {
        "train": {"images": 24_231, "depth": 24_231},
        "test": {"images": 654, "depth": 654},
    }

    def list(self, folder, split, missing_allowed):
        name, below = _SPLITS[split]
        path = folder / f"nyudepthv2_{name}_files_with_gt.txt"
        pairs = [
            (folder / below / image.lstrip("/"), folder / below / depth.lstrip("/"))
            for image, depth in read_list(path, ("image", "depth map"))
            if depth != "None"
        ]
        images, depths = [image for image, _ in pairs], [depth for _, depth in pairs]
        _refuse_swapped(images, split, path)
        require_listed(images, path, depths, missing_allowed)
        depth_map = DepthMap(unit=1e-3)
        samples = [Sample(image, {"depth": Label(depth_map, (depth,))}) for image, depth in pairs]
        return Split(self.name, tuple(samples), root=folder)


def _refuse_swapped(images: list[Path], split: str, path: Path) -> None:
    """The two lists are of one form, and easily taken for each other."""
    below, other = (_SPLITS[name][1] for name in (split, {"train": "test", "test": "train"}[split]))
    if not images or images[0].exists():
        return
    folder = path.parent
    if (folder / other / images[0].relative_to(folder / below)).exists():
        raise DataError(
            f"{path}: its images are not in {folder / below} but in {folder / other}: are the "
            "lists of train and test swapped?"
        )
