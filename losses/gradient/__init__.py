"""The gradient rules by name: how the T gradients become one update. One rule a file.

`METHODS` are the rules as the objective uses them. `RULES` are those of them that depend on the
gradients only through their inner products, as pure functions: RULES[name](gramian) -> weights.
"""

from collections.abc import Callable

from torch import Tensor

from losses.gradient.aligned_mtl import AlignedMTL, aligned_mtl
from losses.gradient.base import Rule
from losses.gradient.cagrad import CAGrad, cagrad
from losses.gradient.db_mtl import DBMTL, db_mtl
from losses.gradient.fairgrad import FairGrad, fairgrad
from losses.gradient.grad_norm import GradNorm
from losses.gradient.graddrop import GradDrop
from losses.gradient.gradvac import GradVac, gradvac
from losses.gradient.imtl_g import IMTLG, imtl_g
from losses.gradient.mgda import MGDA, mgda
from losses.gradient.nash_mtl import NashMTL, nash_mtl
from losses.gradient.pcgrad import PCGrad, pcgrad
from losses.gradient.upgrad import UPGrad, upgrad

PLACES = ("parameters", "last_layer", "features")
"""Where the gradients can be taken: at all shared parameters, at those of the last shared layer, or
at the shared features."""

METHODS: dict[str, type[Rule]] = {
    "grad-norm": GradNorm,
    "mgda": MGDA,
    "pcgrad": PCGrad,
    "cagrad": CAGrad,
    "imtl-g": IMTLG,
    "graddrop": GradDrop,
    "gradvac": GradVac,
    "aligned-mtl": AlignedMTL,
    "nash-mtl": NashMTL,
    "fairgrad": FairGrad,
    "db-mtl": DBMTL,
    "upgrad": UPGrad,
}

RULES: dict[str, Callable[..., Tensor]] = {
    "mgda": mgda,
    "pcgrad": pcgrad,
    "cagrad": cagrad,
    "imtl-g": imtl_g,
    "gradvac": gradvac,
    "aligned-mtl": aligned_mtl,
    "nash-mtl": nash_mtl,
    "fairgrad": fairgrad,
    "db-mtl": db_mtl,
    "upgrad": upgrad,
}
