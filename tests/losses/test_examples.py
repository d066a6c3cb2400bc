"""The examples in the docstrings of the losses run, and give what they say."""

import doctest
import importlib
import pkgutil

import pytest

import losses.gradient
import losses.weighting

MODULES = [
    f"{package.__name__}.{module.name}"
    for package in (losses.weighting, losses.gradient)
    for module in pkgutil.iter_modules(package.__path__)
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_method_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
