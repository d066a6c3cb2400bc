"""Depth from a stereo camera's disparity, as Cityscapes stores it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tasks.files import map_size, read_png
from utils.errors import DataError

BASELINE, FOCAL_LENGTH = 0.209313, 2262.52
"""Metres and pixels: the camera of most of Cityscapes, where an image has no camera file."""


@dataclass(frozen=True)
class DisparityLabel:
    """Disparities in a 16-bit PNG, p = 256 d + 1 and 0 for none, and the JSON of the camera."""

    file: Path
    camera: Path | None = None

    @property
    def beside(self) -> tuple[Path, ...]:
        return (self.camera,) if self.camera else ()

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the map."""
        return map_size(self.file)

    def depth(self) -> np.ndarray:
        """(H, W) float32 metres, baseline × focal length / d; 0 where there is no disparity.

        Raises:
            DataError: a file is missing, damaged or of another kind; names it.
        """
        stored = read_png(self.file)
        if stored.ndim != 2:
            raise DataError(f"{self.file}: has several channels, a disparity map has one")
        if stored.dtype == np.uint8:
            raise DataError(f"{self.file}: has 8 bits, a disparity map 16")
        disparity = (stored.astype(np.float32) - 1) / 256
        scale = np.float32(np.prod(self._camera()))
        return np.divide(scale, disparity, out=np.zeros_like(disparity), where=disparity > 0)

    def _camera(self) -> tuple[float, float]:
        """Baseline in metres and focal length in pixels."""
        if self.camera is None:
            return BASELINE, FOCAL_LENGTH
        try:
            content = json.loads(self.camera.read_bytes())
            baseline = float(content["extrinsic"]["baseline"])
            focal_length = float(content["intrinsic"]["fx"])
        except FileNotFoundError:
            raise DataError(f"{self.camera}: the file is missing") from None
        except (OSError, ValueError, TypeError, RecursionError) as reason:
            raise DataError(f"{self.camera}: cannot be read as a camera file ({reason})") from None
        except KeyError as missing:
            raise DataError(f"{self.camera}: has no {missing}, a camera file has") from None
        if not 0 < baseline * focal_length < float("inf"):
            raise DataError(
                f"{self.camera}: has the baseline {baseline} and fx {focal_length}, which are not "
                "positive"
            )
        return baseline, focal_length
