"""A device that is none: its tensors are on the CPU, and note where a program waits for them."""

from __future__ import annotations

import contextlib
import traceback
from collections import Counter
from pathlib import Path

import torch
from torch.overrides import TorchFunctionMode

ROOT = Path(__file__).resolve().parents[3]
GPU = torch.device("cuda")
CPU = torch.device("cpu")

_NUMBERS = {"item", "tolist", "__bool__", "__float__", "__int__", "__index__", "numpy"}
_SIZES = {"nonzero", "argwhere", "masked_select", "unique", "is_nonzero", "equal", "allclose"}


class OnDevice(torch.Tensor):
    """A tensor of the device, as are all that are computed from it."""

    waits: Counter = Counter()

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        kwargs, name = dict(kwargs or {}), getattr(function, "__name__", "")
        if name == "__get__" and function.__self__ is torch.Tensor.device:
            return GPU
        if name == "__get__" and function.__self__ is torch.Tensor.is_cuda:
            return True
        if name == "__get__" and function.__self__ is torch.Tensor.grad:
            gradient = super().__torch_function__(function, types, args, kwargs)
            return None if gradient is None else on_device(gradient)
        to_host = name == "cpu" or (name == "to" and _device_in(args[1:], kwargs) == CPU)
        if to_host and _asked_by_us():
            _note(name)
            with torch._C.DisableTorchFunctionSubclass():
                return function(*args, **kwargs).as_subclass(torch.Tensor)
        reads = name in _NUMBERS | _SIZES and isinstance(args[0], OnDevice)
        if reads or name == "new_tensor" or _moves_an_index(name, args):
            _note(name)
        return super().__torch_function__(function, types, args, kwargs)


class Device(TorchFunctionMode):
    """While it lasts, what is made on the device or moved there is of it."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs, name = dict(kwargs or {}), getattr(function, "__name__", "")
        if not any(_is_gpu(value) for value in (*args, *kwargs.values())):
            return function(*args, **kwargs)
        from_host = name in ("tensor", "as_tensor") or (
            name == "to" and not isinstance(args[0], OnDevice)
        )
        if from_host and not kwargs.get("non_blocking"):
            _note(f"{name} device")
        with torch._C.DisableTorchFunctionSubclass():
            result = function(*_on_cpu(args), **_on_cpu(kwargs))
        return on_device(result) if isinstance(result, torch.Tensor) else result


def on_device(tensor: torch.Tensor) -> torch.Tensor:
    return tensor if isinstance(tensor, OnDevice) else tensor.as_subclass(OnDevice)


def moved(module: torch.nn.Module) -> None:
    """Puts the parameters and buffers of a module on the device, as the objects that they are."""
    for tensor in [*module.parameters(), *module.buffers()]:
        there = on_device(tensor.detach().clone())
        if isinstance(tensor, torch.nn.Parameter):
            there = torch.nn.Parameter(there, tensor.requires_grad)
        torch.utils.swap_tensors(tensor, there)


@contextlib.contextmanager
def waits(monkeypatch):
    """What waits for the device meanwhile: the lines of the program, and how often."""
    generator = torch.Generator
    monkeypatch.setattr(torch, "Generator", lambda device="cpu": generator("cpu"))
    OnDevice.waits = Counter()
    with Device():
        yield OnDevice.waits


def _device_in(args, kwargs):
    values = (value for value in (*args, *kwargs.values()))
    return next((torch.device(v) for v in values if isinstance(v, (torch.device, str))), None)


def _moves_an_index(name, args):
    """Whether an index is a mask on the device, whose number of ones is not known here, or a tensor
    of the host, which is moved to the device."""
    if name not in ("__getitem__", "__setitem__") or not isinstance(args[0], OnDevice):
        return False
    index = args[1] if isinstance(args[1], tuple) else (args[1],)
    tensors = [i for i in index if isinstance(i, torch.Tensor)]
    return any(not isinstance(i, OnDevice) or i.dtype == torch.bool for i in tensors)


def _is_gpu(value):
    return isinstance(value, torch.device) and value == GPU


def _on_cpu(values):
    """Arguments with the CPU in the place of the device."""
    if isinstance(values, dict):
        return {key: CPU if _is_gpu(value) else value for key, value in values.items()}
    return tuple(CPU if _is_gpu(value) else value for value in values)


def _frames():
    return [frame for frame in traceback.extract_stack() if frame.filename != __file__]


def _is_ours(frame) -> bool:
    path = Path(frame.filename)
    return path.is_relative_to(ROOT) and ".venv" not in path.parts


def _asked_by_us() -> bool:
    """Whether the program called the function: a library that groups tensors by device is told the
    real one."""
    return _is_ours(_frames()[-1])


def _note(name: str) -> None:
    """Counts a wait at the innermost function of the program."""
    frames = _frames()
    ours = next((frame for frame in reversed(frames) if _is_ours(frame)), frames[-1])
    OnDevice.waits[f"{Path(ours.filename).name} {ours.name}: {name}"] += 1
