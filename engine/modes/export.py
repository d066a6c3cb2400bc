"""`--mode export`: a checkpoint as ONNX, checked against the network itself."""

from __future__ import annotations

import importlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from torch import Tensor, nn

from engine.modes.base import Mode
from engine.modes.train import Train
from tasks import Task
from utils.errors import ConfigError, UserError
from utils.files import replacing

INPUT = "images"
_TOLERANCE = 1e-3  # of the largest number in an output


class Export(Mode):
    """Writes a checkpoint (`ckpt`, else the run's best) as ONNX beside it, compares that with the
    network on three images of noise, and says where the file is and what it takes and gives.

    The input `images` is (B, 3, H, W) float32 for any number of images of the cfg's size, RGB in
    [0, 1]; the graph holds the normalisation. The outputs are those of `Task.export`. The file's
    metadata has the names of the classes, and by `aspect` how images come to their size: 'stretch',
    or 'keep' their aspect ratio and pad them below or on the right.
    """

    needs_cfg = False

    ckpt = Train.ckpt

    def run(self, config):
        from engine.runs.checkpoint import open_network
        from engine.runs.experiment import checkpoint_to_use

        _require("onnx", "onnxscript")
        path = checkpoint_to_use(config)
        network, tasks = open_network(path)
        images = torch.rand(3, 3, *network.size, generator=torch.Generator().manual_seed(0))
        exported = ExportedNetwork(network, tasks)
        with torch.no_grad():
            wanted = exported.outputs(images)
        file = path.with_suffix(".onnx")
        try:
            with replacing(file) as temporary:
                _write(exported, images, list(wanted), tasks, temporary)
                checked = compare(temporary, images, wanted)
        except OSError as reason:
            raise UserError(f"{file}: cannot be written ({reason.strerror})") from None
        print("\n".join([str(file), "", *_described(images, wanted), "", checked]))
        return 0


class ExportedNetwork(nn.Module):
    """A network whose predictions are tensors that can be used without this program."""

    def __init__(self, network: nn.Module, tasks: Sequence[Task]):
        super().__init__()
        self.network = network
        self.tasks = list(tasks)

    def outputs(self, images: Tensor) -> dict[str, Tensor]:
        """The outputs by name; see `Task.export`."""
        predictions = self.network(images)
        return {
            name: tensor
            for task in self.tasks
            for name, tensor in task.export(predictions[task.name]).items()
        }

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.outputs(images).values())


def _write(
    exported: ExportedNetwork, images: Tensor, outputs: list[str], tasks: Sequence[Task], file: Path
) -> None:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        program = torch.onnx.export(
            exported.eval(),
            (images,),
            input_names=[INPUT],
            output_names=outputs,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            dynamo=True,
            verbose=False,
        )
    except torch.onnx.OnnxExporterError as reason:
        first = str(reason).strip().splitlines()[0]
        raise UserError(f"the network cannot be written as ONNX: {first}") from None
    classes = {task.name: task.classes for task in tasks if task.classes}
    program.model.metadata_props.update(
        input="RGB in [0, 1]", aspect=exported.network.aspect, classes=json.dumps(classes)
    )
    program.save(file, external_data=False)


def compare(file: Path, images: Tensor, wanted: dict[str, Tensor]) -> str:
    """Compares what the file gives with what the network gave; says so.

    Raises:
        UserError: they differ.
    """
    try:
        onnxruntime = _require("onnxruntime")[0]
    except ConfigError:
        return "not compared with the network: that needs onnxruntime (pip install onnxruntime)"
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    outputs = session.run(None, {INPUT: images.numpy()})
    differences = {}
    for (name, output), given in zip(wanted.items(), outputs, strict=True):
        scale = max(output.abs().max().item(), torch.finfo(torch.float32).tiny)
        differences[name] = np.abs(output.numpy() - given).max() / scale
    worst = max(differences, key=differences.get)
    if not differences[worst] <= _TOLERANCE:
        raise UserError(
            f"the file does not give what the network gives: {worst} differs by "
            f"{differences[worst]:.1e} of its largest number; it was not kept"
        )
    return f"gives what the network gives, to {differences[worst]:.0e} of the largest number"


def _described(images: Tensor, outputs: dict[str, Tensor]) -> list[str]:
    shapes = {INPUT: images} | outputs
    return [f"{name:24} batch × {' × '.join(map(str, t.shape[1:]))}" for name, t in shapes.items()]


def _require(*packages: str) -> list[ModuleType]:
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
