from importlib.util import find_spec

import numpy as np
import pytest
from scipy import ndimage

from seganypet.errors import GeometryError, ImageValueError, UsageError
from seganypet.phantom.scanner import osem_projector
from seganypet.phantom.scanner.osem import OsemSettings, acquisition_of, osem_scan
from seganypet.phantom.scanner.osem_projector import SliceGeometry, system_matrix
from seganypet.phantom.scanner.osem_update import acquire

needs_projector = pytest.mark.skipif(
    find_spec("mbirtorch") is None, reason="mbirtorch is not installed (pip install 'seganypet[osem]')"
)

SHAPE, SPACING = (44, 36, 12), (8.0, 8.0, 6.0)
WATER = 0.0096


def settings(**changes):
    small = {"angles": 48, "subsets": 8, "radial_bin_mm": 8.0, "time_resolution_ps": None}
    return OsemSettings(**{**small, **changes})


def cylinder(radius_mm, suv=1.0, at_mm=(0.0, 0.0)):
    x, y = (
        (np.arange(n) - (n - 1) / 2) * s - a for n, s, a in zip(SHAPE[:2], SPACING[:2], at_mm, strict=True)
    )
    disc = np.hypot(x[:, None], y[None, :]) < radius_mm
    return np.repeat(disc[..., None], SHAPE[2], axis=2).astype(np.float32) * np.float32(suv)


def scans(activity, mu, count, **changes):
    return np.stack(
        [
            osem_scan(activity, mu, SPACING, np.random.default_rng(s), settings(**changes))
            for s in range(count)
        ]
    )


def geometry(**changes):
    defaults = {
        "shape": (20, 16),
        "spacing_mm": (5.0, 7.0),
        "angles": 12,
        "radial_bin_mm": 4.0,
        "time_resolution_ps": None,
        "subsets": 1,
    }
    return SliceGeometry(**{**defaults, **changes})


@needs_projector
@pytest.mark.parametrize("time_resolution_ps", [None, 540.0])
@pytest.mark.parametrize("model_psf", [False, True])
def test_a_uniform_cylinder_keeps_its_suv_through_attenuation_scatter_and_randoms(
    time_resolution_ps, model_psf
):
    activity = cylinder(110, 2.5)
    image = osem_scan(
        activity,
        cylinder(110, WATER),
        SPACING,
        np.random.default_rng(0),
        settings(iterations=4, time_resolution_ps=time_resolution_ps, model_psf=model_psf),
        noise=False,
    )
    inside = ndimage.binary_erosion(activity > 0, np.ones((3, 3, 1)), iterations=2)
    assert image[inside].mean() == pytest.approx(2.5, rel=0.01)
    # The centre, behind 11 cm of water on all sides, too.
    assert image[cylinder(30) > 0].mean() == pytest.approx(2.5, rel=0.03)
    assert image[ndimage.binary_dilation(activity > 0, iterations=3) == 0].mean() < 0.03


@needs_projector
def test_the_noise_variance_falls_like_one_over_the_counts():
    activity, mu = cylinder(110), cylinder(110, WATER)
    few = scans(activity, mu, 6, counts_per_suv_ml=25_000).var(axis=0, ddof=1)
    many = scans(activity, mu, 6, counts_per_suv_ml=100_000).var(axis=0, ddof=1)
    inside = cylinder(90) > 0
    assert few[inside].mean() / many[inside].mean() == pytest.approx(4, rel=0.15)


@needs_projector
def test_noise_grows_with_activity():
    activity, mu = cylinder(120), cylinder(120, WATER)
    activity[cylinder(24, at_mm=(70, 0)) > 0] = 4
    sd = scans(activity, mu, 8).std(axis=0, ddof=1)
    hot, cold = cylinder(16, at_mm=(70, 0)) > 0, cylinder(16, at_mm=(-70, 0)) > 0
    assert sd[hot].mean() > 1.5 * sd[cold].mean()


@needs_projector
def test_noise_grows_towards_the_centre_of_an_attenuating_body():
    images = scans(cylinder(138), cylinder(138, WATER), 24)
    variance = images.var(axis=0, ddof=1)
    centre, rim = cylinder(40) > 0, (cylinder(125) > 0) & (cylinder(105) == 0)
    assert variance[centre].mean() > 1.2 * variance[rim].mean()


