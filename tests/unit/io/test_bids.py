import json
import warnings

import nibabel as nib
import numpy as np
import pytest

from seganypet.errors import ImageReadError, ImageValueError, SUVError
from seganypet.io import read_volume
from seganypet.io.bids import sidecar_path
from seganypet.io.nifti import read_nifti
from seganypet.io.suv import SUVOverrides

# 70 kg, 350 MBq, decayed for one half-life of F-18 (6586.2 s): 70e3 g / 175e6 Bq = 4e-4 g/ml per Bq/ml.
SIDECAR = {
    "Units": "Bq/mL",
    "TracerRadionuclide": "F18",
    "TracerName": "FDG",
    "InjectedRadioactivity": 350,
    "InjectedRadioactivityUnits": "MBq",
    "BodyWeight": 70,
    "TimeZero": "10:00:00",
    "InjectionStart": -6586.2,
    "ScanStart": 0,
    "FrameTimesStart": [0],
    "FrameDuration": [180],
    "ImageDecayCorrected": True,
    "ImageDecayCorrectionTime": 0,
    "AttenuationCorrection": "CT",
}
FACTOR = 4e-4
HALF_LIFE_S = 6586.2
ENOUGH = SUVOverrides(
    weight_kg=70,
    dose_bq=350e6,
    half_life_s=HALF_LIFE_S,
    injection_time="08:10:13.8",
    reference_time="10:00:00",
)


def activity(scale=1.0):
    """Bq/ml from 0 to 29,500, that is SUV 0 to 11.8."""
    return (np.arange(60).reshape(4, 5, 3) * 500 * scale).astype(np.float32)


@pytest.fixture
def save(tmp_path):
    """Write an image and a sidecar; None takes a field out."""

    def write(array, sidecar=SIDECAR, **changes):
        nib.save(nib.Nifti1Image(array, np.diag([4.0, 4.0, 3.0, 1.0])), tmp_path / "sub-01_pet.nii.gz")
        if sidecar is not None:
            fields = {k: v for k, v in (sidecar | changes).items() if v is not None}
            (tmp_path / "sub-01_pet.json").write_text(json.dumps(fields))
        return tmp_path / "sub-01_pet.nii.gz"

    return write


@pytest.fixture(autouse=True)
def _no_unexpected_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("name", ["a.b_pet.nii.gz", "a.b_pet.nii", "A.B_PET.NII.GZ"])
def test_sidecar_lies_beside_the_image(name, tmp_path):
    assert sidecar_path(tmp_path / name).parent == tmp_path
    assert sidecar_path(tmp_path / name).name.lower() == "a.b_pet.json"


def test_converts_by_hand_computed_factor(save):
    volume = read_nifti(save(activity()))
    np.testing.assert_allclose(volume.array, activity() * FACTOR, rtol=1e-6)
    record = volume.source.record
    assert record["suvbw_factor"] == pytest.approx(FACTOR, rel=1e-9)
    assert record["delta_t_s"] == pytest.approx(6586.2)
    assert record["units"] == "Bq/mL"
    assert record["tags"]["InjectedRadioactivity"] == 350e6
    assert record["tags"]["BodyWeight"] == 70
    assert record["branch"]
    assert record["warnings"] == []
    json.dumps(dict(record))


@pytest.mark.parametrize(
    ("changes", "factor"),
    [
        ({"InjectedRadioactivity": 350e6, "InjectedRadioactivityUnits": "Bq"}, FACTOR),
        ({"InjectedRadioactivity": 10, "InjectedRadioactivityUnits": "mCi"}, FACTOR * 350 / 370),
        ({"BodyWeight": None, "ParticipantWeight": 35}, FACTOR / 2),
        ({"BodyWeight": None, "PatientWeight": 35.0}, FACTOR / 2),
        ({"Units": "BQML"}, FACTOR),
        ({"TimeZero": None}, FACTOR),
        ({"TracerRadionuclide": "18F"}, FACTOR),
        # decay-corrected to the injection: nothing has decayed
        ({"ImageDecayCorrectionTime": -6586.2}, FACTOR / 2),
    ],
)
def test_reads_the_spellings_in_use(changes, factor, save):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        volume = read_nifti(save(activity(), **changes))
    assert volume.source.record["suvbw_factor"] == pytest.approx(factor, rel=1e-9)


