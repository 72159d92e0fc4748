import numpy as np
import pytest

from seganypet.errors import GeometryError, PromptError, UsageError
from seganypet.inference import Session
from seganypet.volume import Mask, Volume
from synthetic_model import half_of_click

AFFINE = np.diag([4.0, 4.0, 4.0, 1.0])


def blocks(shape=(48, 24, 24)) -> np.ndarray:
    """Background 1 with a long hot block that spans several windows of 16, and a small one apart."""
    suv = np.ones(shape, np.float32)
    suv[2:46, 8:16, 8:16] = 10.0
    suv[20:24, 20:23, 20:23] = 10.0
    return suv


def session_on(suv: np.ndarray, affine: np.ndarray = AFFINE, **described) -> Session:
    session = Session(half_of_click(**described))
    session.set_volume(Volume(suv, affine))
    return session


def test_click_gives_the_block_on_the_volumes_grid():
    session = session_on(blocks())
    mask = session.add_click((24, 12, 12))
    assert mask.shape == session.volume.shape
    np.testing.assert_array_equal(mask.affine, session.volume.affine)
    assert mask.array[24, 12, 12]


def test_target_larger_than_a_window_comes_out_whole_and_alone():
    suv = blocks()
    mask = session_on(suv).add_click((24, 12, 12)).array
    expected = np.zeros_like(mask)
    expected[2:46, 8:16, 8:16] = True
    np.testing.assert_array_equal(mask, expected)


def test_windows_grow_only_where_the_target_reaches_their_faces():
    session = session_on(blocks())
    session.add_click((24, 12, 12))
    starts = set(session.state.found.now().windows)
    assert {s[1:] for s in starts} == {(4, 4)}
    assert len(starts) >= 5


def test_embedding_is_computed_once_per_window():
    session = session_on(blocks((20, 20, 20)))
    session.add_click((10, 12, 12))
    encoded, decoded = session.model.network.encoded, session.model.network.decoded
    session.add_click((10, 11, 12))
    session.add_click((10, 7, 10), positive=False)
    assert session.model.network.encoded == encoded
    assert session.model.network.decoded > decoded


def test_second_click_sees_all_clicks_and_the_previous_logits():
    session = session_on(blocks((16, 16, 16)))
    session.add_click((8, 10, 10))
    session.add_click((8, 5, 7), positive=False)
    coords, labels, low_res = session.model.network.seen[-1]
    assert labels.tolist() == [[1, 0]]
    np.testing.assert_allclose(coords[0, 1] - coords[0, 0], [0, -5, -3])
    assert low_res is not None
    assert low_res.abs().max() == 4


def test_clicks_are_enforced_even_where_the_model_disagrees():
    session = session_on(blocks())
    mask = session.add_click((24, 12, 12))
    cold, hot = (24, 2, 2), (24, 9, 9)
    assert not mask.array[cold]
    assert session.add_click(cold).array[cold]
    assert not session.add_click(hot, positive=False).array[hot]


@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, 1), (1, -1, -1), (-1, -1, -1)])
def test_mask_lies_at_the_click_in_world_coordinates(flips):
    affine = np.diag([4.0 * flips[0], 4.0 * flips[1], 4.0 * flips[2], 1.0])
    affine[:3, 3] = (-30, 55, 12)
    session = session_on(blocks(), affine)
    xyz = session.volume.to_xyz_mm((24, 12, 12))
    by_mm = session.add_click_mm(xyz).array
    session.reset()
    np.testing.assert_array_equal(by_mm, session.add_click((24, 12, 12)).array)
    assert by_mm.sum() == 44 * 8 * 8


def test_undo_and_redo_restore_masks_exactly():
    session = session_on(blocks())
    masks = [session.mask.array]
    masks.append(session.add_click((24, 12, 12)).array)
    masks.append(session.add_click((40, 12, 12), positive=False).array)
    masks.append(session.add_click((21, 21, 21)).array)
    for expected in masks[-2::-1]:
        np.testing.assert_array_equal(session.undo().array, expected)
    assert session.clicks == ()
    for expected in masks[1:]:
        np.testing.assert_array_equal(session.redo().array, expected)
    assert len(session.clicks) == 3


