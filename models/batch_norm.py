"""BatchNorm with the statistics of the whole batch, whether one process has it or many share it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from utils.errors import ConfigError
from utils.precision import at_least_float32
from utils.ranks import Ranks

_ONE_VALUE = "BatchNorm has no statistics of one value a channel, which is all that the batch has"


class BatchNorm(nn.BatchNorm2d):
    """BatchNorm of maps that may be a single pixel. A single image has no statistics in such a map:
    the running ones take their place, where PyTorch would stop the training."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training and x.shape[0] * x.shape[2] * x.shape[3] == 1:
            return self.by_running_statistics(x)
        return super().forward(x)

    def by_running_statistics(self, x: Tensor) -> Tensor:
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
        )


class SynchronisedBatchNorm(BatchNorm):
    """A BatchNorm of a network that several processes train, each on a share of the batch: its
    statistics and gradients are those of the whole batch. Shares may be uneven or empty. All
    processes call the layer alike, and differentiate what it returns alike.

    Args:
        norm: the layer whose place it takes; parameters and buffers are the same tensors.
        processes: that share the batch.

    Attributes:
        stand_in: whether the images at hand stand in for an empty share, and count nowhere.

    Raises:
        ValueError: in training, the whole batch has one value a channel, and `norm` is PyTorch's.
    """

    def __init__(self, norm: nn.BatchNorm2d, processes: Ranks):
        super().__init__(norm.num_features, norm.eps, norm.momentum, device="meta")
        self.weight, self.bias = norm.weight, norm.bias
        for name, buffer in norm.named_buffers(recurse=False):
            setattr(self, name, buffer)
        self.train(norm.training)
        self.takes_one_value = isinstance(norm, BatchNorm)
        self.stand_in = False
        self._shared = _Shared(processes)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return self.by_running_statistics(x)
        if self.stand_in:
            return torch.cat([self._by_whole_batch(x[:0]), torch.zeros_like(x)])
        return self._by_whole_batch(x)

    def _by_whole_batch(self, x: Tensor) -> Tensor:
        count, mean, squares = merged(self._shared.gather(moments(x.detach())))
        # The number of values is asked for, and the device waited for, only where it may be one.
        if x.shape[2] * x.shape[3] == 1 and count <= 1:
            if not self.takes_one_value:
                raise ValueError(_ONE_VALUE)
            return self.by_running_statistics(x)
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean.to(self.running_mean), self.momentum)
            unbiased = squares / (count - 1)
            self.running_var.lerp_(unbiased.to(self.running_var), self.momentum)
        statistics = mean, squares / count, count
        return _Normalise.apply(
            x, self.weight, self.bias, *statistics, self.eps, self._shared.processes
        )


class _NormaliseAndActivate(SynchronisedBatchNorm):
    """In the place of timm's `BatchNormAct2d`, which is followed by an activation."""

    def __init__(self, norm: nn.BatchNorm2d, processes: Ranks):
        super().__init__(norm, processes)
        self.drop, self.act = norm.drop, norm.act

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.drop(super().forward(x)))


def synchronise(network: nn.Module, processes: Ranks) -> None:
    """Gives every BatchNorm of a network the statistics of the whole batch. Parameters and buffers
    stay the same under the same names. With one process nothing changes.

    Args:
        network: a :class:`models.network.Network`.
        processes: that share the batches; a batch has an image on at least one of them.

    Raises:
        ConfigError: a layer of the backbone mixes images in another way; names both.
    """
    if processes.size == 1:
        return
    for name, layer in list(network.named_modules(remove_duplicate=False)):
        if not _mixes_images(layer):
            continue
        replacement = _replacement(layer)
        if replacement is None:
            raise ConfigError(
                f"backbone {network.backbone.name} cannot be trained by several processes: its "
                f"layer {name.removeprefix('backbone.')}, a {type(layer).__name__}, would have the "
                "statistics of one process's images; take another backbone, or one process",
                "backbone",
            )
        network.set_submodule(name, replacement(layer, processes))


def _mixes_images(layer: nn.Module) -> bool:
    has_statistics = getattr(layer, "running_var", None) is not None
    return has_statistics or isinstance(layer, nn.modules.batchnorm._BatchNorm)


def _replacement(layer: nn.Module) -> type[SynchronisedBatchNorm] | None:
    """The class of what takes the place of a layer that mixes images; None: there is none."""
    if type(layer) in (nn.BatchNorm2d, BatchNorm):
        whole = layer.affine and layer.track_running_stats and layer.momentum is not None
        return SynchronisedBatchNorm if whole else None
    # By its name, as timm takes long to import.
    return _NormaliseAndActivate if type(layer).__name__ == "BatchNormAct2d" else None


