"""Labels of files, as a dataset would have them."""

from datasets import DATASETS
from datasets.formats import Label
from datasets.formats.class_masks import ClassMask
from datasets.formats.depth_maps import DepthMap
from datasets.formats.normal_maps import NormalMap
from datasets.formats.voc_xml import VocXml

FORMATS = {
    "segmentation": ClassMask,
    "detection": VocXml,
    "depth": DepthMap,
    "normal": NormalMap,
}


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
