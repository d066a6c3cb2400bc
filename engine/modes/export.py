"""`--mode export`: a checkpoint as ONNX, checked against the network itself."""

from __future__ import annotations

import importlib
import json
import logging
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from torch import Tensor, nn

from datasets.photometric import MEAN, STD
from engine import checkpoint
from engine.experiment import resolved
from engine.network import declared_tasks, make_network
from engine.run_folder import checkpoint_to_use
from tasks import Task
from tasks.base import BoxPrediction
from tasks.boxes import anchors_in_pixels, decode
from utils.config import Config
from utils.errors import ConfigError, UserError
from utils.files import replacing

INPUT = "images"
_TOLERANCE = 1e-3  # of the largest number in an output


def export(config: Config) -> Path:
    """Writes a checkpoint (`ckpt`, else the run's best) as ONNX beside it, compares that with the
    network on three images of noise, and says where the file is and what it takes and gives.

    The input `images` is (B, 3, H, W) float32 for any number of images of the cfg's size, RGB in
    [0, 1] less the mean and divided by the standard deviation of ImageNet. The outputs are those of
    :func:`plain_outputs`. Mean, deviation and the names of the classes are in the file's metadata.

    Raises:
        UserError: see `utils.errors`.
    """
    _require("onnx", "onnxscript")
    config = resolved(config)
    tasks = declared_tasks(config)
    path = checkpoint_to_use(config, [task.name for task in tasks])
    state = checkpoint.load(path)
    network = make_network(config, {task.name: task.head for task in tasks}, pretrained="false")
    checkpoint.load_network(network, state["network"], path)
    network.eval()
    images = torch.randn(3, 3, *config.size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = plain_outputs(network(images))

    file = path.with_suffix(".onnx")
    try:
        with replacing(file) as unfinished:
            _write(network, images, list(wanted), tasks, unfinished)
            checked = compare(unfinished, images, wanted)
    except OSError as reason:
        raise UserError(f"{file}: cannot be written ({reason.strerror})") from None
    print("\n".join([str(file), "", *_described(images, wanted), "", checked]))
    return file


def plain_outputs(predictions: dict[str, Tensor | BoxPrediction]) -> dict[str, Tensor]:
    """A network's predictions as tensors that can be used without this program.

    Returns:
        under a task's name, the (B, channels, H, W) of a dense head; of a box head, under
        `<task>_boxes`, (B, A, 4) x1, y1, x2, y2 in pixels for each of the A anchors, and under
        `<task>_scores`, (B, A, classes) in [0, 1]. Boxes may reach beyond the image, and those that
        overlap are not suppressed.
    """
    outputs = {}
    for task, prediction in predictions.items():
        if isinstance(prediction, BoxPrediction):
            anchors = anchors_in_pixels(prediction.anchors, prediction.size)
            outputs[f"{task}_boxes"] = decode(prediction.offsets, anchors)
            outputs[f"{task}_scores"] = prediction.logits.sigmoid()
        else:
            outputs[task] = prediction
    return outputs


class _Plain(nn.Module):
    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return tuple(plain_outputs(self.network(images)).values())


def _write(
    network: nn.Module, images: Tensor, outputs: list[str], tasks: list[Task], file: Path
) -> None:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        program = torch.onnx.export(
            _Plain(network).eval(),
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
        mean=json.dumps(MEAN), std=json.dumps(STD), classes=json.dumps(classes)
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
    found = session.run(None, {INPUT: images.numpy()})
    differences = {}
    for (name, output), other in zip(wanted.items(), found, strict=True):
        scale = max(output.abs().max().item(), torch.finfo(torch.float32).tiny)
        differences[name] = np.abs(output.numpy() - other).max() / scale
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
