"""A step of your own in a fleet: lists the vendors' responses that the vessels before it left behind."""

import json
import os
from pathlib import Path

folder = Path(os.environ.get("SHIPYARD_ARTIFACTS_DIRECTORY", "shipyard-artifacts"))
responses = sorted(str(path.relative_to(folder)) for path in folder.glob("*-blueprints/responses/*.json"))
print(json.dumps({"outcome": "reported", "title": os.environ.get("REPORT_TITLE"), "responses": responses}))
