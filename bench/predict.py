"""The time of predicting images, from JPEG to saved files, beside the bare network's.

    python3 bench/predict.py                     # DeepLab_resnet50, label maps of 480×640 JPEGs
    python3 bench/predict.py --save pictures maps depth normals --images 32 --rounds 5

In every round the bare network and the whole take turns, in random order, on the same images in
batches of the same size. The bare network's images are in memory, ready for it, and its predictions
are thrown away. The whole reads JPEGs, decodes predictions and writes files, as `--mode predict`
does. The table has the median of the rounds, and the median of each round's ratio; of the time that
passed, and of the time that the CPU's cores worked, which other programs on them disturb less.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("GOMP_SPINCOUNT", "20000")  # as in train_test.py
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import numpy as np
import torch

from datasets.formats.images import read_upright
from engine.config import read
from engine.modes.predict.inputs import find_sources
from engine.modes.predict.outputs import Outputs
from engine.modes.predict.pipeline import Predictor
from engine.modes.predict.record import Record
from engine.modes.predict.session import Session
from engine.runs import checkpoint
from engine.runs.device import choose_device
from engine.runs.network import declared_tasks, make_network
from engine.runs.prediction import InputForm
from engine.training.precision import Precision

CFG = "cfg/seg+depth+normal/NYU/DeepLab_resnet50.cfg"


def main() -> None:
    arguments = _arguments()
    config = read([arguments.cfg, "--device", arguments.device])
    device = choose_device(config)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        network, tasks = checkpoint.open_network(_untrained(config, folder), device)
        if device.type == "cuda":
            network.to(memory_format=torch.channels_last)
        precision = Precision(device, device.type == "cuda")
        predictor = Predictor(network, tasks, precision.autocast, arguments.batch_size, 0.3)
        _write_images(folder / "in", arguments.images, network.size)
        batches = _batches(predictor, folder / "in", device)

        def bare() -> None:
            with torch.inference_mode():
                for batch in batches:
                    with precision.autocast():
                        network(batch)
                if device.type == "cuda":
                    torch.cuda.synchronize()

        def whole() -> None:
            out = folder / "out"
            out.mkdir(exist_ok=True)
            sources = find_sources([str(folder / "in")], out)
            outputs, record = Outputs(out, tasks, arguments.save), Record(out, overwrite=True)
            Session(sources, predictor, outputs, record, arguments.threads).run({})
            assert record.status == 0

        _report(_rounds({"bare": bare, "whole": whole}, arguments.rounds), arguments, device)


def _rounds(candidates: dict, count: int) -> list[dict[str, np.ndarray]]:
    """Of each candidate in each round, after one that does not count: the seconds that passed, and
    those that the cores worked."""
    rounds = []
    for _ in range(count + 1):
        seconds = {}
        for name in random.sample(list(candidates), len(candidates)):
            began = _clocks()
            candidates[name]()
            seconds[name] = _clocks() - began
        rounds.append(seconds)
    return rounds[1:]


def _clocks() -> np.ndarray:
    return np.array([time.perf_counter(), time.process_time()])


def _report(rounds: list[dict[str, np.ndarray]], arguments, device: torch.device) -> None:
    print(
        f"{arguments.cfg}, {arguments.images} images a round, batches of {arguments.batch_size}, "
        f"{device}, {torch.get_num_threads()} threads, saving {' '.join(arguments.save)}"
    )
    for name in ("bare", "whole"):
        passed, worked = np.median([seconds[name] for seconds in rounds], axis=0)
        rate = arguments.images / passed
        print(f"{name:6} {passed:8.2f} s  {rate:8.2f} images/s  {worked:8.2f} s of the cores")
    ratios = np.sort([seconds["whole"] / seconds["bare"] for seconds in rounds], axis=0)
    for place, name in enumerate(("time", "cores")):
        low, middle, high = ratios[0, place], np.median(ratios[:, place]), ratios[-1, place]
        print(f"whole / bare, {name}: {middle:.3f} ({low:.3f} to {high:.3f})")


def _untrained(config, folder: Path) -> Path:
    tasks = declared_tasks(config)
    network = make_network(config, {task.name: task.head for task in tasks}, pretrained=False)
    state = {**checkpoint.header(config, tasks), "network": network.state_dict()}
    checkpoint.save(folder / "best.pt", state)
    return folder / "best.pt"


def _write_images(folder: Path, count: int, size: tuple[int, int]) -> None:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(count):
        noise = rng.integers(0, 256, (24, 32, 3), np.uint8)
        picture = cv2.resize(noise, size[::-1], interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{number:04}.jpg"), picture)


def _batches(predictor: Predictor, folder: Path, device: torch.device) -> list[torch.Tensor]:
    form = InputForm.of(predictor.network)
    images = [form.input(read_upright(path)).pixels for path in sorted(folder.iterdir())]
    floats = [
        torch.from_numpy(np.stack(images[k : k + predictor.batch_size])).to(device).float() / 255
        for k in range(0, len(images), predictor.batch_size)
    ]
    return [batch.permute(0, 3, 1, 2) for batch in floats]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cfg", default=CFG)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--save", nargs="+", default=["maps"])
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--batch_size", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
