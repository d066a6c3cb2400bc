"""PASCAL-Context for multi-task learning, as ASTMT prepares it (Maninis et al., CVPR 2019): 4,998 +
5,105 images of VOC 2010, all with classes and with normals."""

from __future__ import annotations

from pathlib import Path

from datasets.base import Label, Sample, Source, label_file, names_in, read_list
from datasets.presence import require_listed
from datasets.voc import CLASSES as VOC_CLASSES

CLASSES = VOC_CLASSES["segmentation"]
_LISTS = {"train": "train", "test": "val"}
_MASK_FOLDERS = ("semseg/VOC12", "semseg/pascal-context")  # VOC's own first, as ASTMT does


def read(root: Path, split: str) -> Source:
    """Reads `root/PASCAL_MT` by `ImageSets/Context/train.txt` and `val.txt` (the test set).

    The normals are the predictions of a network that learnt on NYU, in 8-bit PNG. They count on the
    classes that NYU has, which `pascal-context/trainval/<id>.mat` tells; everywhere, where that
    folder is not there.
    """
    # Not above: with the tasks comes torch, and rendering scenes does without.
    from tasks.distilled import DistilledNormals

    folder = root / "PASCAL_MT"
    listed_in = folder / "ImageSets" / "Context" / f"{_LISTS[split]}.txt"
    ids = [name for (name,) in read_list(listed_in)]
    own = names_in(folder / _MASK_FOLDERS[0])
    context = folder / "pascal-context" / "trainval"
    with_classes = context.is_dir()
    samples = []
    for name in ids:
        normals = folder / "normals_distill" / f"{name}.png"
        labels: dict[str, Label] = {
            "segmentation": folder / _MASK_FOLDERS[f"{name}.png" not in own] / f"{name}.png",
            "normal": normals,
        }
        if with_classes:
            labels["normal"] = DistilledNormals(normals, context / f"{name}.mat")
        samples.append(Sample(folder / "JPEGImages" / f"{name}.jpg", labels))
    files = [label_file(label) for sample in samples for label in sample.labels.values()]
    files += [context / f"{name}.mat" for name in ids] if with_classes else []
    require_listed([sample.image for sample in samples], listed_in, files)
    return Source("PASCAL_MT", tuple(samples), {"segmentation": CLASSES})
