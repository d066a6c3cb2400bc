"""Memory that is used again. New memory comes from the system page by page, which takes longer than
to fill it with an image."""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import DTypeLike
from torch import Tensor
from torch.utils.data import get_worker_info

_FREE: dict[int, list[np.ndarray]] = {}  # by size in bytes


def lend(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """An array with anything in it. Its memory is free for another as soon as nothing looks at it
    any more."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    free = _FREE.setdefault(size, [])
    try:  # not asked before: another thread may take the last one
        memory = free.pop()
    except IndexError:
        memory = np.empty(size, np.uint8)
    lent = memory.view()
    weakref.finalize(lent, free.append, memory).atexit = False
    # A tensor lies between, for a view of a view looks at the first array, past `lent`.
    return torch.from_numpy(lent).numpy().view(dtype).reshape(shape)


def stack(arrays: Sequence[np.ndarray]) -> Tensor:
    """Arrays of one shape and type along a new first axis. In a worker of a `DataLoader` the result
    is in memory that the process that trains shares: handing it over copies nothing."""
    shape, first = (len(arrays), *arrays[0].shape), arrays[0]
    if get_worker_info() is None:
        result = torch.from_numpy(lend(shape, first.dtype))
    else:
        dtype = torch.from_numpy(first).dtype
        storage = torch.UntypedStorage._new_shared(len(arrays) * first.nbytes)
        result = torch.empty(0, dtype=dtype).set_(storage).view(shape)
    np.stack(arrays, out=result.numpy())
    return result
