"""The protocol of a run: which labels its training images keep, as told and as written down."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from datasets.base import Split
from datasets.protocols import KeptTypes
from engine.runs.folder import RunFolder
from engine.runs.identity import protocol_of
from tasks import TASKS
from utils.errors import UserError
from utils.files import write_text
from utils.text import count_of

if TYPE_CHECKING:
    from engine.config import Config


class Row(NamedTuple):
    """A training image: its dataset, its place there, and for each task type that it has a label
    of, whether the label is kept."""

    dataset: str
    image: str
    kept: dict[str, bool]


@dataclass
class KeptLabels:
    """Which labels the training images keep, a row an image."""

    rows: list[Row]

    def as_csv(self) -> str:
        """A column a task type: 1 for a label that is kept, 0 for one that is not, and nothing
        where the image has none."""
        types = [name for name in sorted(TASKS) if any(name in row.kept for row in self.rows)]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["dataset", "image", *types])
        for dataset, image, kept in self.rows:
            writer.writerow([dataset, image, *(int(kept[t]) if t in kept else "" for t in types)])
        return text.getvalue()

    def check(self, config: Config) -> None:
        """Checks that labels are left for the tasks of the cfg.

        Raises:
            ConfigError: the images keep none for a task.
        """
        for task in config.run.tasks:
            kept = [row.kept[task.name] for row in self.rows if task.name in row.kept]
            if kept and not any(kept):
                raise config.error(
                    "protocol",
                    f"the training images keep none of their {count_of(len(kept), 'label')} for "
                    f"{task.name}",
                )

    def notes(self, config: Config) -> list[str]:
        """How many labels of the cfg's tasks are kept, a line for each dataset that has some."""
        types = [task.name for task in config.run.tasks]
        rows: dict[str, list[dict[str, bool]]] = {}
        for dataset, _, kept in self.rows:
            if any(name in kept for name in types):
                rows.setdefault(dataset, []).append(kept)
        return [
            f"{dataset}: protocol {_in_words(config)} keeps of the training labels: "
            f"{_counted(types, kept)}"
            for dataset, kept in rows.items()
        ]


def kept_types(config: Config, listed: Sequence[Split]) -> list[KeptTypes | None]:
    """What the cfg's protocol keeps of each of its training datasets.

    Args:
        listed: all training images of each, with all their labels.

    Raises:
        ConfigError: the protocol is none for these images.
    """
    name = config.data.protocol.name
    for choice in config.data.train_dataset:
        if reason := choice.part.refused_protocols.get(name):
            raise config.error("protocol", f"{choice.name} has no protocol {name}: {reason}")
    with config.located():
        protocol = config.data.protocol.build()
        datasets = zip(listed, config.data.train_dataset, strict=True)
        kept = [protocol.kept(split, choice.part.list_columns) for split, choice in datasets]
    labelled = frozenset().union(*(split.samples.label_types().all for split in listed))
    for name in protocol.settings.get("protocol_tasks", ()):
        if name not in labelled:
            raise config.error("protocol_tasks", f"no training image has a label for {name}")
    return kept


def keep_labels(
    splits: Sequence[Split], kept: Sequence[KeptTypes | None]
) -> tuple[list[Split], KeptLabels | None]:
    """The training images with the labels that are kept, and which these are; None where all are.

    Args:
        kept: by dataset, what :func:`kept_types` gives.
    """
    if None in kept:
        return list(splits), None
    rows, results = [], []
    for split, types in zip(splits, kept, strict=True):
        samples = []
        for sample in split.samples:
            of_image = types[sample.image]
            labels = {name: label for name, label in sample.labels.items() if name in of_image}
            samples.append(replace(sample, labels=labels))
            is_kept = {name: name in labels for name in sample.labels}
            rows.append(Row(split.name, split.id_of(sample.image), is_kept))
        results.append(replace(split, samples=tuple(samples)))
    return results, KeptLabels(rows)


def write_protocol(folder: RunFolder, kept: KeptLabels | None) -> None:
    """Writes which labels the run learns from, where these are not all.

    Raises:
        UserError: the run has begun with others.
    """
    if kept is None:
        return
    text = kept.as_csv()
    if not (folder.has_state and folder.protocol.exists()):
        write_text(folder.protocol, text)
    elif folder.protocol.read_bytes() != text.encode():
        raise UserError(
            f"{folder.protocol} names other labels than those that the cfg keeps now, so the list "
            "or the images have changed, or the file has; `--run NAME` starts another run"
        )


def protocol_values(config: Config) -> dict[str, Any] | None:
    """The protocol with all of its options, as JSON has it; None where images keep all labels. A
    list counts by the digest of what it holds."""
    identity = protocol_of(config)
    return identity and {**config.data.protocol.all_values(), **identity}


def _in_words(config: Config) -> str:
    """'one-label (protocol_seed = 0)'."""
    choice = config.data.protocol
    values = {name: value for name, value in choice.all_values().items() if value != ()}
    options = (f"{name} = {choice.part.options[name].format(v)}" for name, v in values.items())
    return f"{choice.name} ({', '.join(options)})"


def _counted(types: Sequence[str], rows: Sequence[dict[str, bool]]) -> str:
    """'depth 4 of 12, normal 5 of 12; 3 images without a label for the cfg's tasks'."""
    counts = ", ".join(
        f"{name} {sum(kept.get(name, False) for kept in rows):,} of {labels:,}"
        for name in types
        if (labels := sum(name in kept for kept in rows))
    )
    bare = sum(not any(kept.get(name) for name in types) for kept in rows)
    images = f"; {count_of(bare, 'image')} without a label for the cfg's tasks"
    return counts + (images if bare else "")
