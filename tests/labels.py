"""Labels of files, as a dataset would have them."""

import contextlib

from datasets import DATASETS
from datasets.custom import section_part
from datasets.formats import Label
from datasets.formats.class_masks import ClassMask
from datasets.formats.depth_maps import DepthMap
from datasets.formats.normal_maps import NormalMap
from datasets.formats.voc_xml import VocXml
from datasets.unite import build_tasks
from tasks import TASKS

FORMATS = {
    "segmentation": ClassMask,
    "detection": VocXml,
    "depth": DepthMap,
    "normal": NormalMap,
}


@contextlib.contextmanager
def keep_registered():
    """Tasks that are defined within it are registered within it alone."""
    parts, aliases = dict(TASKS.parts), dict(TASKS.aliases)
    try:
        yield
    finally:
        TASKS.parts, TASKS.aliases = parts, aliases


def label(task, *files, **storage):
    """A label of a task in files of the usual format, with options of the format."""
    return Label(FORMATS[task.task_type](task.classes, **storage), files)


def read(task, file, size, **storage):
    """The target in a file for an image of `size` (height, width)."""
    return label(task, file, **storage).read(size)


def read_split(name, root, split):
    """A split of a dataset that comes along."""
    choice = DATASETS.choose(name)
    return choice.build(choice.name).read(root, split)


def tasks_of(task_types, splits, classes="separate", **options):
    """The tasks of merged datasets, with options of those that have them."""
    choices = [
        TASKS.choose(name, {o: v for o, v in options.items() if o in TASKS[name].options})
        for name in task_types
    ]
    return build_tasks(choices, splits, classes)


def custom_dataset(name="factory", **words):
    """A dataset of the user's own; the words of each key as a cfg has them."""
    part = section_part()
    values = {}
    for spelling, text in words.items():
        declared = part.options[part.spelled(spelling, words)]
        parts = list(text) if isinstance(text, tuple) else text.split()
        values[declared.name] = declared.parse(parts if declared.is_list else [text])
    return part(name, **values)
