"""Operations against numbers worked out by hand; rates, names."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from seganypet.evaluation import throughput
from seganypet.evaluation.throughput import (
    count_flops,
    matrix_rate,
    measure_machine,
    processor_name,
    seconds_of,
)
from seganypet.models.device import computes_bfloat16
from seganypet.models.layers import Convolution3d, TransformerMLP

CPU = torch.device("cpu")


@torch.no_grad()
def flops(action):
    return count_flops(action)


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (nn.Linear(16, 32), (1, 10, 16), 2 * 10 * 16 * 32),
        (nn.Conv3d(4, 8, 3, padding=1), (1, 4, 6, 6, 6), 2 * 6**3 * 27 * 4 * 8),
        (Convolution3d(4, 8, 3, padding=1), (1, 4, 6, 6, 6), 2 * 6**3 * 27 * 4 * 8),
        (nn.Conv3d(4, 8, 2, stride=2), (1, 4, 6, 6, 6), 2 * 3**3 * 8 * 4 * 8),
        (nn.Conv3d(4, 4, 3, padding=1, groups=4), (1, 4, 6, 6, 6), 2 * 6**3 * 27 * 4),
        (nn.ConvTranspose3d(4, 8, 2, stride=2), (1, 4, 6, 6, 6), 2 * 6**3 * 8 * 4 * 8),
        (TransformerMLP(16, 64, nn.GELU()), (1, 512, 16), 2 * 2 * 512 * 16 * 64),  # as convolutions
        (nn.LayerNorm(16), (1, 10, 16), 0),
    ],
)
def test_layers_cost_what_the_hand_says(layer, shape, expected):
    assert flops(lambda: layer(torch.randn(shape))) == expected


@pytest.mark.parametrize("biased", [False, True])
def test_attention_costs_two_products(biased):
    queries, keys = torch.randn(1, 2, 10, 8), torch.randn(1, 2, 12, 8)
    bias = torch.randn(1, 2, 10, 12) if biased else None
    attend = lambda: F.scaled_dot_product_attention(queries, keys, keys, attn_mask=bias)  # noqa: E731
    assert flops(attend) == 2 * (2 * 2 * 10 * 12 * 8)


def test_a_product_by_einsum_counts():
    a, b = torch.randn(2, 10, 8), torch.randn(2, 12, 8)
    assert flops(lambda: torch.einsum("bqc,bkc->bqk", a, b)) == 2 * 2 * 10 * 12 * 8


def test_a_transformer_layer_counts_although_torch_may_run_it_as_one_operation():
    layer = nn.TransformerEncoderLayer(16, 2, 64, batch_first=True).eval()
    tokens, channels, hidden = 10, 16, 64
    projections = 2 * tokens * channels * 4 * channels
    attention = 2 * 2 * tokens * tokens * channels
    mlp = 2 * 2 * tokens * channels * hidden
    assert flops(lambda: layer(torch.randn(1, tokens, channels))) == projections + attention + mlp
    assert torch.backends.mha.get_fastpath_enabled()


def test_slow_work_runs_three_times_and_once_before(monkeypatch):
    clock = iter(range(0, 1000, 7))  # each run takes seven seconds
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: float(next(clock)))
    runs: list[int] = []
    assert seconds_of(lambda: runs.append(1), CPU) == [7.0, 7.0, 7.0]
    assert len(runs) == 4


def test_quick_work_runs_thirty_times():
    assert len(seconds_of(lambda: None, CPU)) == 30


def test_the_matrix_rate_is_of_the_faster_way(monkeypatch):
    times = iter([[3.0, 2.0], [1.0, 4.0]])
    monkeypatch.setattr(throughput, "seconds_of", lambda action, device: next(times))
    rate = matrix_rate("float32", CPU)
    assert rate.operation == "1×1×1 convolution"
    assert rate.flops_per_second == 2 * 512 * 768 * 3072


def test_both_ways_multiply_the_same_matrices(monkeypatch):
    results: list[torch.Tensor] = []

    def run(action, device):
        results.append(action())
        return [1.0]

    monkeypatch.setattr(throughput, "seconds_of", run)
    matrix_rate("float32", CPU)
    product, convolved = results
    assert torch.allclose(convolved[0].flatten(1).t(), product, atol=1e-2)


def test_a_machine_says_what_it_is(monkeypatch):
    monkeypatch.setattr(throughput, "seconds_of", lambda action, device: [1.0])
    machine = measure_machine(("float32", "bfloat16"), CPU)
    assert [rate.precision for rate in machine.matrix_rates] == ["float32", "bfloat16"]
    assert (machine.device, machine.gpu, machine.threads) == ("cpu", None, torch.get_num_threads())
    assert machine.bfloat16_native is computes_bfloat16(CPU)


def test_a_processor_has_a_name():
    assert processor_name().strip()
