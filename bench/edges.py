"""How long odsF takes an image on one core, on synthetic edges: the validation at all thresholds,
and what a test adds to it at three of them; and how many of the pairs are found greedily.

    python3 bench/edges.py
    python3 bench/edges.py --size 512 512 --tolerance 0.0075
    python3 bench/edges.py --smooth 60
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


def draw(size: tuple[int, int], seed: int, smooth: float = 0) -> tuple[np.ndarray, np.ndarray]:
    """The levels of a prediction, and the true edges: blurred and noisy ones, or smooth noise."""
    rng = np.random.default_rng(seed)
    edges = np.zeros(size, np.uint8)
    for _ in range(_LINES):
        points = rng.integers(0, size[::-1], (4, 2)).astype(np.int32)
        cv2.polylines(edges, [points], False, 1)
    if smooth:
        noise = cv2.GaussianBlur(rng.normal(size=size), (0, 0), smooth)
        guess = (noise - noise.min()) / np.ptp(noise)
        return (guess * THRESHOLDS).astype(np.uint8), edges
    guess = cv2.GaussianBlur(edges.astype(np.float32), (0, 0), 3)
    guess = guess / np.quantile(guess, 0.98)
    guess += 0.3 * cv2.GaussianBlur(rng.normal(size=size).astype(np.float32), (0, 0), 2)
    return np.clip(guess * (THRESHOLDS + 1), 0, THRESHOLDS).astype(np.uint8), edges


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, nargs=2, default=(425, 560))
    parser.add_argument("--tolerance", type=float, default=0.011)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument(
        "--smooth", type=float, default=0, help="noise blurred over so many pixels is predicted"
    )
    words = parser.parse_args()
    cv2.setNumThreads(0)
    every = range(1, THRESHOLDS + 1)
    validated, tested, shares, sizes = [], [], [], []
    for seed in range(words.images):
        image = BoundaryImage.of(*draw(tuple(words.size), seed, words.smooth))
        sizes.append(len(image.levels) + len(image.target))
        seconds = time.process_time()
        counts = image.count(words.tolerance, every)
        validated.append(time.process_time() - seconds)
        best = int(f_measures(counts).argmax()) + 1
        beside = range(max(1, best - 1), min(THRESHOLDS, best + 1) + 1)
        seconds = time.process_time()
        exact = image.count(words.tolerance, beside, exact=True)
        tested.append(time.process_time() - seconds)
        shares.append(counts[0, beside.start - 1 : beside.stop - 1].sum() / exact[0].sum())
    print(f"one of {os.cpu_count()} cores, median of {words.images} images of {tuple(words.size)}:")
    print(f"validation, {THRESHOLDS} thresholds: {np.median(validated):.2f} s")
    print(f"what a test adds, 3 thresholds: {np.median(tested):.2f} s")
    print(f"pairs found greedily: {100 * np.mean(shares):.1f} %")
    print(f"memory until the end of a pass: {np.mean(sizes) / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
