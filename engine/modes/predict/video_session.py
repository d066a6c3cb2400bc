"""The frames of one video, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import numpy as np

from engine.modes.predict.answer import Answer
from engine.modes.predict.inputs import Source
from engine.modes.predict.outputs import Drawing, OutputFile
from engine.modes.predict.pipeline import in_order
from engine.modes.predict.video import VideoReader, VideoWriter
from utils.errors import DataError

if TYPE_CHECKING:
    from engine.modes.predict.session import Session

_MISSING = 0.02
"""Of the frames that a video says it has, the share that may be missing: some only estimate it."""

_PATTERN = "%06d"  # of the frames' names, which count from 1, as ffmpeg's do


def predict_video(session: Session, source: Source) -> None:
    """Predicts every frame of a video, a camera or a stream. Its pictures are videos too; what else
    is saved is a file a frame.

    Raises:
        DataError: a camera or a stream cannot be opened.
        Stopped: a signal has come. What was drawn of a camera by then is kept.
    """
    try:
        reader = VideoReader(source.address)
    except DataError as reason:
        if source.is_live:
            raise
        session.record.fail(source.address, str(reason))
        return
    with closing(reader):
        _Video(session, source, reader).run()


class _Video:
    def __init__(self, session: Session, source: Source, reader: VideoReader):
        self.session, self.source, self.reader = session, source, reader
        folder = session.outputs.folder
        self.videos = {
            drawing: VideoWriter(path, reader.rate)
            for drawing in session.outputs.drawings
            if session.record.may_write(path := folder / drawing.folder / f"{source.stem}.mp4")
        }
        self.frames, self.size = 0, (0, 0)

    def run(self) -> None:
        session = self.session
        with ExitStack() as stack:
            stack.push(self._close)
            # Left before the videos are closed, so that none is closed while it is written.
            drawing = stack.enter_context(ThreadPoolExecutor(1))
            prepared = in_order(session.readers, self._prepare, self._numbered(), session.ahead)
            answers = session.predictor.answers(prepared)
            saved = in_order(session.writers, self._save, answers, session.threads)
            for answer in in_order(drawing, self._add, saved, 2):
                for path in answer.there:
                    session.record.skip(path)
                session.count(answer)
                self.frames += 1
        self._list()

    def _numbered(self) -> Iterator[tuple[int, np.ndarray]]:
        return enumerate(self.reader.frames(), start=1)

    def _prepare(self, numbered: tuple[int, np.ndarray]) -> Answer:
        number, image = numbered
        self.size = image.shape[:2]
        name = f"{self.source.name}/{_PATTERN % number}"
        answer = Answer(f"{self.source.address}, frame {number}", name, f"{name}.png")
        files = self.session.outputs.files(name, pictures=False)
        answer.files, answer.there = self.session.files_to_write(files)
        if not (answer.files or self.videos or self.session.has_summaries):
            return answer
        return self.session.prepare(answer, image, bool(self.videos))

    def _save(self, answer: Answer) -> tuple[Answer, dict[Drawing, np.ndarray]]:
        """Writes the files of a frame, and draws its pictures."""
        self.session.save(answer)
        if answer.input is None:
            return answer, {}
        return answer, {drawing: drawing.draw(answer) for drawing in self.videos}

    def _add(self, drawn: tuple[Answer, dict[Drawing, np.ndarray]]) -> Answer:
        answer, pictures = drawn
        for drawing, picture in pictures.items():
            self.videos[drawing].add(picture)
        return answer

    def _close(self, kind: type | None, *_: object) -> None:
        """Keeps the videos that are whole; those of a camera end when the user says so."""
        for video in self.videos.values():
            video.close(keep=kind is None or self.source.is_live)

    def _list(self) -> None:
        session, source = self.session, self.source
        if not self.frames:
            session.record.fail(source.address, f"{source.address}: has no frame that can be read")
            return
        if not source.is_live and self.frames < (1 - _MISSING) * self.reader.count - 1:
            reason = f"only {self.frames} of about {self.reader.count} frames can be read"
            session.record.fail(source.address, f"{source.address}: {reason}")
        height, width = self.size
        entry = {"input": source.address, "frames": self.frames, "rate": self.reader.rate}
        entry |= {"height": height, "width": width}
        files = session.outputs.files(f"{source.name}/{_PATTERN}", pictures=False)
        files += [
            OutputFile(drawing.label, "pictures", video.path, drawing.draw, True)
            for drawing, video in self.videos.items()
        ]
        session.record.add(entry | session.listed(files))
