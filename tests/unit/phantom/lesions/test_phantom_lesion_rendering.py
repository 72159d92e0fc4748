from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from seganypet.errors import UsageError
from seganypet.phantom.lesions.plan import Blob, LesionPlan
from seganypet.phantom.lesions.rendering import draw_lesions

IDS = {"muscle": 1, "bone": 2}
SPACING = (2.0, 2.0, 2.0)


def body(shape=(60, 60, 60)):
    return torch.ones(shape, dtype=torch.int16)


def plan(center=(30.31, 29.87, 30.13), volume_ml=8.0, **changes):
    blobs = changes.pop("blobs", (Blob(volume_ml=volume_ml, bumpiness=changes.pop("bumpiness", 0.0)),))
    described = {"suv": 8.0, "background_suv": 1.0, "host": "muscle", "kind": "node"}
    return LesionPlan(center_ijk=center, blobs=blobs, **(described | changes))


def volume_ml(instances, number):
    return float((instances == number).sum()) * np.prod(SPACING) / 1000


@pytest.mark.parametrize("bumpiness", [0.0, 0.6])
@pytest.mark.parametrize("volume", [0.3, 2.0, 40.0])
def test_has_the_volume_planned_whatever_its_shape(volume, bumpiness):
    instances, drawn = draw_lesions(body(), [plan(volume_ml=volume, bumpiness=bumpiness)], SPACING, IDS)
    assert len(drawn) == 1
    assert volume_ml(instances, 1) == pytest.approx(volume, abs=0.009)


def test_a_smooth_blob_is_a_ball():
    instances, _ = draw_lesions(body(), [plan(volume_ml=4 / 3 * np.pi * 8)], SPACING, IDS)  # radius 20 mm
    distance = np.linalg.norm((np.indices((60, 60, 60)).T - (30.31, 29.87, 30.13)) * 2.0, axis=-1).T
    assert instances.numpy()[distance < 19.5].all()
    assert not instances.numpy()[distance > 20.5].any()


