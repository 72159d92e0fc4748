"""Physiological variants of [18F]FDG uptake that fool readers, with their frequency."""

from __future__ import annotations

from seganypet.phantom.tracers.entries import Entry, estimate
from seganypet.phantom.tracers.shared_variants import bladder_full, lactation, ureter_focal
from seganypet.phantom.tracers.variants import Variant

_MUSCLES = ("thigh_muscle", "arm_muscle", "gluteus_maximus", "iliopsoas", "autochthon")
_TRAINED = estimate(2.6, 1.0, "several times muscle at rest")
FDG_VARIANTS: tuple[Variant, ...] = (
    Variant(
        name="brown_fat",
        frequency=0.054,
        source="cypess2009",
        note="106 of 1,972 patients (7.5 % of women, 3.1 % of men), maximum of 2 or more; "
        "56 of 908 in jacene2011",
        entries={"brown_fat": estimate(4.5, 2.2, "well above the threshold of 2 in cypess2009")},
        unevenness={"brown_fat": (0.5, 0.4)},
    ),
    Variant(
        name="heart_cold",
        frequency=0.41,
        source="tiwari2012",
        note="37 of 91 fasting patients without uptake; 109 of 302 in haider2020; "
        "28 patients (55 %) after a night of fasting in kumar2014",
        entries={"heart_myocardium": estimate(1.7, 0.4, "as blood, slightly above")},
        unevenness={"heart_myocardium": (0.08, 0.05)},
        group="heart",
        tail="low",
        follows="insulin",
    ),
    Variant(
        name="heart_hot",
        frequency=0.17,
        source="tiwari2012",
        note="16 of 91 fasting patients with marked uptake; maxima up to 22",
        entries={"heart_myocardium": estimate(9.0, 3.0, "two thirds of high maxima in tiwari2012")},
        unevenness={"heart_myocardium": (0.15, 0.06)},
        group="heart",
        follows="insulin",
    ),
    Variant(
        name="metformin",
        frequency=0.12,
        source="bahler2016",
        note="12 % of 270 patients took it",
        entries={
            "colon": estimate(4.5, 1.8, "intense, predominant in the colon (gontier2008)"),
            "small_bowel": estimate(2.6, 1.0, "raised to a lesser extent (gontier2008)"),
        },
        group="bowel",
        tail="low",
    ),
    Variant(
        name="colon_hot",
        frequency=0.11,
        source="intestine1998",
        note="high intestinal uptake in 11.0 % of 1,068 healthy adults",
        entries={"colon": estimate(3.3, 1.2, "above liver")},
        unevenness={"colon": (0.7, 0.3)},
        group="bowel",
    ),
    Variant(
        name="stomach_hot",
        frequency=0.056,
        source="gastric2005",
        note="maximum of 4 or more at the junction or in the antrum of 5.6 % of 763 patients",
        entries={"stomach": estimate(4.0, 1.2, "twice the fundus in koga2003")},
    ),
    ureter_focal(estimate(9.0, 6.0, "as urine in the bladder, in segments"), frequency=0.3),
    Variant(
        name="muscle_exercise",
        frequency=0.03,
        source="estimate",
        note="patients are asked to rest",
        entries=dict.fromkeys(_MUSCLES, _TRAINED),
        unevenness=dict.fromkeys(_MUSCLES, (0.3, 0.25)),
        some=(1, 2),
    ),
    Variant(
        name="muscle_insulin",
        frequency=0.012,
        source="esma2012",
        note="44 of 3,595 patients after 4 h of fasting; a quarter of those given insulin (roy2009)",
        entries={
            "skeletal_muscle": estimate(2.2, 0.6, "3.5 times muscle at rest"),
            "liver": estimate(1.5, 0.35, "two thirds of fasting: the tracer is in muscle"),
            "blood": estimate(1.0, 0.25, "two thirds of fasting"),
            "brain": estimate(6.0, 1.8, "two thirds of fasting"),
            "cerebellum": estimate(5.3, 1.6, "two thirds of fasting"),
            "brain_white_matter": estimate(2.4, 0.7, "two thirds of fasting"),
            "heart_myocardium": estimate(9.0, 3.0, "as a hot heart"),
        },
    ),
    bladder_full(estimate(30.0, 12.0, "one and a half SD above the mean of diuretic2015"), frequency=0.15),
    Variant(
        name="bladder_voided",
        frequency=0.2,
        source="estimate",
        note="sites that give furosemide",
        entries={"urinary_bladder": Entry(2.0, 0.8, "diuretic2015", "after furosemide")},
        group="bladder",
        tail="low",
    ),
    Variant(
        name="tonsils_hot",
        frequency=0.1,
        source="estimate",
        note="inflamed; no survey was read",
        entries={"palatine_tonsils": estimate(6.5, 1.6, "two SD above the mean of wang2007")},
    ),
    Variant(
        name="thyroid_hot",
        frequency=0.066,
        source="lee2013",
        note="diffuse uptake in 137 of 2,062 subjects",
        entries={"thyroid_gland": estimate(4.0, 1.5, "three times the resting gland")},
    ),
    Variant(
        name="thymus_hot",
        frequency=0.05,
        source="brink2001",
        note="5 of 104 adults after chemotherapy; a quarter of patients of 3-40 years in jerushalmi2009",
        entries={"thymus": Entry(2.8, 0.9, "jerushalmi2009", "0.75 of the maxima 3.73±1.22")},
    ),
    Variant(
        name="salivary_hot",
        frequency=0.05,
        source="estimate",
        note="sialadenitis, sarcoidosis; no survey was read",
        entries={
            "parotid_gland": estimate(4.5, 1.5, "twice the resting gland"),
            "submandibular_gland": estimate(4.5, 1.5, "twice the resting gland"),
        },
    ),
    Variant(
        name="larynx_hot",
        frequency=0.19,
        source="nakamoto2005",
        note="vocal cords visible in 19 %: talking during the uptake",
        entries={"larynx": estimate(3.0, 0.8, "upper end of nakamoto2005")},
        unevenness={"larynx": (0.3, 0.2)},
    ),
    Variant(
        name="marrow_activated",
        frequency=0.04,
        source="estimate",
        note="G-CSF within a week; depends on the patients",
        entries={
            "marrow": Entry(2.9, 1.1, "kazama2005", "2.37±1.19 within a week, and higher during treatment"),
            "rib": estimate(1.8, 0.6, "0.63 of the spine's marrow"),
            "limb_marrow": estimate(1.7, 0.7, "0.6 of the spine's: red marrow spreads"),
            "spleen": Entry(3.2, 1.0, "sugawara1999", "1.8 times the resting spleen (SUL 1.50 to 2.69±0.84)"),
        },
    ),
    Variant(
        name="menstruation",
        frequency=0.06,
        source="estimate",
        note="4 of 28 days, in the 45 % of women before the menopause",
        entries={"uterus": Entry(5.0, 3.2, "lerman2004", "menstruating")},
        unevenness={"uterus": (0.6, 0.3)},
        group="cycle",
        tail="low",
    ),
    Variant(
        name="ovulation",
        frequency=0.06,
        source="estimate",
        note="4 of 28 days, in the 45 % of women before the menopause",
        entries={
            "uterus": Entry(3.7, 0.9, "lerman2004", "ovulating"),
            "ovary": Entry(3.8, 1.0, "lerman2004", "two thirds of 5.7±1.5 in ovaries with uptake"),
        },
        unevenness={"uterus": (0.5, 0.25)},
        group="cycle",
        one_side=True,
    ),
    lactation(Entry(3.3, 1.1, "nissan2021", "two thirds of the maxima 5.0±1.7")),
)
