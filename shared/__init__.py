"""What the scripts of all vendors share: inputs, errors, HTTP, polling, the handoff, redaction, reporting."""

VERSION = "0.2.0"
