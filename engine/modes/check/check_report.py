"""What a check of the data has found, as JSON and in words."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from engine.examine import Part
from utils.config import Config

_WIDTH = 100  # characters of a line
_COMMON = 3  # sizes of images that are named
_NAMED = 20  # warnings that are told in words


def summary(config: Config, parts: Sequence[Part], unlisted: Sequence[str], sheet: Path) -> dict:
    """All that was found, as JSON has it.

    Args:
        unlisted: what is wrong with splits that cannot be listed.
        sheet: where the sheet of samples is.
    """
    return {
        "cfg": str(config.path),
        "damaged": [{"file": None, "reason": fault} for fault in dict.fromkeys(unlisted)]
        + [
            {"file": str(damage.file), "reason": damage.reason}
            for damage in dict.fromkeys(d for part in parts for d in part.found.damaged)
        ],
        "contact_sheet": str(sheet),
        "splits": [_split(part) for part in parts],
    }


def _split(part: Part) -> dict:
    samples = part.source.samples
    surveys = part.found.surveys
    return {
        "dataset": part.source.name,
        "split": part.split,
        "images": part.listed,
        "used": len(samples),
        "expected": dict(part.expected),
        "damaged": len(part.found.damaged),
        "sizes": _sizes(part.found.sizes),
        "tasks": {
            kind: {
                "labels": sum(kind in sample.labels for sample in samples),
                **survey.result(),
            }
            for kind, survey in surveys.items()
        },
        "notes": [f"{kind}: {note}" for kind, survey in surveys.items() for note in survey.notes()],
        "warnings": [warning for survey in surveys.values() for warning in survey.warnings],
    }


def _sizes(sizes: Counter[tuple[int, int]]) -> dict:
    """(height, width)s: how many there are, the common ones, and the smallest and largest sides."""
    sides = list(zip(*sizes, strict=True)) or [(), ()]
    common = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:_COMMON]
    return {
        "different": len(sizes),
        "common": [{"size": list(size), "images": count} for size, count in common],
        "heights": [min(sides[0]), max(sides[0])] if sizes else None,
        "widths": [min(sides[1]), max(sides[1])] if sizes else None,
    }


def report(found: dict, parts: Sequence[Part]) -> str:
    """The same in words: a paragraph a split, then what is wrong, by file."""
    lines = []
    for split, part in zip(found["splits"], parts, strict=True):
        lines += [*_paragraph(split, part), ""]
    warnings = list(dict.fromkeys(w for split in found["splits"] for w in split["warnings"]))
    if warnings:
        lines += ["warnings:", *(f"  {warning}" for warning in warnings[:_NAMED])]
        if len(warnings) > _NAMED:
            lines.append(f"  and {len(warnings) - _NAMED:,} more; --json lists them all")
        lines.append("")
    lines += [f"samples: {found['contact_sheet']}", ""]
    damaged = found["damaged"]
    if not damaged:
        return "\n".join([*lines, "every file can be read"])
    lines.append(
        f"missing, damaged or not what the dataset should hold: {_counted(len(damaged), 'file')}"
    )
    for damage in damaged:
        where = f"{damage['file']}: " if damage["file"] else ""
        lines.append(f"  {where}{damage['reason']}")
    return "\n".join(lines)


def _paragraph(split: dict, part: Part) -> list[str]:
    expected = split["expected"]
    images = _counted(split["images"], "image", expected.get("images"))
    if split["used"] < split["images"]:
        images += f", {split['used']:,} of them with labels of the cfg's tasks"
    name = f"{split['dataset']} {split['split']}"
    lines = _wrapped(f"{name}: {images}{_sizes_in_words(split['sizes'])}", 0)
    if split["damaged"]:
        lines.append(f"  damaged: {_counted(split['damaged'], 'file')}, named at the end")
    for kind, survey in part.found.surveys.items():
        labels = _counted(split["tasks"][kind]["labels"], "label", expected.get(kind))
        lines += _wrapped(f"{kind}: {labels}", 2)
        for line in survey.lines() if survey.labels else []:
            lines += _wrapped(line, 4)
    for note in split["notes"]:
        lines += _wrapped(f"note: {note}", 2)
    return lines


def _counted(count: int, what: str, expected: int | None = None) -> str:
    """A number of things, beside the one that is known of the whole dataset."""
    text = f"{count:,} {what}{'s' if count != 1 else ''}"
    if expected is None:
        return text
    full = "as many as in" if count == expected else f"{expected:,} in"
    return f"{text} ({full} the full data)"


def _sizes_in_words(sizes: dict) -> str:
    if not sizes["different"]:
        return ""
    common = [f"{one['images']:,} of {_size(one['size'])}" for one in sizes["common"]]
    if sizes["different"] == 1:
        return f", {_size(sizes['common'][0]['size'])}"
    ranges = " and ".join(
        f"{low} to {high} {what}"
        for (low, high), what in ((sizes["heights"], "high"), (sizes["widths"], "wide"))
    )
    return f", {ranges}; {sizes['different']:,} sizes, commonly {', '.join(common)}"


def _size(size: Sequence[int]) -> str:
    return f"{size[0]}×{size[1]}"


def _wrapped(text: str, indent: int) -> list[str]:
    first, rest = " " * indent, " " * (indent + 2)
    lines = textwrap.wrap(
        text.replace(" %", "\N{NO-BREAK SPACE}%"),
        _WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]
