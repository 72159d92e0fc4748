"""Print the interface's OpenAPI description: `python -m seganypet.app.openapi`."""

from __future__ import annotations

import json
import sys

from seganypet.app.server import described_app

if __name__ == "__main__":
    sys.stdout.write(json.dumps(described_app().openapi(), indent=1) + "\n")
