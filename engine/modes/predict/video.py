"""Videos, cameras and streams: read and written frame by frame."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import repeat
from pathlib import Path

import cv2
import numpy as np

from engine.modes.predict.pipeline import in_order
from utils.errors import DataError
from utils.files import remove, sync, temporary_place

_AHEAD = 4  # frames that are read before they are wanted
_USUAL_RATE = 25.0  # frames a second, where the source does not say
_FASTEST = 1000.0  # that a source may say; beyond is a mistake
_CODEC = "mp4v"  # which every OpenCV has


class VideoReader:
    """The frames of a video, a camera or a stream.

    Args:
        address: a path, the number of a camera, or the address of a stream.

    Attributes:
        rate: frames a second.
        count: about how many frames there are; 0 where it is not known.

    Raises:
        DataError: OpenCV cannot open it.
    """

    def __init__(self, address: str):
        is_camera = address.isdecimal() and not os.path.exists(address)
        self._capture = cv2.VideoCapture(int(address) if is_camera else address)
        if not self._capture.isOpened():
            raise DataError(f"{address}: OpenCV cannot open it as a video")
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = rate if 0 < rate <= _FASTEST else _USUAL_RATE
        self.count = max(0, round(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        self._thread = ThreadPoolExecutor(1)

    def frames(self) -> Iterator[np.ndarray]:
        """(H, W, 3) uint8 RGB, one after another, read a few ahead."""
        for frame in in_order(self._thread, self._read, repeat(None), _AHEAD):
            if frame is None:
                return
            yield frame

    def close(self) -> None:
        self._thread.shutdown(cancel_futures=True)  # a frame may still be read
        self._capture.release()

    def _read(self, _: None) -> np.ndarray | None:
        there, frame = self._capture.read()
        return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB) if there else None


class VideoWriter:
    """An MP4 that takes its place when it is whole. Its sides are even: a picture of another size
    gets a pixel more below or on the right.

    Args:
        rate: frames a second.
    """

    def __init__(self, path: Path, rate: float):
        self.path, self.rate = path, rate
        # In a folder of its own, for OpenCV looks at the ending of the name.
        self._folder = temporary_place(path)
        self._temporary = self._folder / "video.mp4"
        self._writer: cv2.VideoWriter | None = None

    def add(self, picture: np.ndarray) -> None:
        """Adds a frame, (H, W, 3) uint8 RGB.

        Raises:
            OSError: it cannot be written.
        """
        frame = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        odd = frame.shape[0] % 2, frame.shape[1] % 2
        if any(odd):
            frame = cv2.copyMakeBorder(frame, 0, odd[0], 0, odd[1], cv2.BORDER_REPLICATE)
        if self._writer is None:
            self._writer = self._open(frame.shape[1::-1])
        self._writer.write(frame)

    def close(self, keep: bool) -> None:
        """Ends the video. With `keep` it takes its place, else it is gone."""
        if self._writer is not None:
            self._writer.release()
            if keep:
                sync(self._temporary)
                os.replace(self._temporary, self.path)
        with suppress(FileNotFoundError):
            remove(self._folder)

    def _open(self, size: tuple[int, int]) -> cv2.VideoWriter:
        self._folder.mkdir(parents=True, exist_ok=True)
        codec = cv2.VideoWriter_fourcc(*_CODEC)
        writer = cv2.VideoWriter(str(self._temporary), codec, self.rate, size)
        if not writer.isOpened():
            raise OSError(errno.EIO, "the video cannot be written", str(self.path))
        return writer


def frame_count(address: str) -> int:
    """About how many frames a video has; 0 where it is not known."""
    capture = cv2.VideoCapture(address)
    count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    capture.release()
    return max(0, round(count))
