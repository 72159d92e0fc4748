"""One training episode: simulated clicks on a batch, the previous logits fed back, a prediction after every click."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, get_args

import numpy as np
import torch
from torch import Tensor

from seganypet.errors import UsageError
from seganypet.models.model import ModelDescription, PromptPolicy
from seganypet.prompts import CLICK_POLICIES, ClickPolicy, next_click
from seganypet.training.priors import draw_prior
from seganypet.training.sample import Sample

_PADDING = -1
_BOX_CORNERS = (2, 3)


class Network(Protocol):
    """What an episode asks of a network; see `models.model.Segmenter`."""

    def encode(self, patch: Tensor) -> Any:
        """Return the image embedding."""

    def decode(
        self, embedding: Any, coords: Tensor | None, labels: Tensor | None, logits: Tensor | None
    ) -> Tensor:
        """Return low-resolution logits."""

    def upscale(self, low_res_logits: Tensor) -> Tensor:
        """Return logits at the patch's resolution."""

    @property
    def logits_size(self) -> int:
        """Voxels along each side of the low-resolution logits."""


@dataclass(frozen=True, kw_only=True)
class EpisodeConfig:
    """How a reader is simulated.

    Attributes:
        clicks: Fewest and most clicks of an iteration, drawn anew for every iteration (P2: 1 to 20).
        learned: How many predictions of an iteration are learned from, at most, drawn anew; the others, which cost a
            third, only lead to further clicks. None: all.
        policies: Where clicks go, as `prompts.next_click` knows it, with the share of each; they add up to 1.
        perturbation_mm: Standard deviation of a click's random move along each axis.
        mask_only_share: Chance that a step after the first is given the previous mask alone, without a click.
        second_pass_share: Chance that the first prediction of an iteration is made in two passes, the first of which is
            not learned from: so the network learns to go on from what it said itself.
        prior_share: Chance that a sample starts with a part of its mask known, as a window beside another one does,
            with a mask that a reader gave, or with a rough one, as a coarser scale sees it.
        box_share: Chance that a sample starts with a box in place of a click; 0 unless the network takes boxes.
        prompt_policy: Whether the network is shown all clicks so far ("all") or the newest alone ("newest"), and will
            be so ever after; None: as its description says.

    Raises:
        UsageError: A range, share or policy that is none.
    """

    clicks: tuple[int, int] = (1, 20)
    learned: int | None = None
    policies: tuple[tuple[ClickPolicy, float], ...] = (("uniform", 1.0),)
    perturbation_mm: float = 0.0
    mask_only_share: float = 0.0
    second_pass_share: float = 0.0
    prior_share: float = 0.0
    box_share: float = 0.0
    prompt_policy: PromptPolicy | None = None

    def __post_init__(self) -> None:
        fewest, most = self.clicks
        if not 1 <= fewest <= most:
            raise UsageError(f"clicks={self.clicks}; expected 1 <= fewest <= most")
        if self.learned is not None and self.learned < 1:
            raise UsageError(f"learned={self.learned}; expected 1 or more, or none")
        if self.prompt_policy not in (None, *get_args(PromptPolicy)):
            raise UsageError(
                f"prompt_policy={self.prompt_policy!r}; choose {' or '.join(get_args(PromptPolicy))}, or none"
            )
        for name in ("mask_only_share", "second_pass_share", "prior_share", "box_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name}={getattr(self, name)}; expected 0 to 1")
        if not 0 <= self.perturbation_mm < math.inf:
            raise UsageError(f"perturbation_mm={self.perturbation_mm}; expected 0 or more")
        unknown = [policy for policy, _ in self.policies if policy not in CLICK_POLICIES]
        shares = [share for _, share in self.policies]
        if unknown or min(shares, default=-1) < 0 or not math.isclose(sum(shares), 1):
            raise UsageError(
                f"policies={self.policies}; expected some of {', '.join(CLICK_POLICIES)} with shares that add up to 1"
            )


class Prompts:
    """The prompts of a batch so far: points with labels, one more for every sample with each click.

    Args:
        points: Of each sample, [B, N, 3].
        labels: 1 positive, 0 negative, -1 padding, 2 and 3 corners of a box, [B, N].
        policy: Whether the network is shown all of them, or those of the newest step; a box is shown in every one.
    """

    def __init__(self, points: Tensor, labels: Tensor, policy: PromptPolicy) -> None:
        self._points, self._labels, self._policy = [points], [labels], policy

    def add(self, points: Tensor, labels: Tensor) -> None:
        """Add the prompts of one step."""
        self._points.append(points)
        self._labels.append(labels)

    def shown(self) -> tuple[Tensor, Tensor]:
        """Return points [B, N, 3] and labels [B, N] as the network is shown them now."""
        if self._policy == "newest":
            return self._newest()
        return torch.cat(self._points, dim=1), torch.cat(self._labels, dim=1)

    def _newest(self) -> tuple[Tensor, Tensor]:
        """Return the prompts of the newest step, and the boxes of the first."""
        points, labels = self._points[-1], self._labels[-1]
        boxed = self._labels[0] >= min(_BOX_CORNERS)
        if len(self._labels) == 1 or not boxed.any():
            return points, labels
        boxes = torch.where(boxed, self._labels[0], _PADDING)
        return torch.cat([self._points[0], points], dim=1), torch.cat([boxes, labels], dim=1)


