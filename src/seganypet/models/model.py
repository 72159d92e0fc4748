"""A network together with all that must be known to use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, cast, get_args

import torch
from torch import Tensor, nn

from seganypet.errors import WeightsError
from seganypet.models.checks import finite, require_tensor
from seganypet.models.judgement import Judgement, check_judgement

PromptPolicy = Literal["all", "newest"]
# As `preprocessing.intensity.normalise` knows them; this room may not import that one.
Normalisation = Literal["log1p", "zscore_positive"]
Precision = Literal["float32", "bfloat16"]
_LEAST_SCALE = 0.1
# World axis that each end of an axis lies on.
_AXIS_OF = {"R": 0, "L": 0, "A": 1, "P": 1, "S": 2, "I": 2}


class Segmenter(Protocol):
    """What a network offers: the papers' three parts, assembled."""

    @property
    def patch_size(self) -> int:
        """Voxels along each side of a patch."""

    @property
    def field_size(self) -> int:
        """Voxels along each side of what `encode` takes: a patch amid what is seen around it."""

    @property
    def logits_size(self) -> int:
        """Voxels along each side of the decoder's logits."""

    @property
    def boxes(self) -> bool:
        """Whether `decode` takes the corners of a box."""

    @property
    def autocast_part(self) -> nn.Module:
        """The part that mixed precision computes in 16 bits."""

    def encode(self, patch: Tensor) -> Any:
        """Return the image embedding of a normalised patch and what lies around it, [B, 1, F, F, F]."""

    def decode(
        self,
        image_embedding: Any,
        point_coords: Tensor | None,
        point_labels: Tensor | None,
        low_res_logits: Tensor | None,
    ) -> Tensor:
        """Return low-resolution logits [B, 1, L, L, L]."""

    def upscale(self, low_res_logits: Tensor) -> Tensor:
        """Return logits [B, 1, P, P, P]."""


@dataclass(frozen=True, kw_only=True)
class ModelDescription:
    """What a weight file says about itself.

    Attributes:
        name: Name of the weights.
        architecture: Key of `presets.ARCHITECTURES`.
        config: Arguments of the architecture's configuration.
        spacing_mm: Edge of the working grid's voxels.
        scales: Factors of it at which the network works as well, 1 among them: all answer the first click, and the
            answer that is likely to be best is shown.
        judgement: At each scale, the coefficients of the estimate of how good its mask is, by the names of
            `judgement.FEATURES`; empty where nobody learned them.
        orientation: Which way the working grid's axes run, as "RAS": right, anterior, superior.
        normalisation: SUV to network input, see `preprocessing.intensity`.
        prompt_policy: Whether the decoder gets all clicks so far, or the newest with the previous logits.
        passes: How often the decoder runs on a window it sees for the first time, and after each later click; its
            logits are fed back in between, so that a large target can unfold from one click.
        local: Whether a further click changes no more than the part of the mask that it lies in.
        boxes: Whether box prompts were trained.
        bfloat16: Whether masks computed in bfloat16 were seen to agree with those in float32: only then does
            precision "auto" use it.
        licence: Of the weights.
        training_data: What they were trained on, with licences.
        training: How: steps, time, recipe.
        metrics: What was measured, and on what.
        date: When they were made, ISO.
        sha256: Of the weight file.
        intended_use: What they are for, and not for.
        assumed: Fields, and arguments of `config`, that nobody stated: those of a checkpoint which neither its
            tensors show nor its `.json` names, taken to be the authors'.

    Raises:
        WeightsError: A field has the wrong type; the spacing is no positive number; orientation, normalisation
            or prompt policy are unknown; the passes are not two small numbers; or scales lack 1.
    """

    name: str
    architecture: str
    config: Mapping[str, Any]
    spacing_mm: float
    normalisation: Normalisation
    prompt_policy: PromptPolicy
    orientation: str = "RAS"
    scales: tuple[float, ...] = (1.0,)
    judgement: Judgement = field(default_factory=dict)
    passes: tuple[int, int] = (1, 1)
    local: bool = False
    boxes: bool = False
    bfloat16: bool = False
    licence: str = "unknown"
    training_data: Sequence[Mapping[str, str]] = ()
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    date: str = ""
    sha256: str = ""
    intended_use: str = "Research use only, not a medical device."
    assumed: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name in ("local", "boxes", "bfloat16"):
            if not isinstance(getattr(self, name), bool):
                raise WeightsError(f"{name} is {getattr(self, name)!r}; expected true or false")
        for name in ("name", "architecture", "licence", "date", "sha256", "intended_use"):
            if not isinstance(getattr(self, name), str):
                raise WeightsError(f"{name} is {getattr(self, name)!r}; expected text")
        object.__setattr__(self, "passes", tuple(self.passes))  # JSON gives a list
        object.__setattr__(self, "assumed", tuple(self.assumed))
        if len(self.passes) != 2 or not all(isinstance(n, int) and 1 <= n <= 10 for n in self.passes):
            raise WeightsError(f"passes is {self.passes!r}; expected two numbers from 1 to 10")
        object.__setattr__(self, "scales", tuple(self.scales))
        if 1 not in self.scales or not all(map(_is_scale, self.scales)):
            raise WeightsError(
                f"scales is {self.scales!r}; expected factors from {_LEAST_SCALE} to {1 / _LEAST_SCALE:g}, 1 among them"
            )
        spacing: object = self.spacing_mm
        if not isinstance(spacing, (int, float)) or isinstance(spacing, bool) or not 0.1 <= spacing <= 100:
            raise WeightsError(f"spacing_mm is {spacing!r}; expected a number of mm")
        check_judgement(self.judgement, self.scales)
        ends: object = self.orientation
        if not isinstance(ends, str) or sorted(_AXIS_OF.get(end, 3) for end in ends) != [0, 1, 2]:
            raise WeightsError(
                f'orientation is {ends!r}; expected one letter each of R/L, A/P and S/I, as "RAS"'
            )
        if self.normalisation not in get_args(Normalisation):
            raise WeightsError(
                f"normalisation is {self.normalisation!r}; expected one of {', '.join(get_args(Normalisation))}"
            )
        if self.prompt_policy not in get_args(PromptPolicy):
            raise WeightsError(
                f"prompt_policy is {self.prompt_policy!r}; expected one of {', '.join(get_args(PromptPolicy))}"
            )