def test_new_click_after_undo_drops_what_was_undone():
    session = session_on(blocks())
    session.add_click((24, 12, 12))
    session.undo()
    session.add_click((21, 21, 21))
    with pytest.raises(UsageError, match="nothing to redo"):
        session.redo()


def test_reset_can_be_undone():
    session = session_on(blocks())
    mask = session.add_click((24, 12, 12)).array
    assert not session.reset().array.any()
    np.testing.assert_array_equal(session.undo().array, mask)


def test_given_mask_is_kept_where_no_click_touches_it():
    session = session_on(blocks())
    prior = np.zeros(session.volume.shape, bool)
    prior[2:46, 8:16, 8:16] = True
    prior[44:47, 0:3, 0:3] = True  # cold, and apart
    given = session.add_mask(Mask(prior, AFFINE))
    np.testing.assert_array_equal(given.array, prior)
    mask = session.add_click((21, 21, 21)).array
    assert mask[20:24, 20:23, 20:23].all()
    np.testing.assert_array_equal(mask[32:], prior[32:])


def test_negative_click_may_come_first_on_a_given_mask():
    session = session_on(blocks())
    prior = np.zeros(session.volume.shape, bool)
    prior[2:46, 8:16, 8:16] = True
    session.add_mask(Mask(prior, AFFINE))
    assert not session.add_click((44, 12, 12), positive=False).array[44, 12, 12]


def test_probability_and_uncertainty_on_the_volumes_grid():
    session = session_on(blocks())
    assert not session.probability.any()
    session.add_click((24, 12, 12))
    probability, uncertainty = session.probability, session.uncertainty
    assert probability.shape == uncertainty.shape == session.volume.shape
    assert probability[24, 12, 12] == pytest.approx(1 / (1 + np.exp(-4)), abs=1e-5)
    assert probability[24, 1, 1] == 0  # no window has looked there
    p = 1 / (1 + np.exp(-4))
    assert uncertainty[24, 12, 12] == pytest.approx(-(p * np.log(p) + (1 - p) * np.log(1 - p)), abs=1e-4)


def test_probability_is_zero_beside_windows_that_lie_across_corner():
    suv = l_shape()
    session = session_on(suv)
    mask = session.add_click((8, 8, 8))
    np.testing.assert_array_equal(mask.array, suv > 1)
    assert not session.probability[:8, 24:].any()
    assert not session.uncertainty[:8, 24:].max() > 1e-5


def l_shape() -> np.ndarray:
    """An L: one corner of the box around its windows is in none."""
    suv = np.ones((32, 32, 16), np.float32)
    suv[4:28, 4:12, 4:12] = suv[20:28, 4:28, 4:12] = 10.0
    return suv


def test_probability_at_the_border_of_what_is_known_is_that_of_known_voxels():
    fine = np.kron(l_shape(), np.ones((2, 2, 2), np.float32))
    session = session_on(fine, np.diag([2.0, 2.0, 2.0, 1.0]))
    session.add_click((16, 16, 16))
    corner = session.probability[:20, 44:]
    background = 1 / (1 + np.exp(4))
    assert (corner == 0).any()
    assert (corner > 0).any()
    np.testing.assert_allclose(corner[corner > 0], background, rtol=1e-4)


def test_given_mask_is_certain_where_no_window_has_looked():
    session = session_on(l_shape())
    prior = np.zeros(session.volume.shape, bool)
    prior[2:4, 28:30, 2:4] = True
    session.add_mask(Mask(prior, AFFINE))
    session.add_click((8, 8, 8))
    np.testing.assert_array_equal(session.probability[:8, 24:], prior[:8, 24:])


def test_given_mask_finer_than_the_working_grid_is_kept_where_no_window_has_looked():
    session = session_on(np.kron(l_shape(), np.ones((4, 4, 4), np.float32)), np.diag([1.0, 1.0, 1.0, 1.0]))
    vessel = np.zeros(session.volume.shape, bool)
    vessel[9:11, 116:126, 9:11] = True
    session.add_mask(Mask(vessel, session.volume.affine))
    mask = session.add_click((32, 32, 32)).array
    assert mask[vessel].all()
    assert mask.sum() > vessel.sum()


