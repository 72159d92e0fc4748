"""What networks run on."""

from __future__ import annotations

from typing import Any

import torch

from seganypet.errors import UsageError


def device_named(name: str) -> torch.device:
    """Return a device; "auto" is a GPU where there is one.

    Args:
        name: "auto", or as torch names it ("cpu", "cuda:0").

    Raises:
        UsageError: It is not available here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, ImportError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f'device "{name}" is not available here ({reason}); choose cpu or auto') from error
    return device


def computes_bfloat16(device: torch.device) -> bool:
    """Return whether a device computes in bfloat16; where it is emulated it is slower than float32."""
    if device.type == "cuda":
        return True
    mkldnn: Any = torch.backends.mkldnn  # untyped
    return bool(mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported())
