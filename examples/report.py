"""A step of one's own in a fleet: tells which vendors' answers the vessels before it left behind."""

import json
import os
from pathlib import Path

folder = Path(os.environ.get("SHIPYARD_ARTIFACTS_DIRECTORY", "shipyard-artifacts"))
answers = sorted(str(path.relative_to(folder)) for path in folder.glob("*-blueprints/responses/*.json"))
print(json.dumps({"outcome": "reported", "title": os.environ.get("REPORT_TITLE"), "answers": answers}))
