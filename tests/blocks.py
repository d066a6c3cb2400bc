"""Datasets of images that all show a car and a person, of which each labels one."""

import numpy as np
from PIL import Image

SIZE = (48, 64)
COLOURS = {"car": (220, 30, 30), "person": (30, 40, 220)}
CFG = """
[run]
tasks = segmentation detection
loss = weighted-sum
[data]
dataset_root = {root}
train_dataset = cars persons
classes = unite
size = 64 64
batch_size = 4
num_workers = 0
val = 0.25

[dataset.cars]
images = images/*.png
detection = boxes/*.xml
segmentation = masks/*.png
detection_classes = car
segmentation_classes = background car
split = 0.25

[dataset.persons]
images = images/*.png
detection = boxes/*.xml
segmentation = masks/*.png
detection_classes = person
segmentation_classes = background person
split = 0.25

[network]
arch = VMM
backbone = timm/test_resnet
pretrained = false
[training]
optimizer = adamw
lr = 1e-3
max_epoch = 1
[baselines]
potential = 0.5 0.5
"""
"""Text of a cfg on these datasets, which lie below `root`."""


def write_blocks(root, images=8):
    """Writes `cars` and `persons`: images of two blocks, with the boxes and masks of one."""
    rng = np.random.default_rng(0)
    for name in COLOURS:
        folder = root / f"{name}s"
        for kind in ("images", "boxes", "masks"):
            (folder / kind).mkdir(parents=True)
        for number in range(images):
            _write_image(folder, number, name, rng)


def _write_image(folder, number, labelled, rng):
    image = np.full((*SIZE, 3), 120, np.uint8)
    mask = np.zeros(SIZE, np.uint8)
    for place, (name, colour) in enumerate(COLOURS.items()):
        (x, y), (width, height) = rng.integers(2, 12, 2), rng.integers(14, 20, 2)
        x += 32 * place
        image[y : y + height, x : x + width] = colour
        if name == labelled:
            mask[y : y + height, x : x + width] = 1
            corners = f"<xmin>{x + 1}</xmin><ymin>{y + 1}</ymin>"
            corners += f"<xmax>{x + width}</xmax><ymax>{y + height}</ymax>"
    Image.fromarray(image).save(folder / "images" / f"{number}.png")
    Image.fromarray(mask).save(folder / "masks" / f"{number}.png")
    (folder / "boxes" / f"{number}.xml").write_text(
        f"<annotation><size><width>{SIZE[1]}</width><height>{SIZE[0]}</height></size><object>"
        f"<name>{labelled}</name><bndbox>{corners}</bndbox></object></annotation>"
    )
