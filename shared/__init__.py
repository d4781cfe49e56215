"""What the blueprints of all vendors share: inputs, errors, HTTP, waiting, files, reporting."""

VERSION = "0.1.0"
