"""HME, the achievement paper's hand-made dataset, which is not public."""

from __future__ import annotations

from datasets.base import Dataset
from utils.errors import DataError


class HME(Dataset):
    """Nothing is known of it but that it has 20 classes and a background. That is enough for the
    paper's network: `--mode summary` needs no data."""

    folder = "HME"
    labels = {"detection": tuple(f"class {number}" for number in range(1, 21))}

    def read(self, root, split, missing_allowed=False):
        raise DataError(
            "the data of HME are needed and cannot be had: it is the paper's authors' own and not "
            "public; nothing is known of it but that it has 20 classes and a background (--mode "
            "summary needs no data)"
        )
