"""The photometric distortion of training, beside that of the achievement paper's own code.

    python3 bench/photometric.py
    python3 bench/photometric.py --batches 50 --seed 1

Rendered rooms are distorted in both ways, in batches. The table has, over all images, the mean and
quantiles of their colourfulness (Hasler and Süsstrunk, "Measuring Colourfulness in Natural Images",
2003, for values of 0 to 255) and of their sharpness (the mean absolute Laplacian of the grey
image), and the spread of the batches' means.

The paper's code decides once a batch which distortions take place, draws their amounts for each
image, and changes saturation and hue in HSV. Ours decides for each image, and its distortion is one
matrix, in which saturation and hue are those about the grey axis.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import numpy as np
import torch

from datasets.augment import generator
from datasets.batch import Batch
from datasets.light import colour_matrix, sharpness
from datasets.photometric import float_images
from datasets.scenes import render

ROOMS, SIZE = 48, (96, 128)
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def as_rendered(images: np.ndarray, seed: int, batch: int) -> np.ndarray:
    """(B, H, W, 3) in [0, 1], of uint8."""
    return images / 255.0


def ours(images: np.ndarray, seed: int, batch: int) -> np.ndarray:
    """The same, distorted as training does it."""
    colours, amounts = [], []
    for index in range(len(images)):
        rng = generator(seed, batch, index)
        colours.append(colour_matrix(rng))
        amounts.append(sharpness(rng))
    shown = float_images(
        Batch(
            images=torch.from_numpy(images),
            colours=torch.from_numpy(np.stack(colours)),
            sharpness=torch.tensor(amounts),
            targets={},
            labelled={},
        )
    )
    return shown.permute(0, 2, 3, 1).numpy()


def of_the_papers_code(images: np.ndarray, seed: int, batch: int) -> np.ndarray:
    """The same, distorted as the paper's code does it."""
    rng = np.random.default_rng((seed, batch))
    brightness, contrast, saturation, hue, order, sharper = rng.random(6) < 0.5
    result = []
    for image in (images / 255.0).astype(np.float32):
        if brightness:
            image = image + rng.uniform(-32, 32) / 255
        if contrast:
            image = image * rng.uniform(0.5, 1.5)
        if saturation or hue:
            gain = rng.uniform(0.5, 1.5) if saturation else 1.0
            turn = rng.uniform(-18, 18) / 255 * 360 if hue else 0.0
            image = _in_hsv(image, gain, turn)
        if order:
            image = image[..., rng.permutation(3)]
        image = image.clip(0, 1).astype(np.float32)
        if sharper:
            image = (2 * image - cv2.blur(image, (3, 3))).clip(0, 1)
        result.append(image)
    return np.stack(result)


def _in_hsv(image: np.ndarray, gain: float, turn: float) -> np.ndarray:
    """The image with its saturation times `gain` and its hue turned by so many degrees."""
    hsv = cv2.cvtColor(image.clip(0, 1).astype(np.float32), cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + turn) % 360
    hsv[..., 1] = (hsv[..., 1] * gain).clip(0, 1)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def colourfulness(images: np.ndarray) -> np.ndarray:
    """(B,) of (B, H, W, 3) in [0, 1]."""
    red, green, blue = np.moveaxis(255 * images, 3, 0)
    opponents = np.stack([red - green, (red + green) / 2 - blue])
    spread, mean = (np.hypot(*f(opponents, axis=(2, 3))) for f in (np.std, np.mean))
    return spread + 0.3 * mean


def detail(images: np.ndarray) -> np.ndarray:
    """(B,) the mean absolute Laplacian of the grey images, for values of 0 to 255."""
    grey = 255 * images @ np.array([0.299, 0.587, 0.114])
    return np.array([np.abs(cv2.Laplacian(image, cv2.CV_64F)).mean() for image in grey])


def row(name: str, values: np.ndarray) -> str:
    """A line of the table, of values (batches, images)."""
    numbers = [values.mean(), *np.quantile(values, QUANTILES), values.mean(axis=1).std()]
    return f"| {name} | " + " | ".join(f"{number:.1f}" for number in numbers) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, default=400)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rooms = np.stack([render(options.seed, index, SIZE).image for index in range(ROOMS)])

    ways = {"as rendered": as_rendered, "ours": ours, "the paper's code": of_the_papers_code}
    measured = {}
    for name, way in ways.items():
        values = []
        for batch in range(options.batches):
            rng = np.random.default_rng((options.seed, batch))
            images = way(rooms[rng.integers(ROOMS, size=options.batch)], options.seed, batch)
            values.append([colourfulness(images), detail(images)])
        measured[name] = np.stack(values, axis=1)

    print(f"{options.batches} batches of {options.batch} of {ROOMS} rooms, seed {options.seed}")
    for k, figure in enumerate(("colourfulness", "sharpness")):
        heads = [figure, "mean", *(f"{100 * q:.0f} %" for q in QUANTILES), "batches ±"]
        print(f"\n| {' | '.join(heads)} |\n|{' --- |' * len(heads)}")
        for name, values in measured.items():
            print(row(name, values[k]))


if __name__ == "__main__":
    main()
