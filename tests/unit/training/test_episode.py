"""One episode with networks that answer as told: which prompts they get, and what comes back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from seganypet.errors import UsageError
from seganypet.models.presets import PRESETS
from seganypet.training.episode import EpisodeConfig, run_episode
from seganypet.training.priors import draw_prior
from seganypet.training.sample import Sample

P = 8
ALL = PRESETS["compact"]
NEWEST = replace(ALL, prompt_policy="newest")
DEEPEST = (("deepest", 1.0),)


class Told:
    """A network that answers with the given logits one after the other, and remembers what it was asked."""

    def __init__(self, *answers: Tensor, logits_size: int = P) -> None:
        self.answers = answers
        self.logits_size = logits_size
        self.encoded = 0
        self.coords: list[Tensor | None] = []
        self.labels: list[Tensor | None] = []
        self.previous: list[Tensor | None] = []

    def encode(self, patch: Tensor) -> Tensor:
        self.encoded += 1
        return patch

    def decode(
        self, embedding: Tensor, coords: Tensor | None, labels: Tensor | None, logits: Tensor | None
    ) -> Tensor:
        answer = self.answers[min(len(self.coords), len(self.answers) - 1)]
        self.coords.append(coords)
        self.labels.append(labels)
        self.previous.append(logits)
        return answer

    def upscale(self, low_res_logits: Tensor) -> Tensor:
        factor = P // self.logits_size
        return (
            low_res_logits.repeat_interleave(factor, 2)
            .repeat_interleave(factor, 3)
            .repeat_interleave(factor, 4)
        )


def cube(low: int, high: int) -> Tensor:
    mask = torch.zeros(P, P, P, dtype=torch.bool)
    mask[low:high, low:high, low:high] = True
    return mask


def batch(*references: Tensor, anchor: int = 3, seed: int = 0) -> Sample:
    reference = torch.stack(references)[:, None]
    count = len(references)
    box = torch.tensor([[1.0, 2.0, 2.0], [5.0, 4.0, 6.0]]).expand(count, 2, 3)
    return Sample(
        patch=torch.zeros(reference.shape),
        reference=reference,
        clean=reference,
        hq=torch.ones(count, dtype=torch.bool),
        known=torch.ones(count, dtype=torch.bool),
        anchor=torch.full((count, 3), anchor),
        box=box,
        seed=torch.arange(count) + seed,
    )


def logits_of(*masks: Tensor) -> Tensor:
    return torch.stack(masks)[:, None] * 10.0 - 5.0


def episode(clicks: int, **changes) -> EpisodeConfig:
    return EpisodeConfig(**{"clicks": (clicks, clicks), "policies": DEEPEST} | changes)


def run(model: Told, sample: Sample, config: EpisodeConfig, description=ALL, seed: int = 0) -> list[Tensor]:
    return run_episode(model, sample, config, description, np.random.default_rng(seed))


def test_clicks_go_where_the_prediction_is_wrong_and_padding_where_it_is_right():
    # The first sample misses everything, then finds all; the second has too much, then less but still too much.
    small, large = cube(2, 5), cube(1, 6)
    empty = torch.zeros_like(small)
    model = Told(logits_of(empty, large), logits_of(small, small | cube(6, 8)), logits_of(small, small))
    predictions = run(model, batch(small, small), episode(3))
    assert model.encoded == 1
    assert [c.shape[1] for c in model.coords] == [1, 2, 3]
    assert model.labels[2].tolist() == [[1, 1, -1], [1, 0, 0]]
    assert model.coords[2][0].tolist() == [[3, 3, 3], [3, 3, 3], [0, 0, 0]]
    assert model.coords[2][1, 0].tolist() == [3, 3, 3]
    excess = tuple(int(c) for c in model.coords[2][1, 1])
    assert large[excess]
    assert not small[excess]
    assert cube(6, 8)[tuple(int(c) for c in model.coords[2][1, 2])]
    assert len(predictions) == 3
    assert all(torch.equal(p, a) for p, a in zip(predictions, model.answers, strict=True))


def test_the_newest_prompts_alone_are_shown_where_the_description_says_so():
    small = cube(2, 5)
    model = Told(logits_of(cube(1, 6)), logits_of(cube(3, 5)), logits_of(small))
    run(model, batch(small), episode(3), NEWEST)
    assert [c.shape for c in model.coords] == [(1, 1, 3)] * 3
    assert [labels.tolist() for labels in model.labels] == [[[1]], [[0]], [[1]]]


def test_a_box_stays_beside_the_newest_click():
    model = Told(logits_of(*[cube(2, 4)] * 40))
    run(model, batch(*[cube(2, 5)] * 40), episode(3, box_share=0.5), NEWEST)
    boxed = model.labels[0][:, 0] == 2
    assert 0 < int(boxed.sum()) < 40
    for labels, coords in zip(model.labels[1:], model.coords[1:], strict=True):
        assert labels.shape == (40, 3)
        assert labels[boxed].tolist() == [[2, 3, 1]] * int(boxed.sum())
        assert labels[~boxed].tolist() == [[-1, -1, 1]] * int((~boxed).sum())
        assert coords[boxed][0, :2].tolist() == [[1, 2, 2], [5, 4, 6]]


def test_passes_show_the_network_its_own_answer_to_the_same_clicks():
    answers = [logits_of(cube(2, high)) for high in (3, 4, 5, 5)]
    model = Told(*answers)
    predictions = run_episode(
        model, batch(cube(2, 6)), episode(2), ALL, np.random.default_rng(0), passes=(3, 1)
    )
    assert [p.max().item() > 0 and int((p > 0).sum()) for p in predictions] == [27, 27]
    assert [c.shape[1] for c in model.coords] == [1, 1, 1, 2]
    assert model.previous[0] is None
    assert all(torch.equal(p, a) for p, a in zip(model.previous[1:], answers, strict=False))


def test_some_iterations_begin_with_two_passes_and_learn_from_the_second():
    counts = []
    for seed in range(20):
        answers = [logits_of(cube(2, 4)).requires_grad_() for _ in range(3)]
        model = Told(*answers)
        predictions = run(model, batch(cube(2, 6)), episode(2, second_pass_share=0.5), seed=seed)
        assert len(predictions) == 2
        assert all(p.requires_grad for p in predictions)
        counts.append([c.shape[1] for c in model.coords])
    assert [1, 2] in counts
    assert [1, 1, 2] in counts


def test_previous_logits_are_fed_back_without_their_gradient():
    answer = logits_of(cube(2, 5)).requires_grad_()
    model = Told(answer, answer)
    predictions = run(model, batch(cube(2, 6)), episode(2))
    assert model.previous[0] is None
    assert torch.equal(model.previous[1], answer.detach())
    assert not model.previous[1].requires_grad
    assert all(p.requires_grad for p in predictions)


def test_of_an_iteration_some_predictions_are_learned_from_and_all_lead_to_clicks():
    chosen = set()
    for seed in range(20):
        answers = [logits_of(cube(2, 4)).requires_grad_() for _ in range(4)]
        model = Told(*answers)
        predictions = run(model, batch(cube(2, 6)), episode(4, learned=2), seed=seed)
        assert [c.shape[1] for c in model.coords] == [1, 2, 3, 4]
        learned = tuple(at for at, p in enumerate(predictions) if p.requires_grad)
        assert len(learned) == 2
        chosen.add(learned)
    assert {at for pair in chosen for at in pair} == {0, 1, 2, 3}
    few = run(Told(*answers), batch(cube(2, 6)), episode(2, learned=2))
    assert all(p.requires_grad for p in few)


def test_predictions_come_back_at_the_patchs_resolution_and_logits_go_back_at_the_decoders():
    coarse = torch.arange(64.0).view(1, 1, 4, 4, 4) - 32
    model = Told(coarse, coarse, logits_size=4)
    predictions = run(model, batch(cube(2, 5)), episode(2))
    assert [p.shape[-1] for p in predictions] == [8, 8]
    assert torch.equal(model.previous[1], coarse)


def test_number_of_clicks_covers_its_range_and_is_the_batchs():
    counts = set()
    for seed in range(30):
        model = Told(logits_of(cube(0, 1)))
        counts.add(len(run(model, batch(cube(2, 5)), EpisodeConfig(clicks=(1, 3)), seed=seed)))
    assert counts == {1, 2, 3}


def test_clicks_follow_from_the_samples_own_seed_and_not_from_its_company():
    empty = torch.zeros(P, P, P, dtype=torch.bool)
    config = episode(4, policies=(("uniform", 1.0),))

    def clicks_of(sample: Sample) -> Tensor:
        model = Told(logits_of(*[empty] * len(sample.seed)))
        run(model, sample, config)
        return model.coords[-1]

    together = clicks_of(batch(cube(1, 6), cube(1, 6)))
    alone = [clicks_of(batch(cube(1, 6), seed=seed)) for seed in (0, 1)]
    assert torch.equal(together, torch.cat(alone))
    assert not torch.equal(*alone)


def test_policies_are_mixed_by_their_shares():
    empty, deepest = logits_of(torch.zeros(P, P, P, dtype=torch.bool)), 0
    config = episode(2, policies=(("deepest", 0.5), ("uniform", 0.5)))
    for seed in range(60):
        model = Told(empty)
        run(model, batch(cube(1, 6), anchor=2, seed=seed), config)
        voxel = model.coords[1][0, 1]
        assert cube(1, 6)[tuple(int(c) for c in voxel)]
        deepest += voxel.tolist() == [3.0, 3.0, 3.0]
    assert 15 < deepest < 45


def test_perturbation_is_in_mm():
    """Deepest clicks of a large cube move by about 8 mm, two voxels of 4 mm, along each axis."""
    empty, moves = logits_of(torch.zeros(P, P, P, dtype=torch.bool)), []
    for seed in range(100):
        model = Told(empty)
        run(model, batch(cube(0, 7), seed=seed), episode(2, perturbation_mm=4.0))
        moves.append(model.coords[1][0, 1] - 3)
    assert 0.8 < float(torch.stack(moves).std()) < 1.2


def test_mask_only_steps_are_shown_no_prompts_but_never_the_first():
    answer, none = logits_of(cube(2, 4)), 0
    for seed in range(20):
        model = Told(answer)
        run(model, batch(cube(2, 5)), episode(6, mask_only_share=0.4), seed=seed)
        shown = [coords is not None for coords in model.coords]
        assert shown[0]
        assert [labels is not None for labels in model.labels] == shown
        none += shown.count(False)
    assert 25 < none < 55  # of 100


def test_a_mask_only_step_is_followed_by_all_the_clicks_made():
    model = Told(logits_of(cube(2, 4)))
    for seed in range(20):
        model = Told(logits_of(cube(2, 4)))
        run(model, batch(cube(2, 5)), episode(6, mask_only_share=0.4), seed=seed)
        assert all(c is None or c.shape[1] == n + 1 for n, c in enumerate(model.coords))


def test_share_of_samples_that_start_with_a_box():
    model = Told(logits_of(*[cube(2, 4)] * 100))
    run(model, batch(*[cube(2, 5)] * 100), episode(2, box_share=0.3))
    boxed = model.labels[0][:, 0] == 2
    assert 15 < int(boxed.sum()) < 45
    assert model.labels[0][boxed].tolist() == [[2, 3]] * int(boxed.sum())
    assert model.coords[0][boxed][0].tolist() == [[1, 2, 2], [5, 4, 6]]
    assert model.labels[0][~boxed].tolist() == [[1, -1]] * int((~boxed).sum())
    assert model.coords[0][~boxed][0, 0].tolist() == [3, 3, 3]
    assert model.coords[1].shape[1] == 3  # the box stays beside the click that follows
    assert torch.equal(model.labels[1][:, :2], model.labels[0])


def test_share_of_samples_with_a_prior():
    count = 100
    model = Told(logits_of(*[cube(2, 5)] * count))
    run(model, batch(*[cube(2, 5)] * count), episode(1, prior_share=0.2))
    known = model.previous[0].flatten(1).any(1)
    assert 8 < int(known.sum()) < 35


def test_prior_is_averaged_to_the_decoders_resolution():
    reference = cube(0, 4)
    model = Told(torch.zeros(1, 1, 4, 4, 4), logits_size=4)
    run(model, batch(reference, anchor=1), episode(1, prior_share=1.0))
    rng = np.random.default_rng(0)
    assert rng.random() < 1  # whether there is a prior
    prior = draw_prior(reference, torch.tensor([1, 1, 1]), rng)
    eight = prior[:2, :2, :2].mean()  # voxels of the patch in one of the decoder's
    assert model.previous[0].shape == (1, 1, 4, 4, 4)
    assert float(model.previous[0][0, 0, 0, 0, 0]) == pytest.approx(float(eight))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clicks": (0, 3)}, r"clicks=\(0, 3\); expected 1 <= fewest <= most"),
        ({"clicks": (4, 3)}, r"clicks=\(4, 3\)"),
        ({"policies": (("uniform", 0.5),)}, "shares that add up to 1"),
        ({"policies": (("nearest", 1.0),)}, "nearest.*expected some of"),
        ({"mask_only_share": 1.5}, r"mask_only_share=1\.5; expected 0 to 1"),
        ({"prior_share": -0.1}, "prior_share"),
        ({"box_share": 2.0}, "box_share"),
        ({"policies": (("uniform", 1.5), ("deepest", -0.5))}, "shares that add up to 1"),
        ({"policies": ()}, "shares that add up to 1"),
        ({"prompt_policy": "oldest"}, "prompt_policy='oldest'; choose all or newest, or none"),
        ({"perturbation_mm": -1.0}, r"perturbation_mm=-1\.0; expected 0 or more"),
    ],
)
def test_refuses_settings_that_are_none(changes, message):
    with pytest.raises(UsageError, match=message):
        EpisodeConfig(**changes)
