"""The averages over a grid, as exports compute them."""

import pytest
import torch
from torch.nn import functional as F

from models.heads.pyramid_pooling import BINS, GridAverage


@pytest.mark.parametrize("bins", BINS)
@pytest.mark.parametrize("size", [(6, 12), (7, 11), (3, 5), (1, 1)])
def test_an_export_has_the_averages_of_torch_s_pooling(bins, size, monkeypatch):
    x = torch.randn(2, 3, *size)
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
    torch.testing.assert_close(GridAverage(bins)(x), F.adaptive_avg_pool2d(x, bins))
