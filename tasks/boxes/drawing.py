"""Draws boxes and their names into pictures, small ones as well."""

from __future__ import annotations

import cv2
import numpy as np

_LUMINANCE = (0.299, 0.587, 0.114)


def draw_frame(picture: np.ndarray, box: np.ndarray, colour: list[int]) -> None:
    """Draws a frame into `picture` along the box's edges, on the pixels within."""
    x1, y1, x2, y2 = (round(float(edge)) for edge in box)
    thickness = max(1, round(min(picture.shape[:2]) / 250))
    for inset in range(thickness):
        corners = (x1 + inset, y1 + inset), (x2 - 1 - inset, y2 - 1 - inset)
        cv2.rectangle(picture, *corners, colour, 1)


class Labels:
    """Draws names of boxes into a picture, none over another. The first ones have the choice; one
    for which there is no place near its box is left out."""

    def __init__(self, picture: np.ndarray):
        self.picture = picture
        self.taken: list[tuple[int, int, int, int]] = []

    def draw(self, box: np.ndarray, label: str, colour: list[int]) -> None:
        """Draws a bar with the label: above the box, or as near to that as fits."""
        height, width = self.picture.shape[:2]
        scale = max(0.35, min(height, width) / 800)  # below 0.35, letters run together
        (across, ascent), descent = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
        bar = ascent + descent + 2
        place = self._place(box, across + 2, bar)
        if place is None:
            return
        x, y = place
        self.taken.append((x, y, x + across + 2, y + bar))
        cv2.rectangle(self.picture, (x, y), (x + across + 1, y + bar - 1), colour, cv2.FILLED)
        ink = (0, 0, 0) if np.dot(colour, _LUMINANCE) > 128 else (255, 255, 255)
        start = (x + 1, y + ascent + 1)
        cv2.putText(
            self.picture, label, start, cv2.FONT_HERSHEY_SIMPLEX, scale, ink, 1, cv2.LINE_AA
        )

    def _place(self, box: np.ndarray, across: int, bar: int) -> tuple[int, int] | None:
        """The upper left corner of a free bar: above the box, else below its upper edge, below the
        box, or on any line between; at its left edge, else at its right one."""
        height, width = self.picture.shape[:2]
        x1, y1, x2, y2 = (round(float(edge)) for edge in box)
        rows = [y1 - bar, y1, y2, *range(y1 + bar, y2, bar)]
        for x in (x1, x2 - across):
            x = max(0, min(x, width - across))
            for y in rows:
                y = max(0, min(y, height - bar))
                if self._is_free(x, y, x + across, y + bar):
                    return x, y
        return None

    def _is_free(self, x1: int, y1: int, x2: int, y2: int) -> bool:
        return all(
            x2 <= left or right <= x1 or y2 <= top or bottom <= y1
            for left, top, right, bottom in self.taken
        )
