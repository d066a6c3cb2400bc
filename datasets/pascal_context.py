"""PASCAL-Context for multi-task learning, as ASTMT prepares it (Maninis et al., CVPR 2019): 4,998 +
5,105 images of VOC 2010, all with classes and with normals."""

from __future__ import annotations

from datasets.base import Dataset, Sample, Split
from datasets.formats.base import Label
from datasets.formats.class_masks import ClassMask
from datasets.formats.distilled_normals import DistilledNormals
from datasets.formats.normal_maps import NormalMap
from datasets.listing import names_in, read_list
from datasets.voc import CLASSES as VOC_CLASSES

CLASSES = VOC_CLASSES["segmentation"]
_LISTS = {"train": "train", "test": "val"}
_MASK_FOLDERS = ("semseg/VOC12", "semseg/pascal-context")  # VOC's own first, as ASTMT does


class PascalContext(Dataset):
    """`PASCAL_MT`, by `ImageSets/Context/train.txt` and `val.txt` (the test set).

    The normals are the predictions of a network that learnt on NYU, in 8-bit PNG. They count on the
    classes that NYU has, which `pascal-context/trainval/<id>.mat` tells; everywhere, where that
    folder is not there.
    """

    folder = "PASCAL_MT"
    signs = ("normals_distill", "semseg/pascal-context")
    labels = {"segmentation": CLASSES, "normal": ()}
    expected = {
        "train": dict.fromkeys(("images", "segmentation", "normal"), 4_998),
        "test": dict.fromkeys(("images", "segmentation", "normal"), 5_105),
    }

    def list(self, folder, split):
        listed_in = folder / "ImageSets" / "Context" / f"{_LISTS[split]}.txt"
        ids = [name for (name,) in read_list(listed_in)]
        voc_masks = names_in(folder / _MASK_FOLDERS[0])
        context = folder / "pascal-context" / "trainval"
        with_classes = context.is_dir()
        mask = ClassMask(CLASSES)
        normal = DistilledNormals() if with_classes else NormalMap()
        samples = []
        for name in ids:
            masks = folder / _MASK_FOLDERS[f"{name}.png" not in voc_masks]
            normals = (folder / "normals_distill" / f"{name}.png",)
            classes = (context / f"{name}.mat",) if with_classes else ()
            labels = {
                "segmentation": Label(mask, (masks / f"{name}.png",)),
                "normal": Label(normal, normals + classes),
            }
            samples.append(Sample(folder / "JPEGImages" / f"{name}.jpg", labels, listed_in))
        return Split(self.name, tuple(samples), {"segmentation": CLASSES}, folder)