def run_episode(
    network: Network,
    batch: Sample,
    config: EpisodeConfig,
    description: ModelDescription,
    rng: np.random.Generator,
    *,
    passes: tuple[int, int] = (1, 1),
) -> list[Tensor]:
    """Return the logits after each click at the patch's resolution, float32 [B, 1, P, P, P] each [P1 eq. 1, Alg. 1].

    The image embedding is computed once. The first click is each sample's anchor; every later one goes where the
    prediction differs from the reference, positive where it misses, negative where it exceeds. Each sample's clicks
    follow from its own seed, so they do not depend on what it shares a batch with. Logits that are not to be learned
    from need no gradient.

    Args:
        network: The network.
        batch: What to train on.
        config: How the reader is simulated.
        description: Whether clicks accumulate or the newest alone is shown, and how large a voxel is.
        rng: Of what the batch has in common: number of clicks, and which steps see the mask alone.
        passes: How often the decoder runs at the first step and at each later one, its logits fed back in between.
    """
    rngs = [np.random.default_rng(int(seed)) for seed in batch.seed]
    embedding = network.encode(batch.patch)
    prompts = _first_prompts(batch, config, description.prompt_policy, rngs)
    previous = _priors(batch, config, rngs, network.logits_size)
    steps, predictions = int(rng.integers(config.clicks[0], config.clicks[1] + 1)), []
    learned = _learned(steps, config, rng)
    again = bool(config.second_pass_share) and rng.random() < config.second_pass_share
    for step in range(steps):
        alone = step > 0 and rng.random() < config.mask_only_share
        points, labels = (None, None) if alone else prompts.shown()
        count = passes[1] if step else passes[0] + again
        for number in range(1, count + 1):
            learns = torch.is_grad_enabled() and step in learned and number == count
            with torch.set_grad_enabled(learns):
                low_res = network.decode(embedding, points, labels, previous)
                predictions += [network.upscale(low_res.float())] if number == count else []
            previous = low_res.detach().float()
        if step + 1 < steps:
            predicted = predictions[-1].detach() > 0
            prompts.add(*_next_clicks(predicted, batch.reference, config, description.spacing_mm, rngs))
    return predictions


def _learned(steps: int, config: EpisodeConfig, rng: np.random.Generator) -> Collection[int]:
    """Return which of the steps are learned from."""
    if config.learned is None or config.learned >= steps:
        return range(steps)
    return {int(step) for step in rng.choice(steps, config.learned, replace=False)}


def _first_prompts(
    batch: Sample, config: EpisodeConfig, policy: PromptPolicy, rngs: Sequence[np.random.Generator]
) -> Prompts:
    """Return each sample's anchor as a positive click, or its box."""
    clicked = batch.anchor[:, None].float()
    positive = torch.ones(len(clicked), 1, dtype=torch.long, device=clicked.device)
    if not config.box_share:
        return Prompts(clicked, positive, policy)
    boxed = torch.tensor([rng.random() < config.box_share for rng in rngs], device=clicked.device)[:, None]
    points = torch.where(boxed[..., None], batch.box, clicked.expand(-1, 2, -1))
    corners = torch.tensor(_BOX_CORNERS, device=clicked.device)
    alone = torch.tensor([1, _PADDING], device=clicked.device)
    return Prompts(points, torch.where(boxed, corners, alone), policy)


def _priors(
    batch: Sample, config: EpisodeConfig, rngs: Sequence[np.random.Generator], size: int
) -> Tensor | None:
    """Return the logits known before the first prompt, 0 where nothing is, or None where nobody knows any."""
    if not config.prior_share:
        return None
    logits = torch.zeros_like(batch.reference, dtype=torch.float32)
    for n, rng in enumerate(rngs):
        if rng.random() < config.prior_share:
            logits[n, 0] = draw_prior(batch.reference[n, 0], batch.anchor[n], rng)
    return logits if size == logits.shape[-1] else torch.nn.functional.adaptive_avg_pool3d(logits, size)


def _next_clicks(
    prediction: Tensor,
    reference: Tensor,
    config: EpisodeConfig,
    spacing_mm: float,
    rngs: Sequence[np.random.Generator],
) -> tuple[Tensor, Tensor]:
    """Return one more click for each sample, [B, 1, 3] and [B, 1]; padding where the masks agree."""
    predicted, wanted = prediction.cpu().numpy(), reference.cpu().numpy()
    names, shares = [name for name, _ in config.policies], [share for _, share in config.policies]
    points, labels = [], []
    for n, rng in enumerate(rngs):
        chosen: ClickPolicy = names[int(rng.choice(len(names), p=shares))]
        click = next_click(
            predicted[n, 0],
            wanted[n, 0],
            spacing_mm=(spacing_mm,) * 3,
            policy=chosen,
            generator=rng,
            perturbation_mm=config.perturbation_mm,
        )
        points.append(click.ijk if click else (0.0, 0.0, 0.0))
        labels.append(int(click.positive) if click else _PADDING)
    device = prediction.device
    return (
        torch.tensor(points, device=device)[:, None],
        torch.tensor(labels, dtype=torch.long, device=device)[:, None],
    )