@needs_projector
def test_noise_is_skewed_to_the_right_and_longer_along_the_short_axis_of_the_body():
    x, y = ((np.arange(n) - (n - 1) / 2) * s for n, s in zip(SHAPE[:2], SPACING[:2], strict=True))
    oval = np.repeat(np.hypot(x[:, None] / 165, y[None, :] / 90)[..., None] < 1, SHAPE[2], axis=2)
    oval = oval.astype(np.float32)
    images = scans(oval, oval * np.float32(WATER), 12, counts_per_suv_ml=6_000)
    noise = images - images.mean(axis=0)
    middle = np.s_[:, 10:34, 14:22, :]
    z = noise[middle]
    assert (z**3).mean() / (z**2).mean() ** 1.5 > 0.2
    along_i = (noise[:, 10:34, 14:22] * noise[:, 11:35, 14:22]).mean()
    along_j = (noise[:, 10:34, 14:22] * noise[:, 10:34, 15:23]).mean()
    assert along_j > along_i + 0.05 * (z**2).mean()


@needs_projector
@pytest.mark.parametrize("time_resolution_ps", [None, 540.0])
def test_counts_add_up(time_resolution_ps):
    chosen = settings(
        counts_per_suv_ml=1000,
        scatter_fraction=0.25,
        randoms_fraction=0.4,
        time_resolution_ps=time_resolution_ps,
    )
    acquisition = acquisition_of(SHAPE, SPACING, chosen)
    activity = cylinder(60, 3.0)
    data = acquire(acquisition, activity, np.zeros_like(activity), None)
    trues = sum(part.trues.sum(dtype=float) for part in data)
    ml = 8 * 8 * 6 / 1000
    # Without attenuation every ml of SUV 3 gives 3000 trues.
    assert trues == pytest.approx(1000 * float(activity.sum()) * ml, rel=2e-3)
    prompts = sum(part.prompts.sum(dtype=float) for part in data)
    assert prompts == pytest.approx(trues / (1 - 0.25) / (1 - 0.4), rel=1e-3)


@needs_projector
def test_attenuation_takes_the_share_of_trues_that_its_line_integral_says():
    chosen = settings(scatter_fraction=0.0, randoms_fraction=0.0)
    acquisition = acquisition_of(SHAPE, SPACING, chosen)
    point = np.zeros(SHAPE, np.float32)
    point[22, 18] = 1
    mu = cylinder(100, WATER)
    seen = sum(part.trues.sum() for part in acquire(acquisition, point, mu, None))
    free = sum(part.trues.sum() for part in acquire(acquisition, point, 0 * mu, None))
    # A point at the centre looks through the diameter: exp(-0.0096 * 200) = 0.147.
    assert seen / free == pytest.approx(np.exp(-WATER * 200), rel=0.03)


@needs_projector
def test_the_matrix_is_the_projector_pair_of_the_library():
    import torch

    shape = geometry()
    lines = system_matrix(shape).lines[0]
    model = osem_projector._projector(shape)
    generator = torch.Generator().manual_seed(0)
    slices = osem_projector._PIXELS_AT_ONCE
    image = torch.rand(20 * 16, slices, generator=generator)
    sinogram = torch.rand(12, slices, shape.radial_bins, generator=generator)
    forward = model.sparse_forward_project(image, torch.arange(320))
    back = model.sparse_back_project(sinogram, torch.arange(320))
    mine = (lines @ image.numpy()).reshape(12, shape.radial_bins, slices)
    np.testing.assert_allclose(mine, np.swapaxes(forward.numpy(), 1, 2), rtol=1e-4, atol=1e-3)
    mine = lines.T @ np.swapaxes(sinogram.numpy(), 1, 2).reshape(-1, slices)
    np.testing.assert_allclose(mine, back.numpy(), rtol=1e-4, atol=1e-3)
    # <Ax, y> = <x, A'y> of the library itself, to its single precision.
    left = float((forward.double() * sinogram).sum())
    assert left == pytest.approx(float((image.double() * back).sum()), rel=1e-6)


