"""`--mode report`: one page over finished runs, and the same tables as Markdown, LaTeX and CSV."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.modes.base import Mode
from utils.errors import UserError
from utils.option import option

if TYPE_CHECKING:
    from engine.modes.report.contents import Contents
    from engine.modes.report.experiments import Experiment

_PAGE = ".html"


class Report(Mode):
    """Reports finished runs, found in folders at any depth, which may come from several machines:
    the losses against one another over their seeds, with what is noise and what to beware of.

    One page that needs no other file is written, and beside it, under the same name, the tables as
    .md, .tex and .csv.
    """

    needs = "folders"

    folders: tuple[str, ...] = option(
        (),
        "the folders of the runs of a report, or folders that hold some; they stand after `--mode "
        "report`",
        affects="nothing",
    )
    output: str = option("report.html", "the page of a report", affects="nothing")
    reference: str | None = option(
        None,
        "the loss, or the row of a table, that a report takes differences from (empty: "
        "weighted-sum)",
        affects="nothing",
    )
    pareto: tuple[str, ...] = option(
        (), "the two tasks of a report's Pareto plot (empty: the first two)", affects="nothing"
    )

    def run(self, config):
        from engine.modes.report.experiments import experiments_of
        from engine.modes.report.runs import find_runs
        from engine.modes.report.sections import report_page
        from engine.modes.report.tables import as_csv, latex, markdown
        from utils.files import write_text

        page = self._page()
        found = find_runs(self.folders)
        for note in found.notes:
            print(f"note: {note}", file=sys.stderr)
        if not (experiments := experiments_of(found.runs)):
            raise UserError(f"{', '.join(self.folders)}: all runs are trials of a search")
        contents = self._contents(experiments)
        chapters = [each.chapter for each in contents]
        files = {
            page: report_page(found, contents, self.pareto or None),
            page.with_suffix(".md"): markdown(chapters),
            page.with_suffix(".tex"): latex(chapters),
            page.with_suffix(".csv"): as_csv(chapters),
        }
        _make_folder(page.parent)
        for path, text in files.items():
            write_text(path, text)
            print(path)
        return 0

    def _page(self) -> Path:
        """The place of the page.

        Raises:
            UserError: an option has another form.
        """
        if len(self.pareto) not in (0, 2):
            raise UserError(f"--pareto wants two tasks, not {len(self.pareto)}")
        page = Path(self.output)
        if page.suffix != _PAGE:
            raise UserError(f"--output wants a name that ends in {_PAGE}, not {page}")
        if page.is_dir():
            raise UserError(f"--output: {page} is a folder")
        return page

    def _contents(self, experiments: Sequence[Experiment]) -> list[Contents]:
        """What the report says of each experiment. The reference need not be in all of them.

        Raises:
            UserError: it is in none, or several rows have its loss.
        """
        from engine.modes.report.comparison import has_row
        from engine.modes.report.contents import contents_of
        from utils.option import nearest

        name = self.reference
        if name and not any(has_row(experiment, name) for experiment in experiments):
            rows = dict.fromkeys(row.name for each in experiments for row in each.rows)
            raise UserError(f"--reference: there is no row '{name}'{nearest(name, rows)}")
        return [
            contents_of(each, name if name and has_row(each, name) else None)
            for each in experiments
        ]


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as reason:
        raise UserError(f"--output: {path} cannot be made ({reason.strerror})") from None