@contextmanager
def stand_in(network: nn.Module) -> Iterator[None]:
    """While the context lasts, the images that a network is given stand in for an empty share of
    the batch: they count in no BatchNorm, where synchronised ones meet those of other processes."""
    layers = [layer for layer in network.modules() if isinstance(layer, SynchronisedBatchNorm)]
    for layer in layers:
        layer.stand_in = True
    try:
        yield
    finally:
        for layer in layers:
            layer.stand_in = False


@contextmanager
def running_statistics_kept(network: nn.Module) -> Iterator[None]:
    """While the context lasts, the network learns no running statistics: for images that it has
    seen in the same forward pass already."""
    layers = [m for m in network.modules() if getattr(m, "running_mean", None) is not None]
    buffers = [layer._buffers for layer in layers]
    before = [dict(own) for own in buffers]
    # Copies take the changes. In their own memory the numbers could not be changed back: a graph
    # may need them as they are.
    for own in buffers:
        own.update({name: buffer.clone() for name, buffer in own.items() if buffer is not None})
    try:
        yield
    finally:
        for own, kept in zip(buffers, before, strict=True):
            own.update(kept)


def moments(x: Tensor) -> Tensor:
    """(3, C): of the values of each channel of `x` (B, C, H, W), their number, mean, and sum of
    squared distances from the mean; zeros of no images."""
    x = at_least_float32(x)
    if not len(x):
        return x.new_zeros(3, x.shape[1])
    mean, variance = torch.batch_norm_update_stats(x, None, None, 0.0)
    count = x.numel() // x.shape[1]
    return torch.stack([torch.full_like(mean, count), mean, variance * count])


def merged(parts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The moments of all values from those of their parts (Chan, Golub and LeVeque, "Updating
    Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979).

    Args:
        parts: (N, 3, C) as :func:`moments` gives them.

    Returns:
        count (), mean (C) and sum of squared distances from the mean (C).
    """
    counts, means, squares = parts.unbind(dim=1)
    count = counts[:, 0].sum()
    shares = counts / count
    mean = (shares * means).sum(dim=0)
    # Once more, from there: the mean of large numbers is no less exact than that of small ones.
    mean = mean + (shares * (means - mean)).sum(dim=0)
    return count, mean, (squares + counts * (means - mean).square()).sum(dim=0)


class _Shared:
    """What a copy of a layer has in common with it, as in an average of the weights."""

    def __init__(self, processes: Ranks):
        self.processes = processes

    def __deepcopy__(self, memo: dict) -> _Shared:
        return self

    def gather(self, part: Tensor) -> Tensor:
        """(N, …) the tensors of all processes in the order of their ranks, on each of them."""
        whole = part.new_zeros(self.processes.size, *part.shape)
        whole[self.processes.rank] = part
        return self.processes.sum_statistics(whole)


class _Normalise(torch.autograd.Function):
    """(x − mean) / √(variance + eps) · weight + bias, where mean and variance are those of the
    whole batch, of which `x` is this process's share."""

    @staticmethod
    def forward(
        ctx,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        variance: Tensor,
        count: Tensor,
        eps: float,
        processes: Ranks,
    ) -> Tensor:
        ctx.save_for_backward(x, weight, mean, (variance + eps).rsqrt(), count)
        ctx.processes = processes
        return F.batch_norm(x, mean, variance, weight, bias, eps=eps)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, inverse_deviation, count = ctx.saved_tensors
        along, total = _gradient_sums(gradient, x, mean, inverse_deviation)
        whole_along, whole_total = ctx.processes.sum_statistics(torch.stack([along, total])) / count
        result = (x - _per_channel(mean)).mul_(_per_channel(-inverse_deviation * whole_along))
        result.add_(gradient).sub_(_per_channel(whole_total))
        result.mul_(_per_channel(inverse_deviation * weight))
        return result.to(x.dtype), along, total, None, None, None, None, None


def _gradient_sums(
    gradient: Tensor, x: Tensor, mean: Tensor, inverse_deviation: Tensor
) -> tuple[Tensor, Tensor]:
    """(C) Σ gradient · normalised x, and (C) Σ gradient, over the images of this process: the
    gradients of weight and bias."""
    if not len(x):  # PyTorch's function would divide by zero
        return torch.zeros_like(mean), torch.zeros_like(mean)
    _, along, total = torch.ops.aten.native_batch_norm_backward(
        gradient, x, None, None, None, mean, inverse_deviation, True, 0.0, [False, True, True]
    )
    return along, total


def _per_channel(values: Tensor) -> Tensor:
    """(C) → (C, 1, 1)"""
    return values.view(-1, 1, 1)
