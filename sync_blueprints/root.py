"""Where the scripts, shared/ and the catalog are."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent

# Inside the package once it is installed, beside it in a checkout.
ROOT = _PACKAGE / "product" if (_PACKAGE / "product").is_dir() else _PACKAGE.parent
