"""The precision of a run on a device."""

import torch

from engine.training.precision import Precision
from tests.running import CPU


def test_without_amp_everything_is_float32_and_unscaled():
    precision = Precision(CPU, amp=False)
    with precision.autocast():
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == torch.float32
    assert (precision.name, precision.scale()) == ("float32", 1.0)


def test_amp_computes_in_the_type_that_it_names():
    precision = Precision(CPU, amp=True)
    with precision.autocast():
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert str(product.dtype) == f"torch.{precision.name}"
    assert precision.name in ("float32", "bfloat16"), "a CPU has no loss scaling"
    assert precision.scale() == 1.0
