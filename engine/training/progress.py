"""How far a run is: a bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from tqdm import tqdm

_EVERY = 0.5  # seconds from one text of the bar to the next: each text waits for the device


class Progress:
    """Counts the images of a run and shows losses, weights, images per second and the time left.

    Args:
        total: the number of images in all epochs together.
        done: the number of images that an earlier process trained on.
        every: the number of steps from one plain line to the next.
        shown: whether this process shows them.
        later: how many images cost as much as the networks that are trained afterwards.
    """

    def __init__(self, total: int, done: int, every: int, shown: bool = True, later: float = 0.0):
        self.later = later
        self.total, self.first, self.done, self.every = total, done, done, every
        self.started = self.refreshed = time.perf_counter()
        self.shown, self.steps, self.bar = shown, 0, None
        if shown and sys.stderr.isatty():
            self.bar = tqdm(total=total, initial=done, unit="img", dynamic_ncols=True, leave=False)

    def step(self, images: int, describe: Callable[[], str]) -> None:
        """Counts a step of `images` images. `describe` is called where its text is shown."""
        self.done += images
        self.steps += 1
        if self.bar is not None:
            if time.perf_counter() - self.refreshed > _EVERY:
                self.refreshed = time.perf_counter()
                self.bar.set_description_str(describe(), refresh=False)
                if self.later:
                    self.bar.set_postfix_str(self._whole(), refresh=False)
            self.bar.update(images)
        elif self.shown and self.steps % self.every == 0:
            print(f"  {describe()}  {self._pace()}", flush=True)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Within it, the time does not count: something else than training is done."""
        began = time.perf_counter()
        yield
        seconds = time.perf_counter() - began
        self.started += seconds
        if self.bar is not None:
            self.bar.start_t += seconds

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()

    def _pace(self) -> str:
        text = f"{self._rate():.1f} images/s, {duration(self._left())} left"
        return f"{text}, {self._whole()}" if self.later else text

    def _whole(self) -> str:
        """The time that is left with the networks that are trained afterwards."""
        return f"{duration(self._left() + self.later / self._rate())} in all"

    def _left(self) -> float:
        return (self.total - self.done) / self._rate()

    def _rate(self) -> float:
        """Images a second."""
        return (self.done - self.first) / max(1e-9, time.perf_counter() - self.started)


def duration(seconds: float) -> str:
    """A time span in words: '45 s', '3 min 20 s', '2 h 05 min'."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