def _is_scale(scale: object) -> bool:
    return isinstance(scale, (int, float)) and _LEAST_SCALE <= scale <= 1 / _LEAST_SCALE


class SegmentationModel:
    """A network ready to predict, as `load_model` returns it.

    Args:
        network: The assembled network; taken over: frozen, and in part rounded for bfloat16.
        description: What its weights say about themselves.
        device: Where it runs.
        precision: "bfloat16" keeps and computes the network's `autocast_part` in 16 bits; logits come back in
            float32.
    """

    def __init__(
        self,
        network: nn.Module,
        description: ModelDescription,
        *,
        device: torch.device,
        precision: Precision = "float32",
    ) -> None:
        network = network.eval().requires_grad_(False).to(device)
        self._segmenter = cast(Segmenter, network)
        if precision == "bfloat16":
            _halve_weights(self._segmenter.autocast_part)
        self.network = network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        self.description = description
        self.device = device
        self.precision = precision

    @property
    def patch_size(self) -> int:
        """Voxels along each side of a patch."""
        return self._segmenter.patch_size

    @property
    def field_size(self) -> int:
        """Voxels along each side of what `encode` takes: a patch amid what is seen around it."""
        return self._segmenter.field_size

    @property
    def logits_size(self) -> int:
        """Voxels along each side of the logits that `decode` takes and returns."""
        return self._segmenter.logits_size

    @property
    def boxes(self) -> bool:
        """Whether `decode` takes boxes, and the weights learned them."""
        return self.description.boxes and self._segmenter.boxes

    @torch.inference_mode()
    def encode(self, patch: Tensor) -> Any:
        """Return the image embedding, to be used for every click.

        Args:
            patch: As the description says, [B, 1, F, F, F] with F of `field_size`.

        Raises:
            UsageError: It is no tensor.
            GeometryError: It has another shape.
            ImageValueError: It holds NaN or infinity.
        """
        given = finite("patch", patch, self.device)
        with self._autocast():
            return self._segmenter.encode(given)

    @torch.inference_mode()
    def decode(
        self,
        image_embedding: Any,
        point_coords: Tensor | None,
        point_labels: Tensor | None,
        low_res_logits: Tensor | None = None,
    ) -> Tensor:
        """Return low-resolution logits, float32 [B, 1, L, L, L].

        Args:
            image_embedding: From `encode`; of one patch for all prompts, or of as many.
            point_coords: Clicks in voxels of the patch, integer = voxel centre, [B, N, 3]; None, with
                `point_labels`, for the mask alone.
            point_labels: 1 positive, 0 negative, -1 padding, [B, N]; of a network with boxes also 2 and 3, the first
                and the last voxel of a box.
            low_res_logits: The previous result, or None before the first click.

        Raises:
            UsageError: Something is no tensor, or the embedding another model's.
            GeometryError: An embedding or logits of another shape, or batches that do not match.
            PromptError: Coordinates and labels that do not match, an unknown label, or corners that are no box, or
                that these weights never learned.
            ImageValueError: Coordinates or logits hold NaN or infinity.
        """
        coords = None if point_coords is None else finite("point_coords", point_coords, self.device)
        labels = point_labels
        if labels is not None:
            labels = require_tensor("point_labels", labels).to(self.device)
        previous = low_res_logits
        if previous is not None:
            previous = finite("low_res_logits", previous, self.device)
        with self._autocast():
            return self._segmenter.decode(image_embedding, coords, labels, previous).float()

    @torch.inference_mode()
    def upscale(self, low_res_logits: Tensor) -> Tensor:
        """Return logits at the patch's resolution, [B, 1, P, P, P].

        Raises:
            UsageError: They are no tensor.
            GeometryError: They have another shape.
        """
        logits = require_tensor("low_res_logits", low_res_logits)
        return self._segmenter.upscale(logits.to(self.device, torch.float32))

    def to_low_res(self, logits: Tensor) -> Tensor:
        """Return logits [B, 1, P, P, P] averaged to the decoder's resolution, as a mask prompt."""
        size = self.logits_size
        return logits if logits.shape[-1] == size else nn.functional.adaptive_avg_pool3d(logits, size)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bfloat16")


def _halve_weights(part: nn.Module) -> None:
    """Keep in bfloat16 the weights that autocast would otherwise convert in every call."""
    for module in part.modules():
        if isinstance(module, (nn.Linear, nn.Conv3d, nn.ConvTranspose3d)):
            module.to(torch.bfloat16)
