"""The released network's mathematics, spelled out plainly: slow, padded, nothing collapsed or cached.

A transcription of the equations, not of anybody's code; it shares nothing with the package but the names of the
tensors. It computes in the type of the tensors it is given, so float64 gives the reference for the fast network, and
float32 the straightforward implementation that the benchmarks compare with.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

Tensors = Mapping[str, Tensor]
_DECODER_HEADS = 8


def random_tensors(network: nn.Module, seed: int = 0) -> dict[str, Tensor]:
    """Return a random checkpoint: the network's own initial values, and noise where those are constant."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, tensor in network.state_dict().items():
        noise = torch.randn(tensor.shape, generator=generator)
        if "rel_pos" in name or name.endswith("pos_embed"):
            tensors[name] = 0.3 * noise
        elif tensor.ndim == 1:  # biases, and the scales of the norms
            tensors[name] = tensor + 0.1 * noise
        else:
            tensors[name] = tensor + 0.02 * noise
    return tensors


class LiteralNetwork:
    """Image encoder and mask decoder as functions of a checkpoint's tensors.

    Args:
        tensors: By name, all of one type.
        num_heads: Heads of the image encoder.
        corrected: What was intended, in place of the released quirks.
    """

    def __init__(self, tensors: Tensors, *, num_heads: int = 12, corrected: bool = False) -> None:
        self.tensors = tensors
        self.num_heads = num_heads
        self.corrected = corrected

    def encode(self, patch: Tensor) -> Tensor:
        """Return the embedding [B, C, g, g, g] of a patch [B, 1, P, P, P]."""
        weight, bias = self._pair("image_encoder.patch_embed.proj")
        x = F.conv3d(patch, weight, bias, stride=weight.shape[-1]).permute(0, 2, 3, 4, 1)
        x = x + self.tensors["image_encoder.pos_embed"]
        block = 0
        while f"image_encoder.blocks.{block}.norm1.weight" in self.tensors:
            x = self._block(x, f"image_encoder.blocks.{block}")
            block += 1
        x = F.conv3d(x.permute(0, 4, 1, 2, 3), self.tensors["image_encoder.neck.0.weight"])
        x = self._norm3d(x, "image_encoder.neck.1")
        x = F.conv3d(x, self.tensors["image_encoder.neck.2.weight"], padding=1)
        return self._norm3d(x, "image_encoder.neck.3")

    def decode(
        self,
        embedding: Tensor,
        coords: Tensor,
        labels: Tensor,
        low_res: Tensor | None,
        *,
        num_heads: int = _DECODER_HEADS,
    ) -> Tensor:
        """Return the logits [B, 1, 4g, 4g, 4g] of mask 0; all masks and the IoU are computed, as released."""
        batch, grid = len(coords), embedding.shape[-1]
        patch = grid * self.tensors["image_encoder.patch_embed.proj.weight"].shape[-1]
        sparse = self._points(coords.to(embedding), labels, patch)
        if low_res is None and self.corrected:
            missing = self.tensors["prompt_encoder.no_mask_embed.weight"]
            dense = missing.reshape(1, -1, 1, 1, 1).expand(batch, -1, grid, grid, grid)
        elif low_res is None:  # quirk: a zero mask, where "no mask" has an embedding of its own
            dense = self._mask(embedding.new_zeros(batch, 1, 4 * grid, 4 * grid, 4 * grid))
        else:
            dense = self._mask(low_res)
        own = torch.cat(
            [self.tensors["mask_decoder.iou_token.weight"], self.tensors["mask_decoder.mask_tokens.weight"]]
        )
        tokens = torch.cat([own.expand(batch, -1, -1), sparse], 1)
        image = (embedding.expand(batch, -1, -1, -1, -1) + dense).flatten(2).transpose(1, 2)
        place = self._grid_encoding(grid).flatten(0, 2).expand(batch, -1, -1)
        tokens, image = self._two_way(tokens, image, place, num_heads)
        x = image.transpose(1, 2).reshape(batch, -1, grid, grid, grid)
        x = F.conv_transpose3d(x, *self._pair("mask_decoder.output_upscaling.0"), stride=2)
        x = F.gelu(self._norm3d(x, "mask_decoder.output_upscaling.1"))
        x = F.gelu(F.conv_transpose3d(x, *self._pair("mask_decoder.output_upscaling.3"), stride=2))
        masks = len(own) - 1
        mixed = [
            self._mlp(tokens[:, 1 + n], f"mask_decoder.output_hypernetworks_mlps.{n}") for n in range(masks)
        ]
        logits = (torch.stack(mixed, 1) @ x.flatten(2)).reshape(batch, masks, *x.shape[2:])
        self._mlp(tokens[:, 0], "mask_decoder.iou_prediction_head")
        return logits[:, :1]

    # Image encoder

    def _block(self, x: Tensor, name: str) -> Tensor:
        table = self.tensors[f"{name}.attn.rel_pos_d"]
        side, grid = (len(table) + 1) // 2, x.shape[1]
        y = self._norm(x, f"{name}.norm1", 1e-6)
        if side == grid:
            y = self._attention(y, f"{name}.attn")
        else:
            count = math.ceil(grid / side)
            extra = count * side - grid
            real = F.pad(torch.ones_like(y[..., :1]), (0, 0, 0, extra, 0, extra, 0, extra))
            y = F.pad(y, (0, 0, 0, extra, 0, extra, 0, extra))
            y, real = (
                part.reshape(-1, count, side, count, side, count, side, part.shape[-1])
                .permute(0, 1, 3, 5, 2, 4, 6, 7)
                .flatten(0, 3)
                for part in (y, real)
            )
            # Quirk: padding takes part in the attention.
            y = self._attention(y, f"{name}.attn", real=real if self.corrected else None)
            y = y.reshape(-1, count, count, count, side, side, side, y.shape[-1])
            y = y.permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(-1, *(count * side,) * 3, y.shape[-1])
            y = y[:, :grid, :grid, :grid]
        x = x + y
        y = F.gelu(self._linear(self._norm(x, f"{name}.norm2", 1e-6), f"{name}.mlp.lin1"))
        return x + self._linear(y, f"{name}.mlp.lin2")

    def _attention(self, x: Tensor, name: str, *, real: Tensor | None = None) -> Tensor:
        """Return the attention over windows [B, n, n, n, C], where given only over the tokens that are real."""
        batch, n, _, _, dim = x.shape
        qkv = self._linear(x, f"{name}.qkv").reshape(batch, n**3, 3, self.num_heads, dim // self.num_heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).flatten(1, 2)
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(1, 2)
        scores = scores.reshape(-1, n, n, n, n, n, n)
        along = torch.arange(n)
        d, h, w = (
            self.tensors[f"{name}.rel_pos_{axis}"][along[:, None] - along[None] + n - 1] for axis in "dhw"
        )
        q = q.reshape(-1, n, n, n, q.shape[-1])
        if self.corrected:
            scores = scores + torch.einsum("bijkc,ixc->bijkx", q, d)[..., :, None, None]
            scores = scores + torch.einsum("bijkc,jyc->bijky", q, h)[..., None, :, None]
            scores = scores + torch.einsum("bijkc,kzc->bijkz", q, w)[..., None, None, :]
        else:
            # Quirk: with one index too few, the second and third term land on other queries and keys than meant.
            scores = scores + torch.einsum("bijkc,izc->bijkz", q, d)[:, :, :, :, None, None, :]
            scores = scores + torch.einsum("bijxc,jzc->bijxz", q, h)[:, :, :, None, :, None, :]
            scores = scores + torch.einsum("bijyc,yzc->bijyz", q, w)[:, :, :, None, None, :, :]
        scores = scores.reshape(-1, n**3, n**3)
        if real is not None:
            allowed = real.reshape(batch, 1, 1, n**3).expand(-1, self.num_heads, -1, -1).flatten(0, 1) > 0
            scores = scores.masked_fill(~allowed, -math.inf)
        y = scores.softmax(-1) @ v
        y = y.reshape(batch, self.num_heads, n, n, n, -1).permute(0, 2, 3, 4, 1, 5).flatten(4)
        return self._linear(y, f"{name}.proj")

    # Prompt encoder

    def _encoding(self, unit: Tensor) -> Tensor:
        matrix = self.tensors["prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"]
        phase = 2 * math.pi * ((2 * unit - 1) @ matrix)
        return torch.cat([phase.sin(), phase.cos(), phase.sin()], -1)

    def _grid_encoding(self, grid: int) -> Tensor:
        like = self.tensors["prompt_encoder.not_a_point_embed.weight"]
        along = (torch.arange(grid).to(like) + 0.5) / grid
        meant = self._encoding(torch.stack(torch.meshgrid(along, along, along, indexing="ij"), -1))
        return meant if self.corrected else meant.transpose(0, 1)  # quirk: swapped here, not for points

    def _points(self, coords: Tensor, labels: Tensor, patch: int) -> Tensor:
        encoded = self._encoding((coords + 0.5) / patch)
        rows = []
        for b in range(len(coords)):
            for n in range(coords.shape[1]):
                kind = f"prompt_encoder.point_embeddings.{int(labels[b, n])}.weight"
                rows.append(encoded[b, n] + self.tensors[kind][0])
            rows.append(self.tensors["prompt_encoder.not_a_point_embed.weight"][0])
        return torch.stack(rows).reshape(len(coords), coords.shape[1] + 1, -1)

    def _mask(self, low_res: Tensor) -> Tensor:
        name = "prompt_encoder.mask_downscaling"
        x = F.conv3d(low_res, *self._pair(f"{name}.0"), stride=2)
        x = F.gelu(self._norm3d(x, f"{name}.1"))
        x = F.conv3d(x, *self._pair(f"{name}.3"), stride=2)
        x = F.gelu(self._norm3d(x, f"{name}.4"))
        return F.conv3d(x, *self._pair(f"{name}.6"))

    # Mask decoder

    def _two_way(self, tokens: Tensor, image: Tensor, place: Tensor, heads: int) -> tuple[Tensor, Tensor]:
        first = tokens
        layer = 0
        while (name := f"mask_decoder.transformer.layers.{layer}") + ".norm1.weight" in self.tensors:
            if layer == 0:
                tokens = self._attend(tokens, tokens, tokens, f"{name}.self_attn", heads)
            else:
                q = tokens + first
                tokens = tokens + self._attend(q, q, tokens, f"{name}.self_attn", heads)
            tokens = self._norm(tokens, f"{name}.norm1")
            q, k = tokens + first, image + place
            tokens = tokens + self._attend(q, k, image, f"{name}.cross_attn_token_to_image", heads)
            tokens = self._norm(tokens, f"{name}.norm2")
            hidden = F.relu(self._linear(tokens, f"{name}.mlp.lin1"))
            tokens = self._norm(tokens + self._linear(hidden, f"{name}.mlp.lin2"), f"{name}.norm3")
            q, k = image + place, tokens + first
            image = image + self._attend(q, k, tokens, f"{name}.cross_attn_image_to_token", heads)
            image = self._norm(image, f"{name}.norm4")
            layer += 1
        q, k, name = tokens + first, image + place, "mask_decoder.transformer.final_attn_token_to_image"
        tokens = tokens + self._attend(q, k, image, name, heads)
        return self._norm(tokens, "mask_decoder.transformer.norm_final_attn"), image

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, name: str, heads: int) -> Tensor:
        q, k, v = (
            self._linear(x, f"{name}.{part}_proj").unflatten(-1, (heads, -1)).transpose(1, 2)
            for x, part in ((q, "q"), (k, "k"), (v, "v"))
        )
        share = (q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])).softmax(-1)
        return self._linear((share @ v).transpose(1, 2).flatten(2), f"{name}.out_proj")

    # Layers

    def _pair(self, name: str) -> tuple[Tensor, Tensor]:
        return self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"]

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return F.linear(x, *self._pair(name))

    def _norm(self, x: Tensor, name: str, eps: float = 1e-5) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], *self._pair(name), eps)

    def _norm3d(self, x: Tensor, name: str) -> Tensor:
        weight, bias = self._pair(name)
        mean = x.mean(1, keepdim=True)
        variance = (x - mean).pow(2).mean(1, keepdim=True)
        return (x - mean) / (variance + 1e-6).sqrt() * weight[:, None, None, None] + bias[:, None, None, None]

    def _mlp(self, x: Tensor, name: str) -> Tensor:
        layer = 0
        while f"{name}.layers.{layer + 1}.weight" in self.tensors:
            x = F.relu(self._linear(x, f"{name}.layers.{layer}"))
            layer += 1
        return self._linear(x, f"{name}.layers.{layer}")
