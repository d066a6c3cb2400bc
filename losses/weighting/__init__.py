"""The weightings by name: how the tasks' weights w_t come about. One method a file."""

from losses.weighting.achievement import Achievement
from losses.weighting.auto_lambda import AutoLambda
from losses.weighting.base import Weighting
from losses.weighting.cov import CoV
from losses.weighting.dtp import DTP
from losses.weighting.dwa import DWA
from losses.weighting.famo import FAMO
from losses.weighting.fixed import Fixed
from losses.weighting.fmtl import FMTL
from losses.weighting.go4align import GO4Align
from losses.weighting.imtl_l import IMTLL
from losses.weighting.ldc_mtl import LDCMTL
from losses.weighting.rlw import RLW
from losses.weighting.scale_invariant import ScaleInvariant
from losses.weighting.stch import STCH
from losses.weighting.uncertainty import Uncertainty
from losses.weighting.uw_so import UWSO
from utils.part import Registry

__all__ = ["WEIGHTINGS", "Weighting"]

WEIGHTINGS = Registry(
    "weighting",
    {
        "fixed": Fixed,
        "rlw": RLW,
        "dwa": DWA,
        "dtp": DTP,
        "fmtl": FMTL,
        "achievement": Achievement,
        "uncertainty": Uncertainty,
        "imtl-l": IMTLL,
        "si": ScaleInvariant,
        "famo": FAMO,
        "stch": STCH,
        "uw-so": UWSO,
        "cov": CoV,
        "ldc-mtl": LDCMTL,
        "go4align": GO4Align,
        "auto-lambda": AutoLambda,
    },
)