def test_kilobecquerel(save):
    volume = read_nifti(save(activity(1e-3), Units="kBq/mL"))
    np.testing.assert_allclose(volume.array, activity() * FACTOR, rtol=1e-5)
    assert volume.source.record["suvbw_factor"] == pytest.approx(FACTOR * 1000)


def test_without_decay_correction_the_frames_mean_is_brought_to_its_start(save):
    # The frame lasts one half-life, so that its mean is 1/(2 ln 2) of its start; injected at its start.
    volume = read_nifti(
        save(
            activity(),
            ImageDecayCorrected=False,
            ImageDecayCorrectionTime=None,
            FrameDuration=[HALF_LIFE_S],
        )
    )
    expected = 70e3 / 350e6 * 2 * (2 * np.log(2))
    assert volume.source.record["suvbw_factor"] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("units", ["SUV", "SUVbw", "g/mL"])
def test_suv_units_are_left_alone(units, save):
    volume = read_nifti(save(activity(1e-3), {"Units": units}))
    np.testing.assert_array_equal(volume.array, activity(1e-3))
    assert volume.source.record == {
        "suvbw_factor": 1.0,
        "branch": [f"units: {units} (sidecar)"],
        "warnings": [],
    }


@pytest.mark.parametrize("sidecar", [None, {}, {"1": "liver"}, ["liver"]])
def test_other_json_files_do_not_matter(sidecar, save, tmp_path):
    path = save(activity(1e-3), None)
    if sidecar is not None:
        (tmp_path / "sub-01_pet.json").write_text(json.dumps(sidecar))
    assert read_nifti(path).source.record["suvbw_factor"] == 1.0


def test_overrides_replace_the_sidecars_values(save):
    volume = read_nifti(save(activity()), overrides=SUVOverrides(weight_kg=140))
    assert volume.source.record["suvbw_factor"] == pytest.approx(2 * FACTOR)
    assert volume.source.record["overrides"] == {"weight_kg": 140}


@pytest.mark.parametrize("injection", ["08:10:13.8", "2024-05-01T08:10:13.800000"])
def test_injection_time_of_day_is_compared_with_time_zero(injection, save):
    path = save(activity(), InjectionStart=None)
    volume = read_nifti(path, overrides=SUVOverrides(injection_time=injection))
    assert volume.source.record["suvbw_factor"] == pytest.approx(FACTOR, rel=1e-9)


@pytest.mark.parametrize(
    ("injection", "reference"),
    [
        ("08:10:13.8", "10:00:00"),
        ("23:10:13.8", "01:00:00"),
        ("2024-05-01T23:10:13.8", "2024-05-02T01:00:00"),
        ("2024-05-01T08:10:13.8", "10:00:00"),
    ],
)
def test_overrides_alone_suffice(injection, reference, save):
    overrides = SUVOverrides(
        weight_kg=70,
        dose_bq=350e6,
        half_life_s=HALF_LIFE_S,
        injection_time=injection,
        reference_time=reference,
    )
    path = save(activity(), None)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        volume = read_nifti(path, overrides=overrides)
    assert volume.source.record["suvbw_factor"] == pytest.approx(FACTOR, rel=1e-9)
    noted = volume.source.record["warnings"]
    assert [str(w.message) for w in caught] == [f"{path}: {text}" for text in noted]
    assert noted[:2] == [
        "no sidecar states the unit: taken as Bq/mL from the height of the values",
        "no sidecar states AttenuationCorrection: taken as done",
    ]


def test_warns_of_overrides_on_an_image_that_is_suv_already(save):
    with pytest.warns(UserWarning, match="overrides without effect, .*: weight_kg, dose_bq"):
        volume = read_nifti(save(activity(1e-3), None), overrides=ENOUGH)
    np.testing.assert_array_equal(volume.array, activity(1e-3))


def test_warns_where_several_frames_became_one_image(save):
    with pytest.warns(UserWarning, match="describes 2 frames, the image holds one"):
        read_nifti(save(activity(), FrameDuration=[180, 180]))


def test_refuses_bq_ml_with_nothing_to_convert_by(save):
    with pytest.raises(
        ImageValueError, match=r"Bq/ml.*weight_kg \(--weight-kg KG\).*sidecar sub-01_pet\.json"
    ):
        read_nifti(save(activity(), None))


