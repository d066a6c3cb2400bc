"""Renders labelled scenes of rooms and writes them as the real datasets lie on disk.

python3 scripts/render_scenes.py --root data --layout VOC NYU --train 384 --val 96
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tqdm import tqdm

from datasets.scenes import LAYOUTS, write
from utils.errors import UserError, one_line


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"error: {one_line(message)}\n")


def main() -> int:
    options = _parser().parse_args()
    try:
        write(
            options.root,
            list(dict.fromkeys(options.layout)),
            options.train,
            options.val,
            tuple(options.size),
            options.seed,
            options.processes,
            lambda done, **about: tqdm(done, unit="img", **about),
        )
    except UserError as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: what was not finished is removed", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--root", type=Path, required=True, help="the folder of the datasets (dataset_root)")
    add("--layout", nargs="+", choices=LAYOUTS, default=list(LAYOUTS), help="all unless given")
    count = {"type": _number(1, 1_000_000), "metavar": "N"}
    add("--train", default=384, **count, help="training images of each (%(default)s); VOC gets "
        "15/24 as many")  # fmt: skip
    add("--val", default=96, **count, help="test images of each (%(default)s)")
    size = {"type": _number(32, 4096), "nargs": 2, "metavar": ("H", "W")}
    add("--size", default=(120, 160), **size, help="height and width in pixels (120 160)")
    add(
        "--seed",
        type=_number(0, 2**32 - 1),
        default=0,
        metavar="S",
        help="%(default)s unless given",
    )
    add("--processes", type=_number(1, 1024), metavar="P", help="as many as there are cores")
    return parser


def _number(least: int, most: int):
    def number(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must be from {least:,} to {most:,}, is {text}")
        return value

    number.__name__ = "whole number"  # argparse names it in its message
    return number


if __name__ == "__main__":
    sys.exit(main())
