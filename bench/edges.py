"""How long odsF takes an image on one core: the validation of an image at all thresholds, and the
test of it at three, on synthetic edges; and how far the greedy pairs are from the most.

    python3 bench/edges.py [--size 425 560] [--tolerance 0.011] [--images 8]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tasks.boundaries.counting import THRESHOLDS, BoundaryImage, f_measures

_LINES = 12
"""Of four points each: 7,000 pixels of 425×560, as NYUD's labels have."""


def draw(size: tuple[int, int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """True edges, and the levels of a blurred and noisy prediction of them."""
    rng = np.random.default_rng(seed)
    edges = np.zeros(size, np.uint8)
    for _ in range(_LINES):
        points = rng.integers(0, size[::-1], (4, 2)).astype(np.int32)
        cv2.polylines(edges, [points], False, 1)
    guess = cv2.GaussianBlur(edges.astype(np.float32), (0, 0), 3)
    guess = guess / np.quantile(guess, 0.98)
    guess += 0.3 * cv2.GaussianBlur(rng.normal(size=size).astype(np.float32), (0, 0), 2)
    return np.clip(guess * (THRESHOLDS + 1), 0, THRESHOLDS).astype(np.uint8), edges


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, nargs=2, default=(425, 560))
    parser.add_argument("--tolerance", type=float, default=0.011)
    parser.add_argument("--images", type=int, default=8)
    words = parser.parse_args()
    cv2.setNumThreads(0)
    every = range(1, THRESHOLDS + 1)
    validated, tested, shares, sizes = [], [], [], []
    for seed in range(words.images):
        image = BoundaryImage.of(*draw(tuple(words.size), seed))
        sizes.append(len(image.levels) + len(image.target))
        seconds = time.process_time()
        counts = image.count(words.tolerance, every)
        validated.append(time.process_time() - seconds)
        best = int(f_measures(counts).argmax()) + 1
        beside = range(best - 1, best + 2)
        seconds = time.process_time()
        exact = image.count(words.tolerance, beside, exact=True)
        tested.append(time.process_time() - seconds)
        shares.append(counts[0, best - 2 : best + 1].sum() / exact[0].sum())
    print(f"one of {os.cpu_count()} cores, median of {words.images} images of {words.size}:")
    print(f"validation, {THRESHOLDS} thresholds: {np.median(validated):.2f} s")
    print(f"the rest of a test, 3 thresholds: {np.median(tested):.2f} s")
    print(f"greedy pairs: {100 * np.mean(shares):.1f} % of the most")
    print(f"memory until the end of a pass: {np.mean(sizes) / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
