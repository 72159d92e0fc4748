"""Uptake of [18F]FDG, 60 minutes after injection, fasting; mean SUV (body weight) and spread between patients."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from seganypet.phantom.tracers.entries import Entry, estimate

FDG: Mapping[str, Entry] = MappingProxyType(
    {
        "subcutaneous_fat": estimate(0.3, 0.08, "half of muscle, below visceral fat as in oliveira2015"),
        "torso_fat": estimate(0.45, 0.11, "above subcutaneous fat, as oliveira2015 found"),
        "brown_fat": estimate(0.45, 0.11, "inactive: as visceral fat"),
        "skin": estimate(0.65, 0.15, "as muscle"),
        "skeletal_muscle": Entry(0.6, 0.13, "sts", "gluteal 0.49±0.08 in insulin2013"),
        "bone": estimate(0.55, 0.13, "cortex, slightly below muscle"),
        "rib": estimate(0.95, 0.21, "0.63 of the spine's marrow: thin, much of it cortex"),
        "marrow": Entry(
            1.5, 0.34, "kazama2005", "between 1.60±0.34 untreated and 1.37±0.32 after chemotherapy"
        ),
        "limb_marrow": estimate(0.75, 0.22, "half of the spine's: mostly yellow marrow"),
        "skull": estimate(0.9, 0.2, "as ribs"),
        "spinal_cord": Entry(
            1.7, 0.4, "nakamoto2005", "2.12 in the cord, diluted by its fluid; SD estimated"
        ),
        "brain": estimate(9.0, 2.4, "grey matter, slightly above the cerebellum"),
        "brain_white_matter": estimate(3.6, 1.0, "0.4 of grey matter"),
        "brain_ventricle": estimate(0.7, 0.2, "half of blood"),
        "cerebellum": Entry(8.0, 2.2, "wang2007"),
        "lung": Entry(0.57, 0.15, "miyauchi1996", "0.80±0.23 at the base behind is 41 % above the least"),
        "airway": estimate(0.4, 0.1, "air within a thin wall, below lung"),
        "gas": estimate(0.03, 0.008, "no uptake: a fifteenth of airway, scatter alone"),
        "esophagus": Entry(
            1.5, 0.38, "gejunction", "0.73 of the maxima 2.06 at the normal gastric junction; SD estimated"
        ),
        "heart_myocardium": estimate(
            3.5, 2.0, "neither cold nor hot: half of mid maxima, 1-22 in tiwari2012"
        ),
        "blood": Entry(1.55, 0.38, "boktor2013", "132 patients; 1.57 in 531 in parlak2019"),
        "liver": Entry(2.23, 0.44, "boktor2013", "of two visits, 2.17 and 2.29; 1.88±0.41 in liu2019"),
        "gallbladder": estimate(0.9, 0.3, "0.4 of liver: bile holds little"),
        "spleen": Entry(1.97, 0.4, "pak2012", "liver over 1.13; SD as the liver's"),
        "kidney": Entry(
            2.4,
            0.5,
            "rcc2016",
            "controls 2.2±0.3; the medulla, with urine, has maxima of 5.5±1.3 in diuretic2015",
        ),
        "kidney_pelvis": estimate(6.0, 4.0, "half of the bladder"),
        "ureter": estimate(3.0, 2.2, "half of the renal pelvis"),
        "adrenal_gland": Entry(1.7, 0.5, "koopman2016", "0.75 of the maxima 2.3±0.7"),
        "pancreas": Entry(1.45, 0.33, "zhang2015", "0.85 of the maxima 1.70±0.37 in the head"),
        "stomach": Entry(1.9, 0.7, "koga2003", "its middle third, 1.91±0.71"),
        "duodenum": estimate(1.6, 0.5, "as stomach"),
        "small_bowel": estimate(1.3, 0.42, "below colon, after the grades in gontier2008"),
        "colon": estimate(1.5, 0.6, "below liver in half of the patients of bahler2016"),
        "urinary_bladder": Entry(13.8, 10.3, "diuretic2015"),
        "prostate": Entry(1.7, 0.4, "chetan2017", "0.6 of the maxima of benign sectors, 2.86±0.68"),
        "uterus": Entry(1.7, 0.5, "lerman2004", "endometrium after the menopause"),
        "ovary": Entry(1.2, 0.35, "kim2019", "first week of the cycle; SD estimated"),
        "urethra": estimate(4.0, 2.5, "a third of the bladder"),
        "testis": Entry(2.44, 0.45, "kitajima2007", "2.57±0.56 in wang2007"),
        "breast": Entry(0.8, 0.27, "kumar2006", "dense breasts, average 0.84±0.27; 0.69 in breast2010"),
        "thyroid_gland": Entry(1.31, 0.4, "nakamoto2005", "SD estimated"),
        "thymus": estimate(1.2, 0.35, "involuted: below blood"),
        "parotid_gland": Entry(1.9, 0.5, "nakamoto2005", "SD as of the maxima 2.34±0.60 in mylohyoid2020"),
        "submandibular_gland": Entry(
            2.11, 0.5, "nakamoto2005", "SD as of the maxima 2.51±0.59 in mylohyoid2020"
        ),
        "lacrimal_gland": estimate(1.7, 0.5, "slightly below the parotid gland"),
        "palatine_tonsils": Entry(3.45, 1.4, "wang2007", "3.48 in nakamoto2005"),
        "nasal_mucosa": Entry(1.56, 0.4, "nakamoto2005", "inferior concha; SD estimated"),
        "eye": estimate(1.0, 0.3, "muscles around a cold globe"),
        "larynx": Entry(1.77, 0.55, "nakamoto2005", "vocal cords; SD estimated"),
    }
)
