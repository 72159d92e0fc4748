"""A DICOMweb server to open scans from: QIDO-RS to find series, WADO-RS to fetch them [DICOM PS3.18 10]."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dicomweb_client.api import DICOMwebClient
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from requests import RequestException

from seganypet.errors import ImageReadError, reason_of

_FIELDS: Final = ("PatientID", "PatientName", "StudyDate", "StudyDescription", "SeriesDescription")
_TIMEOUT_S: Final = 60.0
_MOST_SERIES: Final = 200


@dataclass(frozen=True, kw_only=True)
class RemoteSeries:
    """A series that a DICOMweb server has.

    Attributes:
        study_uid: StudyInstanceUID.
        series_uid: SeriesInstanceUID.
        patient: PatientID.
        date: StudyDate, as DICOM writes it.
        description: SeriesDescription, or that of the study.
    """

    study_uid: str
    series_uid: str
    patient: str
    date: str
    description: str


class DicomWeb:
    """A DICOMweb server.

    Args:
        address: Its service root, as "https://pacs.example/dicom-web".
    """

    def __init__(self, address: str) -> None:
        self.address = address

    def series(self, modality: str, patient: str = "") -> list[RemoteSeries]:
        """Return the series of a modality, at most 200.

        Args:
            modality: "PT", "CT" or "MR".
            patient: PatientID, with * for any characters; all patients where it is empty.

        Raises:
            ImageReadError: The server does not answer, or not as DICOMweb servers do.
        """
        filters = {"Modality": modality, **({"PatientID": patient} if patient else {})}
        with self._answering() as client:
            found: list[dict[str, Any]] = client.search_for_series(
                search_filters=filters, fields=list(_FIELDS), limit=_MOST_SERIES
            )
            return [_series(Dataset.from_json(entry)) for entry in found]

    def fetch(self, study_uid: str, series_uid: str, folder: Path) -> None:
        """Write the files of a series to a folder.

        Raises:
            ImageReadError: The server does not answer, or has no such series.
        """
        count = 0
        with self._answering() as client:
            for count, data in enumerate(client.iter_series(study_uid, series_uid), start=1):
                data.save_as(folder / f"{count:06d}.dcm", enforce_file_format=True)
        if not count:
            raise ImageReadError(f"{self.address}: series {series_uid} holds no images; choose another")

    @contextmanager
    def _answering(self) -> Iterator[DICOMwebClient]:
        try:
            yield DICOMwebClient(self.address.rstrip("/"), timeout=_TIMEOUT_S)
        except (
            RequestException,
            InvalidDicomError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
        ) as error:
            raise ImageReadError(
                f"{self.address}: no usable answer ({reason_of(error)}); is this the address of a DICOMweb service?"
            ) from error


def _series(found: Dataset) -> RemoteSeries:
    def text(keyword: str) -> str:
        return str(found.get(keyword) or "")

    return RemoteSeries(
        study_uid=text("StudyInstanceUID"),
        series_uid=text("SeriesInstanceUID"),
        patient=text("PatientID"),
        date=text("StudyDate"),
        description=text("SeriesDescription") or text("StudyDescription"),
    )