@needs_projector
def test_a_line_through_a_disc_measures_its_chord():
    shape = geometry(shape=(60, 60), spacing_mm=(4.0, 4.0), angles=8, radial_bin_mm=4.0)
    x = (np.arange(60) - 29.5) * 4
    disc = (np.hypot(x[:, None], x[None, :]) < 90).astype(np.float32)
    profile = (system_matrix(shape).lines[0] @ disc.ravel()).reshape(8, -1)
    radius = (np.arange(shape.radial_bins) - (shape.radial_bins - 1) / 2) * 4.0
    inner = np.abs(radius) < 70
    chord = 2 * np.sqrt(90**2 - radius[inner] ** 2)
    np.testing.assert_allclose(profile[:, inner], np.tile(chord, (8, 1)), rtol=0.05)


@needs_projector
def test_time_bins_add_up_to_the_line_and_lie_where_the_pixel_is():
    shape = geometry(time_resolution_ps=100.0, angles=10)
    matrix = system_matrix(shape)
    edges = shape.time_edges_mm()
    centres = (edges[1:] + edges[:-1]) / 2
    pixel = 3 * 16 + 13
    timed = matrix.timed[0][:, [pixel]].toarray().reshape(10, matrix.time_bins, matrix.radial_bins)
    line = matrix.lines[0][:, [pixel]].toarray().reshape(10, matrix.radial_bins)
    np.testing.assert_allclose(timed.sum(axis=1), line, rtol=1e-5)
    radial = (np.arange(matrix.radial_bins) - (matrix.radial_bins - 1) / 2) * 4.0
    across = (line * radial).sum(axis=1) / line.sum(axis=1)
    along = (timed.sum(axis=2) * centres).sum(axis=1) / line.sum(axis=1)
    # The pixel is at i = -6.5 * 5 mm, j = 5.5 * 7 mm: 50.4 mm from the centre in every view.
    np.testing.assert_allclose(np.hypot(across, along), np.hypot(32.5, 38.5), rtol=0.04)


@needs_projector
def test_same_seed_gives_the_same_image():
    activity, mu = cylinder(100), cylinder(100, WATER)
    one, again = (
        osem_scan(activity, mu, SPACING, np.random.default_rng(3), settings(iterations=1)) for _ in range(2)
    )
    other = osem_scan(activity, mu, SPACING, np.random.default_rng(4), settings(iterations=1))
    np.testing.assert_array_equal(one, again)
    assert one.shape == SHAPE
    assert one.dtype == np.float32
    assert not np.array_equal(one, other)


@needs_projector
def test_scanning_leaves_its_inputs_alone():
    activity, mu = cylinder(100), cylinder(100, WATER)
    activity.setflags(write=False)
    mu.setflags(write=False)
    osem_scan(activity, mu, SPACING, np.random.default_rng(0), settings(iterations=1))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"counts_per_suv_ml": 0}, "counts_per_suv_ml"),
        ({"time_resolution_ps": -1.0}, "time_resolution_ps"),
        ({"post_filter_fwhm_mm": float("nan")}, "post_filter_fwhm_mm"),
        ({"scatter_fraction": 1.0}, "scatter_fraction"),
        ({"iterations": 0}, "0 iterations"),
        ({"angles": 50}, "multiple of the subsets"),
    ],
)
def test_settings_out_of_range_are_refused(changes, said):
    with pytest.raises(UsageError, match=said):
        settings(**changes)


def test_arrays_that_do_not_fit_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(GeometryError, match="equal 3D arrays"):
        osem_scan(np.zeros(SHAPE, np.float32), np.zeros((2, 2, 2), np.float32), SPACING, rng)
    with pytest.raises(GeometryError, match="spacing_mm"):
        osem_scan(np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32), (4.0, 4.0), rng)


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf")])
def test_values_that_no_body_has_are_refused(bad):
    activity = cylinder(50)
    spoilt = activity.copy()
    spoilt[0, 0, 0] = bad
    for arrays, name in (((spoilt, activity), "activity"), ((activity, spoilt), "mu_per_mm")):
        with pytest.raises(ImageValueError, match=name):
            osem_scan(*arrays, SPACING, np.random.default_rng(0))


def test_without_the_library_the_remedy_is_named(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(osem_projector.importlib, "import_module", missing)
    with pytest.raises(UsageError, match=r"pip install 'seganypet\[osem\]'"):
        system_matrix(geometry(angles=5))