def test_mask_and_probability_agree_also_at_the_border_of_what_is_known():
    suv = l_shape()
    suv[5, 12:26, 8] = 10.0  # one voxel thin: opens no window, and runs into the corner that none sees
    session = session_on(np.kron(suv, np.ones((4, 4, 4), np.float32)), np.diag([1.0, 1.0, 1.0, 1.0]))
    mask = session.add_click((32, 32, 32)).array
    np.testing.assert_array_equal(mask, session.probability > 0.5)


def test_the_model_of_a_session_stays():
    session = session_on(blocks())
    with pytest.raises(AttributeError):
        session.model = half_of_click()


def test_given_mask_is_known_also_where_no_other_window_has_looked():
    suv = blocks()
    session = session_on(suv)
    prior = np.zeros(session.volume.shape, bool)
    prior[2:24, 8:16, 8:16] = True
    session.add_mask(Mask(prior, AFFINE))
    session.add_click((24, 12, 12))  # the block goes on into windows without a click of their own
    for _, _, low_res in session.model.network.seen:
        assert low_res is not None
        assert (low_res != 0).all()  # inside the field of view


def test_resampled_volume_gives_the_block_to_half_a_voxel():
    fine = np.kron(blocks((32, 24, 24)), np.ones((2, 2, 2), np.float32))
    session = session_on(fine, np.diag([2.0, 2.0, 2.0, 1.0]))
    mask = session.add_click((40, 24, 24)).array
    reference = np.zeros_like(mask)
    reference[4:64, 16:32, 16:32] = True
    assert 2 * (mask & reference).sum() / (mask.sum() + reference.sum()) > 0.95


@pytest.mark.parametrize("ijk", [(-0.6, 12, 12), (48, 12, 12), (24, 12, 23.6)])
def test_click_outside_is_refused_and_changes_nothing(ijk):
    session = session_on(blocks())
    session.add_click((24, 12, 12))
    with pytest.raises(PromptError, match=r"outside the volume of shape \(48, 24, 24\)"):
        session.add_click(ijk)
    assert len(session.clicks) == 1


def test_first_click_must_be_positive():
    with pytest.raises(PromptError, match="first click must be positive"):
        session_on(blocks()).add_click((24, 12, 12), positive=False)


def test_world_click_that_is_no_position_is_refused():
    with pytest.raises(PromptError, match="three finite world coordinates"):
        session_on(blocks()).add_click_mm((1.0, float("nan"), 2.0))


def test_mask_of_another_grid_is_refused():
    session = session_on(blocks())
    with pytest.raises(GeometryError, match="not on the volume's grid"):
        session.add_mask(Mask(np.ones((4, 4, 4), bool), AFFINE))


def test_empty_mask_is_refused():
    session = session_on(blocks())
    with pytest.raises(PromptError, match="empty"):
        session.add_mask(Mask(np.zeros(session.volume.shape, bool), AFFINE))


def test_boxes_are_refused_with_the_reason():
    with pytest.raises(PromptError, match="not trained with boxes"):
        session_on(blocks()).add_box((0, 0, 0), (4, 4, 4))


def test_session_without_volume_is_refused():
    with pytest.raises(UsageError, match="set_volume"):
        Session(half_of_click()).add_click((0, 0, 0))


@pytest.mark.parametrize("step", ["undo", "redo"])
def test_nothing_to_undo_or_redo_is_refused(step):
    with pytest.raises(UsageError, match=f"nothing to {step}"):
        getattr(session_on(blocks()), step)()


def test_growth_that_leaks_stops_with_a_warning(monkeypatch):
    monkeypatch.setattr("seganypet.inference.growth._MAX_WINDOWS", 3)
    with pytest.warns(UserWarning, match="growth stopped"):
        session_on(blocks()).add_click((24, 12, 12))


def test_new_windows_get_the_passes_that_the_model_asks_for():
    session = session_on(blocks((16, 16, 16)), passes=(3, 2))
    session.add_click((8, 10, 10))
    assert session.model.network.decoded == 3
    assert session.model.network.seen[0][2] is None  # nothing known yet
    assert session.model.network.seen[1][2].abs().max() == 4  # its own logits
    session.add_click((8, 9, 10))
    assert session.model.network.decoded == 5
