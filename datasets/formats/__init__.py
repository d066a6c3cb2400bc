"""The formats that labels are stored in, one file each. A dataset says in which format its labels
are; a task says what they mean. Every format in this folder is found by itself."""

from __future__ import annotations

import importlib
import pkgutil

from datasets.formats.base import FORMATS, Format, Label

__all__ = ["FORMATS", "Format", "Label"]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
