"""The balanced choice of targets, counted over some thousand draws."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from seganypet.errors import UsageError
from seganypet.training.balance import IndexedCase, TargetIndex, is_high_quality
from seganypet.training.cases import Target
from seganypet.training.cohort_summary import size_class
from seganypet.training.sampling import SamplingConfig

DRAWS = 4000
TOLERANCE = 0.04  # five standard deviations of a share of a half


def organ(name: str) -> Target:
    return Target(name, "organ", (1,), (0,) * 3, (9,) * 3, None, 9, 100.0)


def lesion(volume_ml: float) -> Target:
    return Target("lesion", "lesion", (1,), (0,) * 3, (9,) * 3, None, 9, volume_ml)


def shares(cases, key, **options) -> dict[object, float]:
    """Return how often each value of a key came up."""
    index, rng = TargetIndex(cases, SamplingConfig(**options)), np.random.default_rng(0)
    counts = Counter(
        key(at, cases[at].targets[target]) for at, target in (index.draw(n, rng) for n in range(DRAWS))
    )
    return {value: count / DRAWS for value, count in counts.items()}


def expect(found, expected):
    assert found.keys() == {value for value, share in expected.items() if share}
    for value, share in found.items():
        assert abs(share - expected[value]) < TOLERANCE, (value, share)


def many(count, *targets, manifest=0, hq=True):
    return [IndexedCase(manifest, hq, targets) for _ in range(count)]


def test_organs_by_name_however_rare():
    cases = [*many(9, organ("liver")), *many(1, organ("liver"), organ("prostate"))]
    expect(shares(cases, lambda _, target: target.name), {"liver": 0.5, "prostate": 0.5})


def test_an_organ_of_any_case_that_has_it_with_equal_chance():
    cases = [*many(1, organ("a"), organ("b"), organ("c")), *many(1, organ("a")), *many(2, organ("b"))]
    expect(
        shares(cases, lambda at, t: (t.name, at)),
        {
            ("a", 0): 1 / 6,
            ("a", 1): 1 / 6,
            ("b", 0): 1 / 9,
            ("b", 2): 1 / 9,
            ("b", 3): 1 / 9,
            ("c", 0): 1 / 3,
        },
    )


def test_lesions_by_case_then_size_class_then_lesion():
    cases = [IndexedCase(0, True, [lesion(0.1)] * 20 + [lesion(5), lesion(60)]), *many(1, lesion(1))]
    expect(
        shares(cases, lambda at, t: (at, t.volume_ml)),
        {(0, 0.1): 1 / 6, (0, 5): 1 / 6, (0, 60): 1 / 6, (1, 1): 1 / 2},
    )


def test_size_classes_begin_at_their_edge():
    assert [size_class(ml) for ml in (0.1, 0.49, 0.5, 1.99, 2, 9, 10, 49, 50, 1e4)] == [
        0,
        0,
        1,
        1,
        2,
        2,
        3,
        3,
        4,
        4,
    ]


@pytest.mark.parametrize(("share", "expected"), [(0.6, 0.6), (0.0, 0.0), (1.0, 1.0), (None, 0.25)])
def test_lesion_share(share, expected):
    cases = many(3, organ("a"), organ("b"), organ("c"), lesion(1))
    found = shares(cases, lambda _, target: target.kind, lesion_share=share)
    expect(found, {"lesion": expected, "organ": 1 - expected})


def test_lesion_share_plays_no_part_where_there_is_no_choice():
    assert shares(many(2, organ("a")), lambda _, t: t.kind, lesion_share=1.0) == {"organ": 1}
    assert shares(many(2, lesion(1)), lambda _, t: t.kind, lesion_share=0.0) == {"lesion": 1}


@pytest.mark.parametrize(("share", "expected"), [(0.5, 0.5), (None, 0.1), (1.0, 1.0), (0.0, 0.0)])
def test_hq_share(share, expected):
    cases = [*many(2, organ("a")), *many(18, organ("a"), hq=False)]
    found = shares(cases, lambda at, _: cases[at].hq, hq_share=share)
    expect(found, {True: expected, False: 1 - expected})


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, {0: 0.1, 1: 0.9}), ((0.85, 0.15), {0: 0.85, 1: 0.15}), ((0.0, 1.0), {0: 0, 1: 1})],
)
def test_manifest_shares(given, expected):
    cases = [*many(2, organ("a")), *many(18, organ("a"), manifest=1)]
    expect(shares(cases, lambda at, _: cases[at].manifest, manifest_shares=given), expected)


def test_quality_comes_before_the_manifest():
    """Both cases of low quality are of manifest 1; of high quality, manifest 0 has one case and manifest 1 three."""
    cases = [
        *many(1, organ("a")),
        *many(3, organ("a"), manifest=1),
        *many(2, organ("a"), manifest=1, hq=False),
    ]

    def cell(at, _):
        return cases[at].hq, cases[at].manifest

    expect(shares(cases, cell, hq_share=0.4), {(True, 0): 0.1, (True, 1): 0.3, (False, 1): 0.6})
    expect(
        shares(cases, cell, hq_share=0.4, manifest_shares=(0.5, 0.5)),
        {(True, 0): 0.2, (True, 1): 0.2, (False, 1): 0.6},
    )
    expect(shares(cases, cell, manifest_shares=(0.5, 0.5)), {(True, 0): 0.5, (True, 1): 0.3, (False, 1): 0.2})


def test_choice_does_not_depend_on_the_order_of_names():
    one, other = many(1, organ("a"), organ("b")), many(1, organ("b"), organ("a"))
    drawn = []
    for cases in (one, other):
        index, rng = TargetIndex(cases, SamplingConfig()), np.random.default_rng(3)
        drawn.append(
            [cases[at].targets[target].name for at, target in (index.draw(n, rng) for n in range(20))]
        )
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"hq_share": 0.5}, "no case of quality lq"),
        ({"manifest_shares": (0.5, 0.5)}, "0.5 to manifest 2, which has no case"),
    ],
)
def test_refuses_shares_of_what_is_not_there(options, text):
    with pytest.raises(UsageError, match=text):
        TargetIndex(many(2, organ("a")), SamplingConfig(**options))


def test_refuses_too_few_shares():
    cases = [*many(1, organ("a")), *many(1, organ("a"), manifest=1)]
    with pytest.raises(UsageError, match="1 shares; expected one for each manifest"):
        TargetIndex(cases, SamplingConfig(manifest_shares=(1.0,)))


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.0, []),
        (0.25, [3, 7, 11]),
        (0.5, [1, 3, 5, 7, 9, 11]),
        (1 / 3, [2, 5, 8, 11]),
        (1.0, list(range(12))),
    ],
)
def test_samples_of_high_quality_are_evenly_spread(share, expected):
    assert [n for n in range(12) if is_high_quality(n, share)] == expected


@pytest.mark.parametrize("share", [0.1, 0.3, 0.7])
def test_long_runs_keep_the_share_exactly(share):
    assert sum(is_high_quality(n, share) for n in range(100_000)) == round(100_000 * share)
