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


def draw_label(picture: np.ndarray, box: np.ndarray, label: str, colour: list[int]) -> None:
    """Draws a bar with the label into `picture`: above the box, or as near to that as fits."""
    height, width = picture.shape[:2]
    scale = max(0.35, min(height, width) / 800)  # below 0.35, letters run together
    (across, ascent), descent = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    bar = ascent + descent + 2
    x = max(0, min(round(float(box[0])), width - across - 2))
    y = max(0, min(round(float(box[1])) - bar, height - bar))
    cv2.rectangle(picture, (x, y), (x + across + 1, y + bar - 1), colour, cv2.FILLED)
    ink = (0, 0, 0) if np.dot(colour, _LUMINANCE) > 128 else (255, 255, 255)
    place = (x + 1, y + ascent + 1)
    cv2.putText(picture, label, place, cv2.FONT_HERSHEY_SIMPLEX, scale, ink, 1, cv2.LINE_AA)