def test_refuses_a_second_conversion(save):
    with pytest.raises(ImageValueError, match=r"highest voxel would be SUV 0\.0118: .* SUV already"):
        read_nifti(save(activity(1e-3)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"BodyWeight": None}, r"lacks BodyWeight; add it, or give weight_kg \(--weight-kg KG\)"),
        (
            {"InjectedRadioactivity": None},
            r"lacks InjectedRadioactivity; .*dose_bq \(--dose-bq BQ or --dose-mbq MBQ\)",
        ),
        ({"InjectedRadioactivity": "n/a"}, "lacks InjectedRadioactivity"),
        ({"InjectionStart": None, "BodyWeight": None}, r"lacks BodyWeight, InjectionStart; "),
        ({"TracerRadionuclide": None}, r"lacks TracerRadionuclide; .*half_life_s"),
        ({"ImageDecayCorrectionTime": None}, "lacks ImageDecayCorrected with ImageDecayCorrectionTime"),
        ({"ImageDecayCorrected": None}, "lacks ImageDecayCorrected with ImageDecayCorrectionTime"),
        ({"TracerRadionuclide": "Xx99"}, "TracerRadionuclide"),
        ({"InjectedRadioactivityUnits": None}, "InjectedRadioactivityUnits is None; expected MBq"),
        ({"InjectedRadioactivityUnits": "kg"}, "InjectedRadioactivityUnits is 'kg'"),
        ({"InjectedRadioactivity": "350"}, "InjectedRadioactivity is '350'; expected a number"),
        ({"BodyWeight": True}, "BodyWeight is True; expected a number"),
        ({"BodyWeight": 0}, "BodyWeight is 0"),
        ({"InjectionStart": 60}, "InjectionStart is .* after the time of decay correction"),
        ({"AttenuationCorrection": "none"}, "AttenuationCorrection is 'none': SUV needs"),
        ({"Units": "nCi/cc"}, "Units is 'nCi/cc'; expected Bq/mL or SUV"),
        ({"Units": "SUL"}, "Units is 'SUL'; expected Bq/mL or SUV"),
        ({"ImageDecayCorrected": False, "FrameDuration": [60, 60]}, "2 frames without decay correction"),
    ],
)
def test_refuses_sidecars_that_do_not_suffice(changes, message, save):
    path = save(activity(), **changes)
    with pytest.raises(SUVError, match=message) as caught:
        read_nifti(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_refuses_a_time_of_day_without_time_zero(save):
    path = save(activity(), TimeZero=None)
    with pytest.raises(SUVError, match="lacks TimeZero"):
        read_nifti(path, overrides=SUVOverrides(injection_time="08:00:00"))


def test_refuses_unreadable_time_zero(save):
    with pytest.raises(SUVError, match="TimeZero is 'ten'; expected HH:MM:SS"):
        read_nifti(save(activity(), TimeZero="ten"))


def test_refuses_a_sidecar_that_is_no_json(save, tmp_path):
    path = save(activity(), None)
    (tmp_path / "sub-01_pet.json").write_text("{")
    with pytest.raises(ImageReadError, match=r"sidecar sub-01_pet\.json is no readable JSON"):
        read_nifti(path)


def test_refuses_bq_ml_where_most_of_the_field_of_view_is_air(save):
    array = np.full((10, 10, 10), 10.0, dtype=np.float32)
    array[4:7, 4:7, 4:7] = 8000.0
    with pytest.raises(ImageValueError, match="look like Bq/ml rather than SUV"):
        read_nifti(save(array, None))


@pytest.mark.real_data
def test_real_scan_in_bq_ml_with_a_sidecar_gives_the_suv_of_the_dicom_series(shared_data, save):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dicom = read_volume(shared_data / "sts_001" / "dicom_pet")
    path = save(dicom.array / dicom.source.record["suvbw_factor"], None)
    with pytest.raises(ImageValueError, match="look like Bq/ml rather than SUV"):
        read_nifti(path)
    # 71 kg, 388.8 MBq, injected 2711 s before the start: the series' own tags
    path = save(
        dicom.array / dicom.source.record["suvbw_factor"],
        BodyWeight=71,
        InjectedRadioactivity=dicom.source.record["tags"]["(0018,1074) RadionuclideTotalDose"],
        InjectedRadioactivityUnits="Bq",
        InjectionStart=-2711,
    )
    volume = read_volume(path)
    # the series states a half-life of 6588 s, the sidecar only the nuclide
    assert volume.source.record["suvbw_factor"] == pytest.approx(2.42903e-4, rel=1e-4)
    np.testing.assert_allclose(volume.array, dicom.array, rtol=1e-4)
