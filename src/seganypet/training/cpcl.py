"""Cross prompting confident learning (CPCL): learning from labels of low quality [P1 §3.2-3.3, Alg. 1].

The predictions after each of a volume's n clicks, Ŷ_1 … Ŷ_n, are compared with each other. All functions work on a
batch at once, the predictions being given click by click; eq. 2 to 5 act on samples of low quality (LQ) only, those of
high quality (HQ) have their supervised loss alone (Alg. 1, lines 11 to 17).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from seganypet.errors import UsageError

Ramp = Literal["paper", "squared"]
Entropy = Literal["mean", "last", "disagreement"]
Labels = Literal["flipped", "confident", "raw"]
LQWeight = Literal["ramped", "full"]
Predictions = Sequence[Tensor]
_RAMP_STEEPNESS = 5.0


@dataclass(frozen=True, kw_only=True)
class CPCLConfig:
    """Settings of CPCL; the defaults are the paper's, and its text leaves `uncertainty_threshold` open.

    Attributes:
        consistency: Whether the consistency loss counts (eq. 3).
        labels: What is learned from LQ samples: "flipped" flips labels where the uncertainty exceeds the threshold
            (eq. 5); "confident" replaces them by the mean prediction where the uncertainty is below the threshold
            (a variant told in notes on the paper); "raw" leaves them as they are.
        uncertainty_threshold: H of eq. 5 in nats, at most ln 2 = 0.693, where nothing is flipped any more; or "mean",
            the mean of each sample's own uncertainty map, as in the released script.
        entropy: What the uncertainty is computed from: "mean", the mean prediction (eq. 4); "last", the prediction
            after the last click; "disagreement", the entropy of the mean less the mean entropy, which is high only
            where the prompts disagree and not where all of them see a blurred border.
        lq_weight: "ramped", the factor λβ of eq. 6; "full", 1 as for HQ samples (to tell the effects apart).
        beta: β of eq. 6.
        ramp: λ over time, see `ramp_up`.
        ramp_maximum: ω_max, λ at the end.

    Raises:
        UsageError: An unknown choice, a threshold outside 0 to ln 2, or a negative weight.
    """

    consistency: bool = True
    labels: Labels = "flipped"
    uncertainty_threshold: float | Literal["mean"] = 0.69
    entropy: Entropy = "mean"
    lq_weight: LQWeight = "ramped"
    beta: float = 5.0
    ramp: Ramp = "paper"
    ramp_maximum: float = 0.1

    def __post_init__(self) -> None:
        for name, choices in (
            ("labels", Labels),
            ("entropy", Entropy),
            ("lq_weight", LQWeight),
            ("ramp", Ramp),
        ):
            if getattr(self, name) not in get_args(choices):
                raise UsageError(
                    f"{name}={getattr(self, name)!r}; choose one of {', '.join(get_args(choices))}"
                )
        threshold = self.uncertainty_threshold
        if threshold != "mean" and not (
            isinstance(threshold, (int, float)) and 0 <= threshold <= math.log(2)
        ):
            raise UsageError(
                f"uncertainty_threshold={threshold!r}; expected 0 to ln 2 = 0.693 nats, or 'mean'"
            )
        for name in ("beta", "ramp_maximum"):
            if not 0 <= getattr(self, name) < math.inf:
                raise UsageError(f"{name}={getattr(self, name)}; expected 0 or more")


def mean_prediction(predictions: Predictions) -> Tensor:
    """Return Ȳ, the mean over the clicks [P1 eq. 2].

    Args:
        predictions: Probabilities Ŷ_i after each click, float32 [B, 1, I, J, K].

    Returns:
        Float32 [B, 1, I, J, K].
    """
    return _sum(predictions) / len(predictions)


def consistency_loss(predictions: Predictions) -> Tensor:
    """Return L_cps, how far the predictions are from their mean [P1 eq. 3], for each sample.

    The sum over the clicks of the mean over the voxels of (Ȳ - Ŷ_i)²: a sum over the voxels, as the equation's norm
    reads, would be a hundred times the supervised loss. The gradient is that of the whole expression; letting none
    through Ȳ would not change it, since the Ȳ - Ŷ_i add up to 0.

    Args:
        predictions: Probabilities after each click, float32 [B, 1, I, J, K].

    Returns:
        Float32 [B].
    """
    mean = mean_prediction(predictions)
    return _sum([(mean - one).square().flatten(1).mean(1) for one in predictions])


def predictive_entropy(probability: Tensor) -> Tensor:
    """Return the entropy of target against background per voxel, in nats, 0 to ln 2 [P1 eq. 4]."""
    entropy: Tensor = torch.special.entr(probability) + torch.special.entr(1 - probability)
    return entropy


def uncertainty(predictions: Predictions, kind: Entropy = "mean") -> Tensor:
    """Return U per voxel, in nats [P1 eq. 4]; nothing is learned through it.

    Args:
        predictions: Probabilities after each click, float32 [B, 1, I, J, K].
        kind: See `CPCLConfig.entropy`.

    Returns:
        Float32 [B, 1, I, J, K].
    """
    predictions = [one.detach() for one in predictions]
    if kind == "last":
        return predictive_entropy(predictions[-1])
    total = predictive_entropy(mean_prediction(predictions))
    if kind == "mean":
        return total
    single = mean_prediction([predictive_entropy(one) for one in predictions])
    return (total - single).clamp(min=0)  # Jensen: below 0 by rounding only


def flipped_labels(labels: Tensor, uncertain: Tensor, threshold: float | Tensor) -> Tensor:
    """Return ỹ = y + 1(u > H)·(-1)^y: labels flipped where the uncertainty exceeds H [P1 eq. 5].

    Args:
        labels: y, bool [B, 1, I, J, K].
        uncertain: u, of the same shape.
        threshold: H, a number or one per sample, [B, 1, 1, 1, 1].

    Returns:
        Bool [B, 1, I, J, K].
    """
    return labels ^ (uncertain > threshold)


def confident_labels(
    labels: Tensor, prediction: Tensor, uncertain: Tensor, threshold: float | Tensor
) -> Tensor:
    """Return labels replaced by what is predicted wherever the uncertainty is below the threshold.

    Args:
        labels: Bool [B, 1, I, J, K].
        prediction: Mean probability, of the same shape.
        uncertain: Uncertainty, of the same shape.
        threshold: A number or one per sample, [B, 1, 1, 1, 1].
    """
    return torch.where(uncertain < threshold, prediction.detach() > 0.5, labels)


def rectified_labels(predictions: Predictions, labels: Tensor, config: CPCLConfig) -> Tensor:
    """Return the labels to learn from in place of noisy ones, bool [B, 1, I, J, K]; see `CPCLConfig.labels`.

    Args:
        predictions: Probabilities after each click, float32 [B, 1, I, J, K].
        labels: Noisy labels, bool [B, 1, I, J, K].
        config: Which labels, from which uncertainty, at which threshold.
    """
    if config.labels == "raw":
        return labels
    uncertain = uncertainty(predictions, config.entropy)
    threshold: float | Tensor
    if config.uncertainty_threshold == "mean":
        threshold = uncertain.mean(dim=(1, 2, 3, 4), keepdim=True)
    else:
        threshold = config.uncertainty_threshold
    if config.labels == "flipped":
        return flipped_labels(labels, uncertain, threshold)
    return confident_labels(labels, mean_prediction(predictions), uncertain, threshold)


def ramp_up(progress: float, config: CPCLConfig) -> float:
    """Return λ of eq. 6: small at first, ω_max at the end.

    "paper" is ω_max·exp(-5(1 - t/t_max)), as P1 §B.2 prints it; "squared" is the usual Gaussian ramp,
    ω_max·exp(-5(1 - t/t_max)²), which P1's words name.

    Args:
        progress: t/t_max, 0 to 1.
        config: Kind and maximum.
    """
    left = 1 - progress
    return config.ramp_maximum * math.exp(-_RAMP_STEEPNESS * (left if config.ramp == "paper" else left**2))


def _sum(terms: Sequence[Tensor]) -> Tensor:
    """Return the sum, without an array that holds all terms."""
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
