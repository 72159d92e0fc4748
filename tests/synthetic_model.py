"""Networks whose answers can be worked out by hand."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from seganypet.models.model import ModelDescription, SegmentationModel


class HalfOfClick(nn.Module):
    """Logit +4 where the patch exceeds half the hottest positive click's value, -4 elsewhere; counts its calls.

    A negative click excludes the voxels nearer to it than to any positive click. Without a positive click it keeps
    what the previous logits say. Logits are averaged over cubes of `shrink` voxels, as a network that decodes at a
    lower resolution gives them.
    """

    boxes = False

    def __init__(self, patch_size: int = 16, shrink: int = 1) -> None:
        super().__init__()
        self.patch_size = self.field_size = patch_size
        self.logits_size = patch_size // shrink
        self.shrink = shrink
        self.encoded = 0
        self.decoded = 0
        self.seen: list[tuple[Tensor, Tensor, Tensor | None]] = []

    def encode(self, patch: Tensor) -> Tensor:
        self.encoded += 1
        return patch

    def decode(self, embedding: Tensor, coords: Tensor, labels: Tensor, low_res: Tensor | None) -> Tensor:
        self.decoded += 1
        self.seen.append((coords.clone(), labels.clone(), None if low_res is None else low_res.clone()))
        points, kinds = coords[0], labels[0]
        if not (kinds == 1).any():
            return self._shrunk(torch.full_like(embedding, -4.0)) if low_res is None else low_res
        values = [embedding[0, 0][tuple(p.round().long().clamp(0, self.patch_size - 1))] for p in points]
        hottest = max(float(v) for v, k in zip(values, kinds, strict=True) if k == 1)
        inside = embedding > hottest / 2
        if (kinds == 0).any():
            axis = torch.arange(self.patch_size).float()
            grid = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1)
            distance = torch.stack([(grid - p).norm(dim=-1) for p in points])
            positive, negative = (distance[kinds == k].min(0).values for k in (1, 0))
            inside = inside & (positive <= negative)
        return self._shrunk(torch.where(inside, 4.0, -4.0))

    def upscale(self, low_res: Tensor) -> Tensor:
        if self.shrink == 1:
            return low_res
        return nn.functional.interpolate(low_res, size=(self.patch_size,) * 3, mode="trilinear")

    def _shrunk(self, logits: Tensor) -> Tensor:
        return logits if self.shrink == 1 else nn.functional.avg_pool3d(logits, self.shrink)


class BoxAsMask(nn.Module):
    """Logit +4 in the voxels whose centres lie in the box, -4 elsewhere; records what it is shown.

    A positive click adds the 3x3x3 voxels around it, a negative one takes them away. Without box and clicks it keeps
    what the previous logits say. Of boxes it knows only what it is shown: it draws no voxel of a box that is not.
    """

    boxes = True

    def __init__(self, patch_size: int = 16) -> None:
        super().__init__()
        self.patch_size = self.field_size = self.logits_size = patch_size
        self.seen: list[tuple[Tensor, Tensor, Tensor | None]] = []

    def encode(self, patch: Tensor) -> Tensor:
        return patch

    def decode(self, embedding: Tensor, coords: Tensor, labels: Tensor, low_res: Tensor | None) -> Tensor:
        self.seen.append((coords.clone(), labels.clone(), None if low_res is None else low_res.clone()))
        points, kinds = coords[0], labels[0]
        inside = torch.zeros_like(embedding[0, 0]) if low_res is None else low_res[0, 0]
        inside = inside > 0
        axis = torch.arange(self.patch_size).float()
        grid = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1)
        if (kinds == 2).any():
            first, last = points[kinds == 2] - 0.5, points[kinds == 3] + 0.5
            inside = ((grid >= first) & (grid <= last)).all(-1)
        for point, kind in zip(points, kinds, strict=True):
            if kind in (0, 1):
                inside = torch.where(((grid - point).abs() <= 1).all(-1), kind == 1, inside)
        return torch.where(inside, 4.0, -4.0)[None, None]

    def upscale(self, low_res: Tensor) -> Tensor:
        return low_res


def half_of_click(*, patch_size: int = 16, shrink: int = 1, **described: Any) -> SegmentationModel:
    """Return the network as `load_model` would, described as given, by default at 4 mm."""
    return _model(HalfOfClick(patch_size, shrink), "half of click", described)


def box_as_mask(*, patch_size: int = 16, **described: Any) -> SegmentationModel:
    """Return the network as `load_model` would, described as given, by default at 4 mm and as trained with boxes."""
    return _model(BoxAsMask(patch_size), "box as mask", {"boxes": True, **described})


def _model(network: nn.Module, name: str, described: dict[str, Any]) -> SegmentationModel:
    description = ModelDescription(
        **{
            "name": name,
            "architecture": "none",
            "config": {},
            "spacing_mm": 4.0,
            "normalisation": "log1p",
            "prompt_policy": "all",
            **described,
        }
    )
    return SegmentationModel(network, description, device=torch.device("cpu"))
