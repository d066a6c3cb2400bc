"""Options of the official repository of the achievement paper that have no counterpart here.

Its cfg files are read as they are; each of these options in one is told to the user once, with what
is done instead. The official options that are not here are options of `utils/config.py`, by their
name or by an alias.
"""

_CRITERION = "detection always uses the IoU-aware focal and complete IoU losses"
_CONTINUES = "the same command again continues its run"
_PLACES = "a run's processes find one another by themselves"

UNUSED = {
    "frozen_stages": "all stages of the backbone are trained",
    "sync_bn": "BatchNorm is as in the network's own definition",
    "normal_type": "DeepLab's neck begins with aspp, the other networks' with conv",
    "head_type": "VMM's heads are mbconv, EfficientDet's dsconv, DeepLab's conv",
    "activation": "it is relu6 in VMM, swish in EfficientDet, relu in DeepLab",
    "cls_head": "detection predicts every class by a sigmoid",
    "training_size": "images are trained and tested at --size",
    "year": "VOC is 2007 and 2012 together",
    "cls_loss_type": _CRITERION,
    "loc_loss_type": _CRITERION,
    "iou_aware_cls": _CRITERION,
    "fine_tune": "training begins from --pretrained",
    "fine_tune_iter": "training begins from --pretrained",
    "resume": _CONTINUES,
    "resume_epoch": _CONTINUES,
    "cold_epoch": "the learning rate follows --warmup_epoch and --scheduler",
    "freeze_epoch": "all layers are trained from the first epoch on",
    "teacher": "the single-task baselines are the teachers",
    "output": "everything a run writes is in its folder below --runs",
    "subfolder": "--run NAME puts a run beside another one",
    "remove_ckpt": "the best and the last checkpoint are kept",
    "mix_up": "images are not mixed",
    "dist_url": _PLACES,
    "world_size": _PLACES,
    "local_rank": _PLACES,
}
"""Why each option is not used, by name."""

SHORT = {"-ci": "cold_epoch", "-fi": "freeze_epoch"}