def test_stretch_and_rotation_say_which_way_it_is_long():
    blob = Blob(
        volume_ml=8.0,
        bumpiness=0.0,
        stretch=(2.0, 0.5**0.5, 0.5**0.5),
        rotation=((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (-1.0, 0.0, 0.0)),
    )
    instances, _ = draw_lesions(body(), [plan(blobs=(blob,))], SPACING, IDS)
    spread = np.argwhere(instances.numpy()).std(axis=0)
    assert spread[2] == pytest.approx(2.83 * spread[0], rel=0.1)
    assert spread[1] == pytest.approx(spread[0], rel=0.05)


def test_confluent_blobs_are_one_instance_and_lesions_keep_apart():
    two = plan(blobs=(Blob(volume_ml=2.0), Blob(offset_mm=(12.0, 0.0, 0.0), volume_ml=2.0)))
    beside = plan(center=(30.0, 37.0, 30.0), volume_ml=2.0)
    instances, drawn = draw_lesions(body(), [two, beside], SPACING, IDS)
    assert len(drawn) == 2
    full = np.ones((3, 3, 3))
    assert ndimage.label(instances == 1, full)[1] == 1
    assert ndimage.label(instances > 0, full)[1] == 2


def test_stays_in_the_tissue_it_is_confined_to():
    tissues = body()
    tissues[:, :, 31:] = 2
    instances, _ = draw_lesions(
        tissues, [plan(center=(30.0, 30.0, 33.0), volume_ml=4.0, confined_to=("bone",))], SPACING, IDS
    )
    assert (tissues[instances > 0] == 2).all()
    assert volume_ml(instances, 1) == pytest.approx(4.0, rel=0.1)  # grows where there is room


def test_never_lies_in_air():
    tissues = body()
    tissues[:30] = 0
    instances, drawn = draw_lesions(tissues, [plan(volume_ml=20.0)], SPACING, IDS)
    assert (tissues[instances > 0] > 0).all()
    assert (drawn[0][1].coverage[tissues[drawn[0][1].box] == 0] == 0).all()


def test_without_room_it_is_left_out_and_numbers_have_no_gap():
    tissues = torch.zeros((60, 60, 60), dtype=torch.int16)
    tissues[40:] = 1
    instances, drawn = draw_lesions(
        tissues, [plan(center=(10.0, 30.0, 30.0)), plan(center=(50.0, 30.0, 30.0))], SPACING, IDS
    )
    assert [p.center_ijk[0] for p, _ in drawn] == [50.0]
    assert instances.max() == 1


def test_a_lesion_across_the_grids_edge_is_cut_there():
    instances, drawn = draw_lesions(body(), [plan(center=(0.0, 30.0, 30.0), volume_ml=8.0)], SPACING, IDS)
    assert len(drawn) == 1
    assert volume_ml(instances, 1) == pytest.approx(4.0, rel=0.15)


def test_sharp_edges_cross_a_voxel_and_infiltrating_ones_fade():
    widths = []
    for edge_mm in (0.0, 12.0):
        _, drawn = draw_lesions(body(), [plan(volume_ml=40.0, edge_mm=edge_mm)], SPACING, IDS)
        coverage = drawn[0][1].coverage
        assert coverage.max() == 1.0
        widths.append(int(((coverage > 0.02) & (coverage < 0.98)).any(0).any(0).sum()))
        line = coverage[coverage.shape[0] // 2, coverage.shape[1] // 2]
        widths[-1] = int(((line > 0.02) & (line < 0.98)).sum())
    assert widths[0] <= 4
    assert widths[1] >= 10


def test_mask_is_where_the_lesion_fills_half_a_voxel_or_more():
    _, drawn = draw_lesions(body(), [plan(volume_ml=5.0, bumpiness=0.5, edge_mm=6.0)], SPACING, IDS)
    lesion = drawn[0][1]
    assert (lesion.coverage[lesion.mask] >= 0.5).all()
    assert (lesion.coverage[~lesion.mask] <= 0.5).all()


def test_core_lies_inside_with_the_radius_asked_for():
    _, drawn = draw_lesions(body(), [plan(volume_ml=30.0, core=0.5, core_suv=1.0)], SPACING, IDS)
    lesion = drawn[0][1]
    assert (lesion.mask[lesion.core > 0]).all()
    assert float(lesion.core.sum() / lesion.mask.sum()) == pytest.approx(0.5**3, rel=0.1)


def test_refuses_plans_that_make_no_lesion():
    with pytest.raises(UsageError, match="volume_ml 0"):
        Blob(volume_ml=0.0)
    with pytest.raises(UsageError, match="without blobs"):
        plan(blobs=())
    with pytest.raises(UsageError, match=r"core 1\.2"):
        plan(core=1.2)


def test_swallows_what_it_surrounds():
    tissues = body()
    tissues[29:32, 29:32, 29:32] = 2
    tissues[:, :, 50:] = 2
    instances, _ = draw_lesions(
        tissues, [plan(center=(33.2, 30.1, 30.2), volume_ml=10.0, confined_to=("muscle",))], SPACING, IDS
    )
    assert (instances[29:32, 29:32, 29:32] == 1).all()
    assert (instances[:, :, 50:] == 0).all()


def test_leaves_no_trace_where_it_may_not_be():
    tissues = body()
    tissues[:, :, 33:] = 2
    _, drawn = draw_lesions(tissues, [plan(volume_ml=20.0, confined_to=("muscle",))], SPACING, IDS)
    lesion = drawn[0][1]
    forbidden = tissues[lesion.box] == 2
    forbidden[:, :, : 34 - lesion.box[2].start] = False  # the voxel next to it is shared
    assert forbidden.any()
    assert (lesion.coverage[forbidden] == 0).all()


def test_leaves_no_trace_beyond_a_gap():
    tissues = body()
    tissues[:, :, 33:36] = 0
    _, drawn = draw_lesions(tissues, [plan(volume_ml=20.0)], SPACING, IDS)
    lesion = drawn[0][1]
    beyond = torch.zeros(tissues.shape, dtype=torch.bool)
    beyond[:, :, 36:] = True
    assert not (lesion.mask & beyond[lesion.box]).any()
    assert (lesion.coverage[beyond[lesion.box]][tissues[lesion.box][beyond[lesion.box]] > 0] < 0.5).all()


def test_is_a_ball_on_voxels_of_any_size():
    spacing = (5.0, 4.0, 3.0)
    smooth = plan(center=(20.31, 24.87, 30.13), volume_ml=4 / 3 * np.pi * 8)  # radius 20 mm
    instances, _ = draw_lesions(body((40, 50, 60)), [smooth], spacing, IDS)
    offsets = (np.indices((40, 50, 60)).T - smooth.center_ijk) * spacing
    distance = np.linalg.norm(offsets, axis=-1).T
    assert instances.numpy()[distance < 19.0].all()
    assert not instances.numpy()[distance > 21.0].any()


def test_shape_does_not_depend_on_where_the_grid_ends():
    bumpy = plan(volume_ml=20.0, bumpiness=0.6)
    whole, _ = draw_lesions(body(), [bumpy], SPACING, IDS)
    i, j, k = bumpy.center_ijk
    cropped, _ = draw_lesions(body((36, 60, 60)), [replace(bumpy, center_ijk=(i - 24, j, k))], SPACING, IDS)
    assert (whole[24:] != cropped).float().sum() <= 0.02 * (whole > 0).sum()


def test_lies_beside_the_grid_without_a_trace():
    assert draw_lesions(body(), [plan(center=(-50.0, 30.0, 30.0))], SPACING, IDS)[1] == []


def test_refuses_a_reaction_as_hot_as_the_lesion():
    with pytest.raises(UsageError, match="reaction 1 "):
        plan(reaction=1.0)
