"""Boxes as prompts of the compact network: their map against numbers worked out by hand, and what they change."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from seganypet.errors import PromptError
from seganypet.models.compact import CompactConfig, CompactSegmenter, with_boxes
from seganypet.models.compact_boxes import box_map, check_corners
from seganypet.models.model import ModelDescription, SegmentationModel

P = 16
PLAIN = CompactConfig(
    patch_size=P,
    channels=(4, 8, 12),
    encoder_blocks=(1, 1, 1),
    transformer_blocks=1,
    decoder_blocks=1,
    num_heads=2,
)
BOXES = replace(PLAIN, boxes=True)
ADDED = {"prompt_encoder.corner.weight", "mask_decoder.box_stem.weight"}
CORNERS = [2, 3]
LEFT, RIGHT = [(1.0, 5, 5), (7.0, 11, 11)], [(9.0, 4, 4), (15.0, 10, 10)]


def points(*samples: list[tuple[float, float, float]]) -> Tensor:
    return torch.tensor(samples, dtype=torch.float32)


def network(config: CompactConfig = BOXES) -> CompactSegmenter:
    """Return a network in which no parameter is zero, as if it had been trained."""
    torch.manual_seed(0)
    built = CompactSegmenter(config).requires_grad_(False)
    for parameter in built.parameters():
        if not parameter.any():
            parameter.normal_(std=0.1)
    return built


def patches(count: int = 1) -> Tensor:
    return torch.rand(count, 1, P, P, P, generator=torch.Generator().manual_seed(1))


class TestMap:
    def test_voxels_count_by_the_share_that_lies_in_the_box(self):
        drawn = box_map(points([(2, 3, 4), (5, 3, 8.5)]), torch.tensor([CORNERS]), P)
        # Half-resolution voxel n holds the voxels 2n and 2n + 1; the box spans 1.5-5.5, 2.5-3.5 and 3.5-9.
        expected = torch.zeros(1, 1, 8, 8, 8)
        expected[0, 0, 1:3, 1, 2:4] = 0.5
        expected[0, 0, 1:3, 1, 4] = 0.5 * 0.75
        torch.testing.assert_close(drawn, expected)

    def test_one_voxel_is_an_eighth(self):
        drawn = box_map(points([(7, 0, 15), (7, 0, 15)]), torch.tensor([CORNERS]), P)
        assert drawn[0, 0, 3, 0, 7] == 0.125
        assert drawn.sum() == 0.125

    def test_the_whole_patch_is_one_everywhere(self):
        drawn = box_map(points([(0, 0, 0), (15, 15, 15)]), torch.tensor([CORNERS]), P)
        assert (drawn == 1).all()

    def test_shares_sum_up_to_the_volume_of_any_box(self):
        ends = torch.rand(50, 2, 3, generator=torch.Generator().manual_seed(2)).sort(1).values * (P - 1)
        drawn = box_map(ends, torch.tensor([CORNERS]).expand(50, 2), P)
        volume = (ends[:, 1] - ends[:, 0] + 1).prod(1)
        torch.testing.assert_close(8 * drawn.sum((1, 2, 3, 4)), volume)

    def test_corners_may_stand_anywhere_among_the_points(self):
        first, last, other = (2.0, 3, 4), (5.0, 6, 7), (9.0, 9, 9)
        alone = box_map(points([first, last]), torch.tensor([CORNERS]), P)
        among = box_map(points([last, other, other, first, other]), torch.tensor([[3, 1, 0, 2, -1]]), P)
        assert torch.equal(alone, among)

    def test_samples_without_a_box_have_an_empty_map(self):
        coords = points([(2, 3, 4), (5, 6, 7)], [(2, 3, 4), (5, 6, 7)], [(0, 0, 0), (0, 0, 0)])
        drawn = box_map(coords, torch.tensor([[1, 0], CORNERS, [-1, -1]]), P)
        assert [bool(d.any()) for d in drawn] == [False, True, False]
        assert not box_map(torch.zeros(2, 0, 3), torch.zeros(2, 0), P).any()


class TestPromptEncoder:
    def encoded(self, coords: Tensor, labels: list[int]) -> tuple[Tensor, Tensor, CompactSegmenter]:
        model = network()
        maps, tokens = model.prompt_encoder(model.encode(patches()), coords, torch.tensor([labels]), None)
        return maps, tokens[0], model

    def test_a_corner_is_encoded_as_a_click_there_but_for_its_kind(self):
        _, tokens, model = self.encoded(points([(4, 5, 6)] * 3), [1, 2, 3])
        label, corner = model.prompt_encoder.label.weight, model.prompt_encoder.corner.weight
        torch.testing.assert_close(tokens[1] - tokens[0], corner[0] - label[1])
        torch.testing.assert_close(tokens[2] - tokens[0], corner[1] - label[1])

    def test_padding_and_clicks_keep_their_kinds(self):
        coords = points([(4, 5, 6)] * 3)
        _, tokens, model = self.encoded(coords, [0, 1, -1])
        plain = CompactSegmenter(PLAIN)
        plain.load_state_dict({k: v for k, v in model.state_dict().items() if k not in ADDED})
        _, expected = plain.prompt_encoder(plain.encode(patches()), coords, torch.tensor([[0, 1, -1]]), None)
        torch.testing.assert_close(tokens, expected[0])

    def test_a_box_leaves_the_maps_of_clicks_as_they_are(self):
        with_box, _, model = self.encoded(points([*LEFT, (4, 5, 6)]), [*CORNERS, 0])
        without, _ = model.prompt_encoder(
            model.encode(patches()), points([(4, 5, 6)]), torch.tensor([[0]]), None
        )
        assert torch.equal(with_box, without)


class TestAddition:
    def test_boxes_add_two_parameters_and_change_no_other(self):
        plain, boxes = (CompactSegmenter(config).state_dict() for config in (PLAIN, BOXES))
        assert boxes.keys() - plain.keys() == ADDED
        assert {n: t.shape for n, t in boxes.items() if n not in ADDED} == {
            n: t.shape for n, t in plain.items()
        }

    @pytest.mark.parametrize("labels", [[1, 0, -1], [1, 1, 1], [-1, -1, -1]])
    def test_a_widened_network_answers_to_clicks_as_before(self, labels):
        plain = network(PLAIN)
        widened = with_boxes(plain).requires_grad_(False)
        assert widened.boxes
        assert not plain.boxes
        coords, kinds = points([(5, 8, 8), (12, 3, 8), (0, 0, 0)]), torch.tensor([labels])
        previous = torch.randn(1, 1, P, P, P, generator=torch.Generator().manual_seed(3))
        for known in (None, previous):
            answers = [m.decode(m.encode(patches()), coords, kinds, known) for m in (plain, widened)]
            assert torch.equal(*answers)
        assert torch.equal(*(m.decode(m.encode(patches()), None, None) for m in (plain, widened)))

    def test_where_no_box_is_shown_trained_boxes_change_nothing_either(self):
        boxes = network()
        plain = CompactSegmenter(PLAIN).requires_grad_(False)
        plain.load_state_dict({k: v for k, v in boxes.state_dict().items() if k not in ADDED})
        coords, labels = points([(5, 8, 8), (12, 3, 8)]), torch.tensor([[1, 0]])
        assert torch.equal(*(m.decode(m.encode(patches()), coords, labels) for m in (plain, boxes)))

    def test_the_map_of_a_new_network_adds_nothing_and_learns_at_once(self):
        model = CompactSegmenter(BOXES)
        assert not model.mask_decoder.box_stem.weight.any()
        logits = model.decode(model.encode(patches()), points(LEFT), torch.tensor([CORNERS]))
        logits.square().sum().backward()
        for name in ADDED:
            assert model.get_parameter(name).grad.abs().max() > 0

    def test_a_batch_without_boxes_gives_their_parameters_a_gradient_of_zero(self):
        """Processes that train together must have gradients of the same parameters."""
        model = CompactSegmenter(BOXES)
        model.decode(model.encode(patches()), points([(5, 8, 8)]), torch.tensor([[1]])).sum().backward()
        assert all(not model.get_parameter(name).grad.any() for name in ADDED)


class TestNetwork:
    def test_map_and_corners_are_both_seen(self):
        model = network()
        embedding, labels = model.encode(patches()), torch.tensor([CORNERS])
        both = [model.decode(embedding, points(box), labels) for box in (LEFT, RIGHT)]
        assert (both[0] - both[1]).abs().max() > 1e-3
        nn.init.zeros_(model.mask_decoder.box_stem.weight)
        corners = [model.decode(embedding, points(box), labels) for box in (LEFT, RIGHT)]
        assert (corners[0] - corners[1]).abs().max() > 1e-4
        assert (corners[0] - both[0]).abs().max() > 1e-4

    def test_samples_with_and_without_a_box_share_a_batch(self):
        model = network()
        coords = points([*LEFT, (5, 8, 8)], [(1, 2, 3), (0, 0, 0), (9, 9, 9)], [(4, 4, 4), *RIGHT])
        labels = torch.tensor([[2, 3, -1], [1, -1, 0], [0, 2, 3]])
        together = model.decode(model.encode(patches(3)), coords, labels)
        for n in range(3):
            alone = model.decode(model.encode(patches(3)[n : n + 1]), coords[n : n + 1], labels[n : n + 1])
            torch.testing.assert_close(together[n : n + 1], alone, rtol=1e-4, atol=1e-5)

    def test_sixteen_bits_take_boxes_too(self):
        description = ModelDescription(
            name="tiny",
            architecture="compact",
            config={},
            spacing_mm=4.0,
            normalisation="log1p",
            prompt_policy="all",
            boxes=True,
        )
        logits = {}
        for precision in ("float32", "bfloat16"):
            model = SegmentationModel(network(), description, device=torch.device("cpu"), precision=precision)
            assert model.boxes
            logits[precision] = model.decode(
                model.encode(patches()), points([*LEFT, (5, 8, 8)]), torch.tensor([[*CORNERS, 1]])
            )
        full, short = logits["float32"], logits["bfloat16"]
        assert 0 < (full - short).abs().mean() < 0.05 * full.abs().mean()

    def test_learns_that_a_box_says_which_of_two_targets_is_meant(self):
        torch.manual_seed(0)
        model = CompactSegmenter(BOXES)
        optimiser = torch.optim.AdamW(model.parameters(), lr=5e-3)
        scene, references = torch.zeros(1, 1, P, P, P), torch.zeros(2, 1, P, P, P)
        for n, (first, last) in enumerate((LEFT, RIGHT)):
            inside = tuple(slice(int(a) + 1, int(b)) for a, b in zip(first, last, strict=True))
            scene[0, 0][inside] = 1.0
            references[n, 0][inside] = 1.0
        labels = torch.tensor([CORNERS, CORNERS])
        for _ in range(60):
            logits = model.decode(model.encode(scene), points(LEFT, RIGHT), labels)
            optimiser.zero_grad()
            nn.functional.binary_cross_entropy_with_logits(logits, references).backward()
            optimiser.step()
        with torch.no_grad():
            masks = model.decode(model.encode(scene), points(LEFT, RIGHT), labels) > 0
        for mask, reference in zip(masks, references > 0, strict=True):
            assert 2 * (mask & reference).sum() / (mask.sum() + reference.sum()) > 0.8


class TestRefusals:
    @pytest.mark.parametrize(
        ("labels", "message"),
        [
            ([2, -1, 1], "sample 0 holds label 2 1 times and label 3 0 times; give each once"),
            ([3, -1, 1], "sample 0 holds label 2 0 times and label 3 1 times"),
            ([2, 2, 3], "sample 0 holds label 2 2 times and label 3 1 times"),
        ],
    )
    def test_a_corner_that_is_alone_or_one_too_many(self, labels, message):
        with pytest.raises(PromptError, match=message):
            check_corners(torch.zeros(1, 3, 3), torch.tensor([labels]))

    def test_two_boxes(self):
        with pytest.raises(PromptError, match="label 2 2 times and label 3 2 times"):
            check_corners(torch.zeros(1, 4, 3), torch.tensor([[2, 3, 2, 3]]))

    @pytest.mark.parametrize("axis", [0, 1, 2])
    def test_a_last_corner_before_the_first(self, axis):
        first, last = [1.0, 2.0, 3.0], [5.0, 5.0, 5.0]
        last[axis] = 0.5
        coords = torch.tensor([[[9.0, 9, 9], [0, 0, 0]], [first, last]])
        with pytest.raises(PromptError, match=r"box of sample 1 from \[1.0, 2.0, 3.0\] to .*0\.5"):
            check_corners(coords, torch.tensor([[1, -1], CORNERS]))

    def test_the_network_itself_refuses_them(self):
        model = network()
        with pytest.raises(PromptError, match="give each once"):
            model.decode(model.encode(patches()), points([(1, 1, 1)]), torch.tensor([[2]]))

    def test_a_label_that_no_network_knows(self):
        model = network()
        with pytest.raises(
            PromptError, match=r"holds 4; use 1 .* -1 \(padding\), 2 and 3 \(first and last voxel"
        ):
            model.decode(model.encode(patches()), points([(1, 1, 1)]), torch.tensor([[4]]))
