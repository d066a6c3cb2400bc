"""Writes a checkpoint as another file, which is compared with the network before it is kept."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from engine.modes.export import formats
from engine.modes.export.card import model_card
from engine.modes.export.comparison import compare
from engine.modes.export.images import comparison_images
from engine.modes.export.metadata import metadata
from engine.modes.export.program import INPUT, ExportedNetwork, Sizes, trace
from engine.runs import checkpoint
from engine.runs.checkpoint import open_network
from engine.runs.folder import RunFolder
from utils.errors import ConfigError, UserError
from utils.files import replacing, write_text

if TYPE_CHECKING:
    from engine.config import Config

_WRITE = {"onnx": formats.write_onnx, "pt2": formats.write_pt2}
_OPEN = {"onnx": formats.open_onnx, "pt2": formats.open_pt2}


def write_program(path: Path, file_format: str, config: Config) -> list[str]:
    """Writes the checkpoint `path` as ONNX or pt2 beside it, if that gives what the network gives.

    Args:
        file_format: 'onnx' or 'pt2'.
        config: its test set gives the images to compare on, beside random ones.

    Returns:
        what was written, and how far it is from the network, for the user.

    Raises:
        UserError: the checkpoint cannot be read, its network cannot be written, or the file gives
            something else.
    """
    network, tasks = open_network(path)
    exported = ExportedNetwork(network, tasks)
    images = torch.rand(3, 3, *network.size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        outputs = exported.outputs(images)
    program, sizes = trace(exported, images)
    file = path.with_suffix(f".{file_format}")
    with _written(file) as temporary:
        about = metadata(network, tasks, sizes)
        _WRITE[file_format](program, list(outputs), about, temporary)
        compared = _compared(file_format, temporary, exported, config, sizes)
    shapes = _shapes({INPUT: images} | outputs)
    return [str(file), "", *shapes, f"size: {sizes}", "", *compared]


def write_weights(path: Path) -> list[str]:
    """Writes the checkpoint `path` as a file to give away, `<name>-weights.pt`, and its model card,
    `<name>-weights.md`, beside it.

    Raises:
        UserError: the checkpoint cannot be read, the files cannot be written, or the weights give
            something else.
    """
    state = checkpoint.load(path)
    network, tasks = open_network(path)
    exported = ExportedNetwork(network, tasks)
    file = path.with_name(f"{path.stem}-weights.pt")
    images = torch.rand(3, 3, *network.size, generator=torch.Generator().manual_seed(0))
    with _written(file) as temporary:
        checkpoint.save(temporary, checkpoint.to_give_away(state))
        again = ExportedNetwork(*open_network(temporary))
        compared = compare(again, exported, {"3 random images": images})
    folder = RunFolder(path.parent)
    results = folder.finished() if path in (folder.best, folder.best_copy) else None
    card = file.with_suffix(".md")
    with _as_user_error(card):
        write_text(card, model_card(file, state, network, tasks, results))
    return [str(file), str(card), "", *compared]


def _compared(
    file_format: str, file: Path, exported: ExportedNetwork, config: Config, sizes: Sizes
) -> list[str]:
    try:
        run = _OPEN[file_format](file)
    except ConfigError:
        return ["not compared with the network: that needs onnxruntime (pip install onnxruntime)"]
    network = exported.network
    batches, missing = comparison_images(config, network, sizes.another(network.size))
    lines = ["compared with the network, as a share of an output's largest number:"]
    lines += [f"  {line}" for line in compare(run, exported, batches)]
    return [*lines, f"  no test images: {missing}"] if missing else lines


def _shapes(tensors: Mapping[str, Tensor]) -> list[str]:
    return [f"{name:24} batch × {' × '.join(map(str, t.shape[1:]))}" for name, t in tensors.items()]


@contextlib.contextmanager
def _written(file: Path) -> Iterator[Path]:
    with _as_user_error(file), replacing(file) as temporary:
        yield temporary


@contextlib.contextmanager
def _as_user_error(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as reason:
        raise UserError(f"{file}: cannot be written ({reason.strerror})") from None
