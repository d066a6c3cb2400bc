"""What it costs that each of two datasets labels half of the classes, on rendered rooms.

    python3 bench/unlabelled_classes.py --root DIR
    python3 bench/unlabelled_classes.py --root DIR --json unlabelled.json --device cuda

Half of the training images have the boxes and masks of some classes, the other half those of the
others. A network of both tasks is trained on them in three ways:

- background: what an image does not label is background, as if its dataset labelled all classes;
- unlabelled: the datasets say which classes they label (`labelled_classes`);
- all labels: every image has the labels of all classes, which no such network can be expected to
  surpass.

All are tested on images with all labels, and trained as the demo's partially annotated rooms are.
The table shows the mean over the seeds and the standard deviation. The images, and what was
trained, stay in DIR: the same command again goes on.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from datasets.scenes import write
from engine.config import read
from engine.runs.experiment import run_experiment
from utils.text import aligned

HALVES = {
    "first": ("bottle", "couch", "bed", "tv"),
    "second": ("chair", "potted plant", "dining table"),
}
"""The classes that each half of the images labels."""
WAYS = ("background", "unlabelled", "all labels")
METRICS = {"segmentation": ("mIoU",), "detection": ("mAP", "AP50")}

CFG = """\
[run]
tasks = segmentation detection
loss = weighted-sum
runs = {root}/runs
device = {device}

[data]
dataset_root = {root}
train_dataset = first second
test_dataset = rooms
classes = unite
size = {size}
batch_size = {batch_size}

{sections}
[dataset.rooms]
root = mscoco
images = val2017/*.jpg
detection = annotations/rooms.json
segmentation = annotations/rooms.json

[network]
arch = VMM
backbone = efficientnet_lite0
pretrained = true

[training]
optimizer = adamw
lr = 3.2e-2
weight_decay = 5e-5
multiple_lr = 4
tencent_trick = true
scheduler = cosine
warmup_epoch = 1
max_epoch = {epochs}
ema = true
ema_momentum = 0.98

[baselines]
potential = 0.5 0.5
"""
SECTION = """\
[dataset.{half}]
root = mscoco
images = train2017/*.jpg
detection = annotations/{file}.json
segmentation = annotations/{file}.json
{labelled}
"""


def main() -> None:
    options = _parser().parse_args()
    root = options.root.resolve()
    _prepare(root, options)
    values = {way: [_run(root, way, seed, options) for seed in options.seeds] for way in WAYS}
    print(_table(values))
    if options.json:
        options.json.write_text(json.dumps({"options": _described(options), "values": values}))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--root", type=Path, required=True, help="a folder for images and runs")
    add("--train", type=int, default=2000, help="training images (%(default)s)")
    add("--test", type=int, default=500, help="test images (%(default)s)")
    add("--size", type=int, nargs=2, default=(192, 256), help="of the images (192 256)")
    add("--epochs", type=int, default=40, help="of each training (%(default)s)")
    add("--batch_size", type=int, default=16, help="images a step (%(default)s)")
    add("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of the trainings (0 1 2)")
    add("--device", default="auto", help="of the trainings (%(default)s)")
    add("--json", type=Path, help="a file for the values of each training")
    return parser


def _prepare(root: Path, options: argparse.Namespace) -> None:
    """Renders the images, and writes the labels of each half and way."""
    if not (root / "mscoco").is_dir():
        write(root, ["COCO"], options.train, options.test, tuple(options.size), seed=0)
    folder = root / "mscoco" / "annotations"
    train, test = (
        json.loads((folder / f"instances_{part}2017.json").read_text()) for part in ("train", "val")
    )
    every_class = [name for classes in HALVES.values() for name in classes]
    _write(folder / "rooms.json", test, test["images"], every_class, every_class)
    for number, (half, classes) in enumerate(HALVES.items()):
        images = train["images"][number :: len(HALVES)]
        _write(folder / f"{half}.json", train, images, classes, every_class)
        _write(folder / f"{half}_all.json", train, images, every_class, every_class)


def _write(path, content, images, labelled, every_class) -> None:
    """Writes the annotations of some images and classes, under the categories of all classes."""
    categories = [c for c in content["categories"] if c["name"] in every_class]
    kept = {c["id"] for c in categories if c["name"] in labelled}
    ids = {image["id"] for image in images}
    annotations = [
        a for a in content["annotations"] if a["image_id"] in ids and a["category_id"] in kept
    ]
    path.write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": categories})
    )


def _run(root: Path, way: str, seed: int, options: argparse.Namespace) -> dict[str, float]:
    """The metrics of a training."""
    path = root / f"{way.replace(' ', '_')}.cfg"
    names = {half: " ".join(f'"{name}"' for name in classes) for half, classes in HALVES.items()}
    sections = "\n".join(
        SECTION.format(
            half=half,
            file=f"{half}_all" if way == "all labels" else half,
            labelled=f"labelled_classes = {names[half]}" if way == "unlabelled" else "",
        )
        for half in HALVES
    )
    path.write_text(
        CFG.format(
            root=root,
            device=options.device,
            size=" ".join(map(str, options.size)),
            batch_size=options.batch_size,
            epochs=options.epochs,
            sections=sections,
        )
    )
    metrics = run_experiment(read([str(path), "--seed", str(seed)])).metrics
    return {
        f"{task} {name}": metrics[task][name] for task, names in METRICS.items() for name in names
    }


def _table(values: dict[str, list[dict[str, float]]]) -> str:
    columns = list(next(iter(values.values()))[0])
    rows = [["", *columns]]
    for way, runs in values.items():
        rows.append([way, *(_cell([run[column] for run in runs]) for column in columns)])
    shares = ["share of the gap closed", *(_closed(values, column) for column in columns)]
    return "\n".join(aligned([*rows, shares]))


def _closed(values: dict[str, list[dict[str, float]]], column: str) -> str:
    """The share of what the first way loses to the last one that the second way wins back."""
    least, ours, most = (statistics.mean(run[column] for run in values[way]) for way in WAYS)
    return f"{100 * (ours - least) / (most - least):.0f} %" if most != least else "–"


def _cell(numbers: list[float]) -> str:
    spread = f" ± {100 * statistics.stdev(numbers):.2f}" if len(numbers) > 1 else ""
    return f"{100 * statistics.mean(numbers):.2f}{spread} %"


def _described(options: argparse.Namespace) -> dict:
    return {name: str(value) for name, value in vars(options).items()}


if __name__ == "__main__":
    main()
