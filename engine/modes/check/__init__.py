"""`--mode check`: reads all data that a cfg would use, and says what is there."""

from __future__ import annotations

import contextlib
import json
import sys

from engine.modes.base import Mode
from utils.option import option


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
            results, unlisted = scan(config)
            sheet = write_sheet(cfg_folder(config) / "check.png", results)
        result = summary(config, results, unlisted, sheet)
        as_json = json.dumps(result, indent=2, ensure_ascii=False)
        print(as_json if self.json else report(result, results), flush=True)
        return 1 if result["damaged"] else 0
