"""The report of a check, as JSON and in words."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from engine.modes.check.classes import class_table, near_names, table_in_words
from engine.modes.check.epoch import epoch_counts, epoch_in_words
from engine.modes.check.scan import ScanResult
from engine.runs.data import Data
from engine.runs.decisions import decisions_in_words, unmatched_in_words
from tasks import Task
from tasks.statistics import LabelStatistics, percent
from utils.canvas import Canvas
from utils.text import count_of

if TYPE_CHECKING:
    from engine.config import Config
    from engine.options import DataOptions

_WIDTH = 100  # characters of a line
_COMMON = 3  # sizes of images that are named
_NAMED = 20  # warnings that are told in words


def summary(
    config: Config,
    results: Sequence[ScanResult],
    faults: Sequence[str],
    data: Data | None,
    sheet: Path,
) -> dict:
    """The whole report as JSON has it.

    Args:
        faults: what is wrong beside single files, such as splits that cannot be listed.
        data: what a training would have; None where the images cannot be divided.
        sheet: where the sheet of samples is.
    """
    classes = class_table(config, results)
    return {
        "cfg": str(config.path),
        "damaged": [{"file": None, "reason": fault} for fault in dict.fromkeys(faults)]
        + [
            {"file": str(damage.file), "reason": damage.reason}
            for damage in dict.fromkeys(d for result in results for d in result.damaged)
        ],
        "unmatched": _unmatched(results),
        "notes": [*(data.notes if data else ()), *near_names(classes)],
        "classes": classes,
        "epoch": epoch_counts(config, data, results) if data else None,
        "contact_sheet": str(sheet),
        "splits": [_split(result, config.data) for result in results],
    }


def _unmatched(results: Sequence[ScanResult]) -> list[dict]:
    """The labels that belong to no image, once for each dataset and task."""
    entries = [
        {"dataset": result.data.name, "task": kind, **asdict(result.data.unmatched[kind])}
        for result in results
        for kind in result.statistics
        if kind in result.data.unmatched
    ]
    return [entry for number, entry in enumerate(entries) if entry not in entries[:number]]


def _split(result: ScanResult, options: DataOptions) -> dict:
    """A split; the options say how images come to their size."""
    samples = result.data.samples
    statistics = result.statistics
    return {
        "dataset": result.data.name,
        "split": result.part,
        "images": result.listed,
        "used": len(samples),
        "expected": dict(result.expected),
        "damaged": len(result.damaged),
        "sizes": _sizes(result.sizes),
        "tasks": {
            kind: {
                "labels": int(samples.label_types().has(kind).sum()),
                **counted.result(),
            }
            for kind, counted in statistics.items()
        },
        "decided": {
            "dataset": dict(result.data.decided),
            **{task.task_type: _decided(task, statistics) for task in result.tasks},
        },
        "notes": [
            *_turned(result.sizes, options),
            *_noted(result.turned),
            *(
                f"{kind}: {note}"
                for kind, counted in statistics.items()
                for note in counted.notes()
            ),
        ],
        "warnings": [warning for counted in statistics.values() for warning in counted.warnings],
    }


def _decided(task: Task, statistics: Mapping[str, LabelStatistics]) -> dict[str, str]:
    """What the numbers of a task's labels are taken to mean, by subject. Where the files of a
    dataset differ, the number of labels stands after each meaning."""
    decided = {}
    for subject, meanings in statistics[task.task_type].decided.items():
        counted = [f"{meaning} ({count_of(n, 'label')})" for meaning, n in meanings.items()]
        decided[subject] = ", ".join(meanings if len(meanings) == 1 else counted)
    return {**decided, **task.decided()}


def _turned(sizes: Counter[tuple[int, int]], options: DataOptions) -> list[str]:
    """A note where most images are upright and `size` lies, or the other way round."""
    size = options.size
    turned = {s: n for s, n in sizes.items() if (s[0] - s[1]) * (size[0] - size[1]) < 0}
    count = sum(turned.values())
    if 2 * count <= sizes.total():
        return []
    name = f"size {size[0]} {size[1]} (height, width)"
    many = f"{count_of(count, 'image')} of {sizes.total():,}"
    if options.aspect == "stretch":
        return [f"{name} turns most images from upright to lying or the other way: {many}"]
    padding = sum(n * _padding(s, options) for s, n in turned.items()) / count
    return [
        f"{name} lies and most images are upright, or the other way: padding takes "
        f"{percent(padding)} of the pixels of {many}"
    ]


def _padding(image: tuple[int, int], options: DataOptions) -> float:
    """The share of padding in the input that an image becomes."""
    canvas = Canvas.of(image, options.size, options.aspect).size
    return 1 - image[0] * image[1] / (canvas[0] * canvas[1])


def _noted(turned: int) -> list[str]:
    """A note where cameras ask to turn images."""
    if not turned:
        return []
    carry = "1 image carries" if turned == 1 else f"{turned:,} images carry"
    return [
        f"{carry} a camera's note (EXIF) to turn or mirror the picture, which is not followed: "
        "labels must have been made on the pixels as they are stored"
    ]


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


def report(summary: dict, results: Sequence[ScanResult]) -> str:
    """The same in words: a paragraph a split, then what is wrong, by file."""
    lines = []
    for split, result in zip(summary["splits"], results, strict=True):
        lines += [*_paragraph(split, result), ""]
    warnings = list(dict.fromkeys(w for split in summary["splits"] for w in split["warnings"]))
    if warnings:
        lines += ["warnings:", *(f"  {warning}" for warning in warnings[:_NAMED])]
        if len(warnings) > _NAMED:
            lines.append(f"  and {len(warnings) - _NAMED:,} more; --json lists them all")
        lines.append("")
    lines += table_in_words(summary["classes"])
    lines += epoch_in_words(summary["epoch"]) if summary["epoch"] else []
    lines += [f"samples: {summary['contact_sheet']}", ""]
    lines += [*(f"note: {note}" for note in summary["notes"]), *([""] if summary["notes"] else [])]
    if summary["unmatched"]:
        lines.append("labels that belong to no image:")
        lines += [f"  {unmatched_in_words(**entry)}" for entry in summary["unmatched"]] + [""]
    damaged = summary["damaged"]
    if not damaged:
        return "\n".join([*lines, "every file can be read"])
    lines.append(
        f"missing, damaged or not what the dataset should hold: {_counted(len(damaged), 'file')}"
    )
    for damage in damaged:
        where = f"{damage['file']}: " if damage["file"] else ""
        lines.append(f"  {where}{damage['reason']}")
    return "\n".join(lines)


def _paragraph(split: dict, result: ScanResult) -> list[str]:
    expected = split["expected"]
    images = _counted(split["images"], "image", expected.get("images"))
    if split["used"] < split["images"]:
        images += f", {split['used']:,} of them with labels of the cfg's tasks"
    name = f"{split['dataset']} {split['split']}"
    lines = _wrapped(f"{name}: {images}{_sizes_in_words(split['sizes'])}", 0)
    if decided := split["decided"]["dataset"]:
        lines += _wrapped(f"decided: {decisions_in_words(decided)}", 2)
    if split["damaged"]:
        lines.append(f"  damaged: {_counted(split['damaged'], 'file')}, named at the end")
    for kind, counted in result.statistics.items():
        labels = _counted(split["tasks"][kind]["labels"], "label", expected.get(kind))
        lines += _wrapped(f"{kind}: {labels}", 2)
        for line in counted.lines() if counted.labels else []:
            lines += _wrapped(line, 4)
        if decided := split["decided"][kind]:
            lines += _wrapped(f"decided: {decisions_in_words(decided)}", 4)
    for note in split["notes"]:
        lines += _wrapped(f"note: {note}", 2)
    return lines


def _counted(count: int, noun: str, expected: int | None = None) -> str:
    """A number of things, beside the one that is known of the whole dataset."""
    text = count_of(count, noun)
    if expected is None:
        return text
    full = "as many as in" if count == expected else f"{expected:,} in"
    return f"{text} ({full} the full data)"


def _sizes_in_words(sizes: dict) -> str:
    if not sizes["different"]:
        return ""
    common = [f"{entry['images']:,} of {_size(entry['size'])}" for entry in sizes["common"]]
    if sizes["different"] == 1:
        return f", {_size(sizes['common'][0]['size'])}"
    ranges = " and ".join(
        f"{low} to {high} {direction}"
        for (low, high), direction in ((sizes["heights"], "high"), (sizes["widths"], "wide"))
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
