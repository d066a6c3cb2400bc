"""NYU depth v2 as prepared for monocular depth estimation (BTS): depth alone, on many images."""

from __future__ import annotations

from datasets.base import Dataset, Sample, Split
from datasets.formats.base import Label
from datasets.formats.depth_maps import DepthMap
from datasets.listing import read_list

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

    def list(self, folder, split):
        name, below = _SPLITS[split]
        path = folder / f"nyudepthv2_{name}_files_with_gt.txt"
        depth_map = DepthMap(unit=1e-3)
        samples = [
            Sample(
                folder / below / image,
                {"depth": Label(depth_map, (folder / below / depth,))},
                path,
            )
            for image, depth in read_list(path, ("image", "depth map"))
            if depth != "None"
        ]
        return Split(self.name, tuple(samples), root=folder)
