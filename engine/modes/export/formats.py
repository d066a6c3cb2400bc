"""The file formats of programs: how each is written, and run again to compare it."""

from __future__ import annotations

import importlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from engine.modes.export.program import INPUT
from utils.errors import ConfigError, UserError

Run = Callable[[Tensor], Sequence[Tensor]]
"""Runs a file: images (B, 3, H, W) to the outputs in their order."""

METADATA = "metadata.json"
"""The name of the metadata in a pt2 file."""

_AXES = ("batch", 3, "height", "width")


def write_onnx(
    program: ExportedProgram, outputs: Sequence[str], about: Mapping[str, str], file: Path
) -> None:
    """Writes ONNX with named inputs, outputs and axes, the metadata and the weights in one file.

    Raises:
        UserError: the exporter of PyTorch cannot; says why.
    """
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        written = torch.onnx.export(
            program, input_names=[INPUT], output_names=outputs, dynamo=True, verbose=False
        )
    except torch.onnx.OnnxExporterError as reason:
        first = str(reason).strip().splitlines()[0]
        raise UserError(f"the network cannot be written as ONNX: {first}") from None
    _name_axes(written.model.graph)
    for node in written.model.graph.all_nodes():
        node.metadata_props.clear()  # the lines of the program's source
    written.model.metadata_props.update(about)
    written.save(file, external_data=False)


def open_onnx(file: Path) -> Run:
    """The file in onnxruntime, on the CPU.

    Raises:
        ConfigError: onnxruntime is missing.
    """
    [onnxruntime] = require("onnxruntime")
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])

    def run(images: Tensor) -> list[Tensor]:
        return [torch.from_numpy(out) for out in session.run(None, {INPUT: images.numpy()})]

    return run


def write_pt2(
    program: ExportedProgram, outputs: Sequence[str], about: Mapping[str, str], file: Path
) -> None:
    """Writes the program of `torch.export`, with the metadata and the names of the outputs as the
    JSON `metadata.json` in it."""
    extra = {METADATA: json.dumps({**about, "outputs": json.dumps(outputs)})}
    with open(file, "wb") as opened:
        torch.export.save(program, opened, extra_files=extra)


def open_pt2(file: Path) -> Run:
    """The file as `torch.export` reads it."""
    with open(file, "rb") as opened:
        return torch.export.load(opened).module()


def require(*packages: str) -> list[ModuleType]:
    """The packages, imported.

    Raises:
        ConfigError: one is missing; says how to install them.
    """
    try:
        return [importlib.import_module(name) for name in packages]
    except ImportError:
        raise ConfigError(
            f"--mode export needs {' and '.join(packages)}: pip install {' '.join(packages)}"
        ) from None


def _name_axes(graph: Any) -> None:
    """Gives the axes of the input their names, and the same axes of the outputs."""
    from onnx_ir import Shape

    [images] = graph.inputs
    names = {
        str(axis): name
        for axis, name in zip(images.shape, _AXES, strict=True)
        if not isinstance(axis, int)
    }
    for value in (images, *graph.outputs):
        value.shape = Shape([a if isinstance(a, int) else names.get(str(a)) for a in value.shape])
