"""Write a manifest of the real tumours, so that training and evaluation can read them where they lie.

    python benchmarks/sts_manifest.py ../shared/data/sts_crops -o sts/manifest.csv
    python benchmarks/sts_manifest.py ../shared/data/sts_crops -o fold1/manifest.csv --fold 1 --folds 3

The source holds STS_0NN/pet_suv.nii.gz and gtv_mass.nii.gz [TCIA Soft-tissue-Sarcoma, crops of the IBSI validation
set]. Patients up to 024 are for training; those from 025 on (of a fold: its own) for testing, and no training looks at
them, not even to choose among its own weights. Nothing is copied: the manifest's paths lead to the source.
`labels.json`, which stands beside every manifest, is empty: there are no organs; `about.json` names source and licence.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from seganypet.errors import ManifestError, OutputError
from seganypet.io import ManifestRow, write_json, write_manifest
from seganypet.io.manifest import LABELS_NAME
from seganypet.training.export import ABOUT_NAME

LAST_TRAINING_PATIENT = 24
# For the descriptions of weights that are trained on them, see docs/training.md.
ABOUT = {
    "name": "Soft-tissue-Sarcoma (TCIA), crops of the IBSI validation set",
    "what": "real FDG PET around a tumour",
    "licence": "CC BY 3.0",
    "citation": "Vallières M. et al. 2015, DOI 10.7937/K9/TCIA.2015.7GO2GSKS and 10.1088/0031-9155/60/14/5471; "
    "Clark K. et al. 2013, DOI 10.1007/s10278-013-9622-7",
}


def rows_of(source: Path, fold: tuple[int, int] | None = None) -> list[ManifestRow]:
    """Return a row for each patient of the source, in order.

    Args:
        source: Folder of the crops.
        fold: Of a cross-validation, which one from 1 on, and how many there are.

    Raises:
        ManifestError: There is none.
    """
    folders = sorted(folder for folder in source.glob("STS_*") if (folder / "pet_suv.nii.gz").exists())
    if not folders:
        raise ManifestError(f"{source}: no STS_0NN/pet_suv.nii.gz; give the folder of the crops")
    return [
        ManifestRow(
            case=folder.name,
            image=folder / "pet_suv.nii.gz",
            lesions=folder / "gtv_mass.nii.gz",
            split="train" if is_trained_on(int(folder.name.removeprefix("STS_")), fold) else "test",
            quality="hq",
            tracer="fdg",
        )
        for folder in folders
    ]


def is_trained_on(patient: int, fold: tuple[int, int] | None) -> bool:
    """Return whether a patient is trained on."""
    if fold is None:
        return patient <= LAST_TRAINING_PATIENT
    number, count = fold
    return patient % count != number % count


def _patients(rows: list[ManifestRow]) -> str:
    """Return the patients to train on, in words."""
    trained = [row.case for row in rows if row.split == "train"]
    first_ones = [row.case for row in rows[: len(trained)]]
    return f"{trained[0]} to {trained[-1]}" if trained == first_ones else ", ".join(trained)


def main() -> None:
    """Write manifest and labels."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path, help="folder with STS_0NN/pet_suv.nii.gz and gtv_mass.nii.gz")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="manifest, .csv")
    parser.add_argument("--fold", type=int, help="of a cross-validation, from 1 on")
    parser.add_argument("--folds", type=int, default=3, help="how many there are")
    arguments = parser.parse_args()
    labels = arguments.output.with_name(LABELS_NAME)
    if labels.exists() and labels.read_text(encoding="utf-8").strip() != "{}":
        raise OutputError(f"{labels}: belongs to another manifest; choose another folder")
    fold = None if arguments.fold is None else (arguments.fold, arguments.folds)
    rows = rows_of(arguments.source, fold)
    write_manifest(rows, arguments.output)
    write_json({}, labels)
    write_json(
        {**ABOUT, "what": f"{ABOUT['what']}, patients {_patients(rows)}"},
        arguments.output.with_name(ABOUT_NAME),
    )
    train = sum(row.split == "train" for row in rows)
    print(f"{arguments.output}: {train} cases to train on, {len(rows) - train} to test")


if __name__ == "__main__":
    main()
