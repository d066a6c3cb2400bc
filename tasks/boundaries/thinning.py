"""Wide boundaries made one pixel wide.

Guo and Hall, "Parallel Thinning with Two-Subiteration Algorithms" (Communications of the ACM,
1989), algorithm A1, which is Matlab's `bwmorph(…, 'thin')`: by it boundaries are measured since
Martin, Fowlkes and Malik (PAMI 2004). 64 pixels are computed at a time, as the bits of a word.
"""

from __future__ import annotations

import numpy as np

_WORD = 64
_ONE, _LAST = np.uint64(1), np.uint64(_WORD - 1)


def thin(boundary: np.ndarray) -> np.ndarray:
    """The boundary without the pixels that make it wider than one: (H, W) bool.

    Args:
        boundary: (H, W) bool.
    """
    words, stride = _packed(boundary)
    pixels = words[stride:-stride]
    first, unchanged = True, 0
    while unchanged < 2:
        removed = pixels & _removable(*_neighbours(words, stride), first)
        unchanged = 0 if removed.any() else unchanged + 1
        pixels ^= removed
        first = not first
    return _unpacked(pixels.reshape(-1, stride), boundary.shape)


def _packed(boundary: np.ndarray) -> tuple[np.ndarray, int]:
    """The pixels as bits of (N) uint64, row after row with a row above and one below, and the words
    a row: the last one is empty, and parts it from the next row."""
    height, width = boundary.shape
    stride = -(-width // _WORD) + 1
    bits = np.zeros((height + 2, stride * _WORD), bool)
    bits[1:-1, :width] = boundary
    return np.packbits(bits, axis=1, bitorder="little").view(np.uint64).ravel(), stride


def _unpacked(words: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    bits = np.unpackbits(words.view(np.uint8), axis=1, count=shape[1], bitorder="little")
    return bits.view(bool)


def _neighbours(words: np.ndarray, stride: int) -> list[np.ndarray]:
    """The eight neighbours of each pixel that has a row above and one below: x1 is the right one,
    and the others follow anticlockwise."""
    right, left = words >> _ONE, words << _ONE
    right[:-1] |= words[1:] << _LAST
    left[1:] |= words[:-1] >> _LAST
    above, here, below = slice(-2 * stride), slice(stride, -stride), slice(2 * stride, None)
    return [
        *(right[here], right[above], words[above], left[above]),
        *(left[here], left[below], words[below], right[below]),
    ]


def _removable(x1, x2, x3, x4, x5, x6, x7, x8, first: bool) -> np.ndarray:
    """The pixels whose neighbours let them go in the first or in the second subiteration."""
    u1, u3, u5, u7 = x1 | x2, x3 | x4, x5 | x6, x7 | x8
    u2, u4, u6, u8 = x2 | x3, x4 | x5, x6 | x7, x8 | x1
    # G1: X_H = 1, the neighbours are connected.
    crossings = u2 & ~x1, u4 & ~x3, u6 & ~x5, u8 & ~x7
    result = _at_least_one(crossings) & ~_at_least_two(crossings)
    # G2: 2 <= min(n1, n2) <= 3, the pixel is no end of a line.
    odd, even = (u1, u3, u5, u7), (u2, u4, u6, u8)
    result &= _at_least_two(odd) & _at_least_two(even)
    result &= ~(u1 & u3 & u5 & u7 & u2 & u4 & u6 & u8)
    # G3 and G3': on which side it lies.
    result &= ~((u2 | ~x8) & x1 if first else (u6 | ~x4) & x5)
    return result


def _at_least_one(flags: tuple[np.ndarray, ...]) -> np.ndarray:
    a, b, c, d = flags
    return a | b | c | d


def _at_least_two(flags: tuple[np.ndarray, ...]) -> np.ndarray:
    a, b, c, d = flags
    return a & b | c & d | (a | b) & (c | d)
