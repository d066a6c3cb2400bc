"""`--mode check`: reads all data that a cfg would use, and says what is there."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.modes.base import Mode
from utils.errors import UserError
from utils.option import option

if TYPE_CHECKING:
    from engine.config import Config
    from engine.modes.check.scan import ScanResult
    from engine.runs.data import Data


class Check(Mode):
    """Reads every file of the training, validation and test sets, counts what is there, draws
    samples, and names what is damaged or missing."""

    json: bool = option(False, "print a summary or a check as JSON", affects="nothing")

    def run(self, config):
        from engine.modes.check.report import report, summary
        from engine.modes.check.scan import scan
        from engine.modes.check.sheet import write_sheet
        from engine.runs.folder import cfg_folder

        # With `json`, nothing but the JSON goes to stdout.
        with contextlib.redirect_stdout(sys.stderr) if self.json else contextlib.nullcontext():
            results, faults = scan(config)
            data = _build_data(config, results, faults)
            sheet = write_sheet(cfg_folder(config) / "check.png", results)
        result = summary(config, results, faults, data, sheet)
        as_json = json.dumps(result, indent=2, ensure_ascii=False)
        print(as_json if self.json else report(result, results), flush=True)
        own_unmatched = [e for e in result["unmatched"] if e["dataset"] in config.datasets]
        return 1 if result["damaged"] or own_unmatched else 0


def _build_data(config: Config, results: Sequence[ScanResult], faults: list[str]) -> Data | None:
    """The data that a training would have; None where they cannot be divided. Adds to `faults` why,
    unless damaged files tell that already."""
    from engine.runs.data import build_data
    from engine.runs.missing import disk_note

    sizes = {result.data.name: result.sizes for result in results if result.part == "train"}
    try:
        data = build_data(config, missing_allowed=True)
        data.notes += disk_note(config, data, sizes)
        return data
    except UserError as error:
        if not faults and not any(result.damaged for result in results):
            faults.append(str(error))
        return None
