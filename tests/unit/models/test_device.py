"""Devices by name."""

from __future__ import annotations

import pytest
import torch

from seganypet.errors import UsageError
from seganypet.models.device import computes_bfloat16, device_named


def test_a_gpu_computes_bfloat16():
    assert computes_bfloat16(torch.device("cuda"))


def test_auto_is_a_device_that_is_there():
    assert device_named("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert device_named("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["cuda:99", "abacus", "gpu", "", "hpu"])
def test_refuses_a_device_that_is_not_there(name):
    with pytest.raises(UsageError, match=rf'device "{name}" is not available here .*; choose cpu or auto'):
        device_named(name)
