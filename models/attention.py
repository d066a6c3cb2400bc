"""The attention of MTAN, by which a task picks from maps that all tasks share."""

from __future__ import annotations

from torch import nn

from models.layers import ConvNorm


class Attention(nn.Sequential):
    """A mask with values in (0, 1): a 1×1 conv-BN-ReLU, then a 1×1 conv-BN-sigmoid (MTAN, Liu et
    al., CVPR 2019, section 3.2).

    Args:
        inputs: channels of what it looks at.
        hidden: channels in between.
        outputs: channels of the mask.
        bias: whether the convolutions have biases.
    """

    def __init__(self, inputs: int, hidden: int, outputs: int, bias: bool = False):
        super().__init__(
            ConvNorm(inputs, hidden, 1, bias=bias),
            ConvNorm(hidden, outputs, 1, activation=None, bias=bias),
            nn.Sigmoid(),
        )
