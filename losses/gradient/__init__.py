"""The gradient rules by name: how the T gradients become one update. One rule a file."""

from losses.gradient.aligned_mtl import AlignedMTL
from losses.gradient.base import Aggregator, NoAggregator
from losses.gradient.cagrad import CAGrad
from losses.gradient.config import ConFIG
from losses.gradient.config_m import MomentumConFIG
from losses.gradient.db_mtl import DBMTL
from losses.gradient.excess_mtl import ExcessMTL
from losses.gradient.fairgrad import FairGrad
from losses.gradient.from_torchjd import TORCHJD, torchjd_aggregator
from losses.gradient.grad_norm import GradNorm
from losses.gradient.graddrop import GradDrop
from losses.gradient.gradvac import GradVac
from losses.gradient.imtl_g import IMTLG
from losses.gradient.mgda import MGDA
from losses.gradient.moco import MoCo
from losses.gradient.modo import MoDo
from losses.gradient.nash_mtl import NashMTL
from losses.gradient.norm_balance import NormBalance
from losses.gradient.ntk_mtl import NTKMTL
from losses.gradient.pcgrad import PCGrad
from losses.gradient.sdmgrad import SDMGrad
from losses.gradient.upgrad import UPGrad
from utils.part import Registry

__all__ = ["AGGREGATORS", "PLACES", "Aggregator"]

PLACES = ("parameters", "last_layer", "features")
"""Where the gradients can be taken: at all shared parameters, at those of the last shared layer, or
at the shared features."""

AGGREGATORS = Registry(
    "gradient rule",
    {
        "none": NoAggregator,
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
        "norm-balance": NormBalance,
        "ntk-mtl": NTKMTL,
        "config": ConFIG,
        "config-m": MomentumConFIG,
        "moco": MoCo,
        "modo": MoDo,
        "sdmgrad": SDMGrad,
        "excess-mtl": ExcessMTL,
    },
    prefixes={TORCHJD: torchjd_aggregator},
)
