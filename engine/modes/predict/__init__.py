"""`--mode predict`: a checkpoint on images, folders of them, videos and cameras."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from engine.modes.base import Mode
from engine.modes.train import Train
from utils.option import REQUIRED, option

if TYPE_CHECKING:
    import torch

    from engine.config import Config
    from engine.modes.predict.outputs import Outputs
    from models import Network
    from tasks import Task

SAVE = ("pictures", "maps", "depth", "normals", "boxes")
"""What `save` chooses from."""

_BATCH, _BATCH_ON_GPU = 4, 8


class Predict(Mode):
    """Predicts images, videos or what a camera sees, each at its own size, and saves the answers in
    files that this program reads as labels. `predictions.json` in the folder of the output lists
    all of them.

    The checkpoint (`ckpt`, a file or the folder of a run) is enough: no cfg and no data are needed.
    The exit status is 1 where an input was damaged, or a file was there already.
    """

    needs = "network"

    ckpt = Train.ckpt

    input: tuple[str, ...] = option(
        REQUIRED,
        "to predict: images, folders with their subfolders, lists of images (.txt), videos; the "
        "number of a camera, or the address of a stream",
        affects="nothing",
    )
    output: str = option(REQUIRED, "the folder that predictions are saved in", affects="nothing")
    save: tuple[str, ...] = option(
        (),
        "what is saved of predictions (empty: all that the network has): pictures, maps, depth, "
        "normals, boxes",
        choices=SAVE,
        affects="nothing",
    )
    threshold: float = option(
        0.3,
        "the least score of a box that is predicted",
        at_least=0,
        at_most=1,
        affects="nothing",
    )
    overwrite: bool = option(
        False, "predictions replace files that are there already", affects="nothing"
    )

    def run(self, config):
        from engine.modes.predict.inputs import find_sources
        from engine.modes.predict.outputs import Outputs
        from engine.modes.predict.pipeline import Predictor
        from engine.modes.predict.record import Record
        from engine.modes.predict.session import Session
        from engine.runs.checkpoint import checkpoint_file, open_network
        from engine.runs.device import choose_device
        from engine.runs.experiment import checkpoint_to_use

        folder = Path(self.output)
        with config.located():
            sources = find_sources(self.input, folder)
        path, device = checkpoint_file(checkpoint_to_use(config)), choose_device(config)
        network, tasks = open_network(path, device)
        with config.located():
            outputs = Outputs(folder, tasks, self.save)
        _make_folder(outputs, config)
        predictor = Predictor(
            network, tasks, *_computed(network, device, config, sources[0].is_live), self.threshold
        )
        record = Record(folder, self.overwrite)
        session = Session(sources, predictor, outputs, record, threads=_threads())
        session.run(_about(path, network, tasks, self.threshold))
        print(record.summary())
        return record.status


def _computed(network: Network, device: torch.device, config: Config, is_live: bool) -> tuple:
    """The context of a forward pass, and the number of images in it. Half precision on a GPU, and
    a batch size that is for predicting, unless the command line says otherwise."""
    import torch

    from engine.training.precision import Precision

    given = {option for option, place in config.places.items() if place.startswith("-")}
    amp = config.training.amp if "amp" in given else device.type == "cuda"
    if device.type == "cuda":
        network.to(memory_format=torch.channels_last)
    batch_size = 1 if is_live else _BATCH if device.type == "cpu" else _BATCH_ON_GPU
    if "batch_size" in given:
        batch_size = config.loading.batch_size
    return Precision(device, amp).autocast, batch_size


def _threads() -> int:
    """The threads that read, and that write: OpenCV's own would only get in their way."""
    import cv2

    cv2.setNumThreads(0)
    return max(2, min(8, len(os.sched_getaffinity(0)) // 2))


def _make_folder(outputs: Outputs, config: Config) -> None:
    """Makes the folder of the output, and removes what a killed process left half written.

    Raises:
        ConfigError: it cannot be.
    """
    from utils.files import remove_leftovers

    try:
        outputs.folder.mkdir(parents=True, exist_ok=True)
    except OSError as reason:
        place = f"{outputs.folder}: cannot be made"
        raise config.error("output", f"{place} ({reason.strerror})") from None
    remove_leftovers(outputs.folder)
    for name in outputs.folders:
        for place, _, _ in os.walk(outputs.folder / name):
            remove_leftovers(Path(place))


def _about(path: Path, network: Network, tasks: list[Task], threshold: float) -> dict:
    """What `predictions.json` says of the network."""
    return {
        "checkpoint": str(path),
        "size": list(network.size),
        "aspect": network.aspect,
        "threshold": threshold,
        "tasks": [{"name": task.name, "classes": list(task.classes)} for task in tasks],
    }
