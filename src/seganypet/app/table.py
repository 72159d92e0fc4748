"""The table of a reading: what each object holds."""

from __future__ import annotations

from seganypet.analysis.quantification import measure
from seganypet.analysis.suv_peak import suv_peak
from seganypet.app.open_scans import OpenScan
from seganypet.app.reading import Reading
from seganypet.app.wire import TableRow
from seganypet.volume import Mask


def table_of(reading: Reading, scan: OpenScan) -> list[TableRow]:
    """Return a row for each object, in their order.

    Volume in ml, SUV in g/ml, TLG (volume times SUVmean) in g; None where the object is empty.
    """
    rows = []
    for described in reading.objects.values():
        mask: Mask = scan.volume.like(reading.array(described.id))
        found = measure(scan.volume, mask)
        rows.append(
            TableRow(
                object_id=described.id,
                name=described.name,
                volume_ml=found.volume_ml,
                suv_max=found.suv_max,
                suv_mean=found.suv_mean,
                suv_peak=suv_peak(scan.volume, mask),
                tlg=None if found.suv_mean is None else found.volume_ml * found.suv_mean,
            )
        )
    return rows
