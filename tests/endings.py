"""How scripts end: exit code and outcome, with which a `tests.wire.Ending` is compared."""

STARTED, JOINED, SUCCEEDED = (0, "started"), (0, "joined"), (0, "succeeded")
UPDATED, VALID, LISTED = (0, "updated"), (0, "valid"), (0, "listed")
INVALID, BAD_REQUEST = (200, "invalid_credentials"), (201, "refused")
NOT_STARTED, UNCLEAR = (202, "not_started"), (202, "unclear")
ALREADY_RUNNING, NOT_FOUND, INVALID_INPUT = (203, "already_running"), (204, "not_found"), (206, "invalid_input")
RUNNING, FAILED, CANCELLED, UNKNOWN = (210, "running"), (211, "failed"), (212, "cancelled"), (213, "unknown")
UNREACHABLE, ARTIFACT_ERROR = (220, "unreachable"), (221, "artifact_error")
