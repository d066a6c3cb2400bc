"""The lists of MTPSL (Li et al., CVPR 2022) of the labels that training images keep."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from datasets.base import Split
from utils.errors import ConfigError, DataError
from utils.files import read_bytes

OPTION = "protocol_list"
"""The option that names the file of a list."""

_KEY = "labels_weights"
_MOST_BYTES = 2**28


class LabelList(NamedTuple):
    """A list as its file holds it.

    Attributes:
        path: the file.
        kept: (N, T) bool: whether the training image n keeps its label of the task of column t.
    """

    path: Path
    kept: np.ndarray

    def digest(self) -> str:
        """A digest of the contents, the same wherever the file lies and whatever wrote it."""
        numbers = self.kept.astype(np.uint8)
        return hashlib.sha256(f"{numbers.shape} ".encode() + numbers.tobytes()).hexdigest()

    def of(self, split: Split, columns: Sequence[str]) -> dict[Path, frozenset[str]]:
        """The task types whose labels the training images of a dataset keep, by image.

        Args:
            split: all training images of the dataset.
            columns: the task types of the columns.

        Raises:
            ConfigError: the list is one of other images or tasks.
        """
        rows, width = self.kept.shape
        if width != len(columns):
            raise ConfigError(
                f"{self.path}: {_KEY} has {width} columns, and the lists of {split.name} have "
                f"{len(columns)}: {', '.join(columns)}",
                OPTION,
            )
        numbers = [_number(sample.image) for sample in split.samples]
        for number, sample in zip(numbers, split.samples, strict=True):
            if number is None or number >= rows:
                raise ConfigError(
                    f"{self.path}: {_KEY} has {rows} rows, counted from 0, and none of them is for "
                    f"{sample.image}",
                    OPTION,
                )
        if rows != len(split.samples):
            raise ConfigError(
                f"{self.path}: {_KEY} has {rows} rows, and {split.name} has "
                f"{len(split.samples)} training images",
                OPTION,
            )
        return {
            sample.image: frozenset(np.asarray(columns)[self.kept[number]].tolist())
            for number, sample in zip(numbers, split.samples, strict=True)
        }


def read_label_list(path: Path) -> LabelList:
    """Reads a list, and nothing that could run code.

    Raises:
        ConfigError: the file is missing or damaged, or holds something else.
    """
    try:
        contents = read_bytes(path, "a list of labels", _MOST_BYTES)
    except DataError as reason:
        raise ConfigError(str(reason), OPTION) from None
    try:
        with warnings.catch_warnings(action="ignore"):  # of what is no list anyway
            stored = torch.load(io.BytesIO(contents), map_location="cpu", weights_only=True)
    except Exception:  # of many kinds: it depends on the bytes of the file
        raise ConfigError(
            f"{path}: cannot be read as a list of labels (a dict of tensors, by torch.save)", OPTION
        ) from None
    if not isinstance(stored, dict) or _KEY not in stored:
        names = ", ".join(map(str, stored)) if isinstance(stored, dict) else ""
        raise ConfigError(
            f"{path}: holds no {_KEY}, which a list of labels has"
            + (f"; it holds {names}" if names else ""),
            OPTION,
        )
    return LabelList(path, _truth_values(path, stored[_KEY]))


def _truth_values(path: Path, stored: Any) -> np.ndarray:
    """(N, T) bool: a tensor of 0 and 1.

    Raises:
        ConfigError: it is something else.
    """
    if not _is_table(stored):
        shape = f" of {'×'.join(map(str, stored.shape))}" if isinstance(stored, Tensor) else ""
        raise ConfigError(
            f"{path}: {_KEY} is a {type(stored).__name__}{shape}, and should be a tensor of "
            "numbers with a row for each image and a column for each task",
            OPTION,
        )
    numbers = stored.detach().double().numpy()
    wrong = np.argwhere((numbers != 0) & (numbers != 1))
    if len(wrong):
        row, column = wrong[0].tolist()
        raise ConfigError(
            f"{path}: {_KEY} holds {numbers[row, column]:g} in row {row}, column {column}; it "
            "should hold 0 and 1 alone",
            OPTION,
        )
    return numbers == 1


def _is_table(stored: Any) -> bool:
    return (
        isinstance(stored, Tensor)
        and (stored.layout, stored.device.type, stored.ndim) == (torch.strided, "cpu", 2)
        and not (stored.is_complex() or stored.is_quantized)
    )


def _number(image: Path) -> int | None:
    """The number that an image's file is called by; None where its name is none."""
    name = image.stem
    return int(name) if name.isascii() and name.isdigit() and len(name) < 10 else None
