"""Write a manifest of the real tumours, so that training and evaluation can read them where they lie.

    python benchmarks/sts_manifest.py ../shared/data/sts_crops -o sts.csv

The source holds STS_0NN/pet_suv.nii.gz and gtv_mass.nii.gz [TCIA Soft-tissue-Sarcoma, crops of the IBSI validation
set]. Patients up to 024 are for training, those from 025 on for validation. Nothing is copied: the manifest's paths
lead to the source. `labels.json`, which stands beside every manifest, is empty: there are no organs; `about.json` names
source and licence.
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
    "what": "real FDG PET around a tumour, patients STS_002 to STS_024",
    "licence": "CC BY 3.0",
    "citation": "Vallières M. et al. 2015, DOI 10.7937/K9/TCIA.2015.7GO2GSKS and 10.1088/0031-9155/60/14/5471; "
    "Clark K. et al. 2013, DOI 10.1007/s10278-013-9622-7",
}


def rows_of(source: Path) -> list[ManifestRow]:
    """Return a row for each patient of the source, in order.

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
            split="train" if int(folder.name.removeprefix("STS_")) <= LAST_TRAINING_PATIENT else "val",
            quality="hq",
            tracer="fdg",
        )
        for folder in folders
    ]


def main() -> None:
    """Write manifest and labels."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path, help="folder with STS_0NN/pet_suv.nii.gz and gtv_mass.nii.gz")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="manifest, .csv")
    arguments = parser.parse_args()
    labels = arguments.output.with_name(LABELS_NAME)
    if labels.exists() and labels.read_text(encoding="utf-8").strip() != "{}":
        raise OutputError(f"{labels}: belongs to another manifest; choose another folder")
    rows = rows_of(arguments.source)
    write_manifest(rows, arguments.output)
    write_json({}, labels)
    write_json(ABOUT, arguments.output.with_name(ABOUT_NAME))
    train = sum(row.split == "train" for row in rows)
    print(f"{arguments.output}: {train} cases to train on, {len(rows) - train} to validate on")


if __name__ == "__main__":
    main()
