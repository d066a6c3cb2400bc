"""One command: its images are read, answered and written, and all of it is listed."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from datasets.formats.images import read_upright
from engine.modes.predict.answer import Answer
from engine.modes.predict.coco import SUMMARIES
from engine.modes.predict.inputs import Source
from engine.modes.predict.outputs import SHEETS, OutputFile, Outputs
from engine.modes.predict.pipeline import Predictor, in_order
from engine.modes.predict.record import Record
from engine.modes.predict.video import frame_count
from engine.runs.prediction import InputForm
from utils import signals
from utils.errors import DataError
from utils.files import replacing


class Session:
    """The answers of a network, and the files that they go to.

    Args:
        sources: what is predicted.
        threads: that read images, and as many that write answers.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        predictor: Predictor,
        outputs: Outputs,
        record: Record,
        threads: int,
    ):
        self.sources, self.predictor, self.outputs = sources, predictor, outputs
        self.record = record
        self.form = InputForm.of(predictor.network)
        self.readers, self.writers = ThreadPoolExecutor(threads), ThreadPoolExecutor(threads)
        self.threads = threads  # and so many answers wait, which may be large
        self.ahead = 2 * max(predictor.batch_size, threads)
        numbered = _are_numbered(sources)
        self.summaries = [
            files(task, outputs.folder, numbered, record.may_write)
            for task in outputs.tasks
            for save, files in (SUMMARIES.get(task.label_type, (None, None)),)
            if save in outputs.save
        ]
        self.bar = tqdm(
            total=_count(sources),
            unit="img",
            dynamic_ncols=True,
            leave=False,
            disable=not sys.stderr.isatty(),
        )

    def run(self, about: Mapping[str, Any]) -> None:
        """Does it, and lists in `predictions.json` what was done, however it ends.

        Args:
            about: what the list says of the network.

        Raises:
            Stopped: a signal has come.
            OSError: a file cannot be written.
        """
        from engine.modes.predict.video_session import predict_video

        with signals.deferred():
            try:
                self._images([source for source in self.sources if not source.is_video])
                for source in self.sources:
                    if source.is_video:
                        predict_video(self, source)
            except BaseException:
                self._close()
                with suppress(OSError):  # which may be what has happened
                    self._write_lists({**about, "complete": False})
                raise
            self._close()
            self._write_lists({**about, "complete": True})

    def files_to_write(self, files: Sequence[OutputFile]) -> tuple[list[OutputFile], list[Path]]:
        """The files that may be written, and the paths of those that are there already."""
        if self.record.overwrite:
            return list(files), []
        there = [file.path for file in files if os.path.lexists(file.path)]
        return [file for file in files if file.path not in there], there

    @property
    def has_summaries(self) -> bool:
        """Whether files of all images are to be written."""
        return any(summary.is_written for summary in self.summaries)

    def prepare(self, answer: Answer, image: np.ndarray, is_drawn: bool) -> Answer:
        """Gives an answer what the network and the pictures need of its image."""
        answer.input = self.form.input(image)
        answer.image = image if is_drawn else None
        return answer

    def save(self, answer: Answer) -> Answer:
        """Writes the files of an answer, each whole or not at all.

        Raises:
            OSError: one cannot be written.
        """
        for file in answer.files if answer.input is not None else ():
            content = file.encode(answer)
            file.path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(file.path, durable=False) as temporary:
                temporary.write_bytes(content)
        return answer

    def count(self, answer: Answer) -> None:
        """Counts an image, and adds it to the files of all images.

        Raises:
            Stopped: a signal has come.
        """
        if answer.input is not None:
            self.record.images += 1
            for summary in self.summaries:
                summary.add(answer)
        self.bar.update()
        signals.check()

    def listed(self, files: Sequence[OutputFile]) -> dict[str, Any]:
        """The entries of `predictions.json` about files, their paths below the output's folder."""
        result: dict[str, Any] = {"files": {}}
        for file in files:
            path = file.path.relative_to(self.outputs.folder).as_posix()
            if file.label == SHEETS:
                result["sheet"] = path
            else:
                result["files"].setdefault(file.label, {})[file.kind] = path
        return result

    def _images(self, sources: Sequence[Source]) -> None:
        read = in_order(self.readers, self._read, sources, self.ahead)
        answers = self.predictor.answers(read)
        saved = in_order(self.writers, self.save, answers, self.threads)
        for answer in saved:
            for path in answer.there:
                self.record.skip(path)
            if answer.failure:
                self.record.fail(answer.source, answer.failure)
            elif answer.input is not None:
                height, width = answer.size
                entry = {"input": answer.source, "height": height, "width": width}
                self.record.add(entry | self.listed(answer.files))
            self.count(answer)

    def _read(self, source: Source) -> Answer:
        """An image as far as the network wants it; what is wrong with it, where it cannot be
        read."""
        answer = Answer(source.address, source.stem, source.name)
        answer.files, answer.there = self.files_to_write(self.outputs.files(source.stem))
        if not answer.files and not self.has_summaries:
            return answer
        try:
            image = read_upright(Path(source.address))
        except DataError as reason:
            answer.failure = str(reason)
            return answer
        return self.prepare(answer, image, any(file.drawn for file in answer.files))

    def _close(self) -> None:
        for threads in (self.readers, self.writers):
            threads.shutdown(cancel_futures=True)
        self.bar.close()

    def _write_lists(self, about: dict[str, Any]) -> None:
        files = {}
        for summary in self.summaries:
            files[summary.task.name] = {
                kind: path.relative_to(self.outputs.folder).as_posix()
                for kind, path in summary.write().items()
            }
        self.record.write({**about, "files": files})


def _are_numbered(sources: Sequence[Source]) -> bool:
    """Whether each source is an image that is called by a number of its own."""
    names = [os.path.basename(os.path.splitext(source.name)[0]) for source in sources]
    return (
        all(name.isascii() and name.isdecimal() for name in names)
        and len(set(map(int, names))) == len(names)
        and not any(source.is_video for source in sources)
    )


def _count(sources: Sequence[Source]) -> int | None:
    """The number of images in all, where somebody sees it; None where it is not known."""
    if any(source.is_live for source in sources) or not sys.stderr.isatty():
        return None
    videos = [source.address for source in sources if source.is_video]
    return len(sources) - len(videos) + sum(map(frame_count, videos))
