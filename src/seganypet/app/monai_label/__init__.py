"""The interface of a MONAI Label server, so that its plug-ins for 3D Slicer and OHIF segment with ours.

Facts and formats: MONAI Label 0.8.5 REST interface (server, client class, Slicer plug-in, OHIF extension), and
`formats.md` §4. Offered is one model of its type "deepgrow", which is what it calls segmentation by clicks.

What is assumed about the clients:

- Clicks are voxels of the image as the client holds it. A client that sent the file counts in the file's own order, as
  ITK and so Slicer read it. 3D Slicer 5.8 and later reverse the last axis of left-handed volumes when they load them
  (Slicer pull requests 7627 and 7746), so a left-handed scan is handed out (`/activelearning`) under an id of its own,
  which stands for the scan with this axis reversed; see `images`.
- OHIF names an image by its SeriesInstanceUID and counts (column, row, slice along row × column direction), as its
  viewer sorts slices; ITK's series reader does the same, and so do we (`read_dicom_pet`).
- Images are in SUVbw: a volume that Slicer loaded in Bq/ml is refused.
"""

from __future__ import annotations

from fastapi import APIRouter

from seganypet.app.monai_label import datastore, routes

router = APIRouter()
router.include_router(routes.router)
router.include_router(datastore.router)
