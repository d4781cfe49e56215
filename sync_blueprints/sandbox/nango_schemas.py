"""What Nango's API says of a request that is not as it should be: error bodies, and zod's checks of objects."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import UUID

from sync_blueprints.sandbox.world import RefusedError, Response

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Error</title>
</head>
<body>
<pre>Cannot {} {}</pre>
</body>
</html>
"""
SAYS = {
    "missing_auth_header": "Authentication failed. The request is missing the Authorization header.",
    "invalid_secret_key_format": "Authentication failed. The provided secret key is not a UUID v4.",
    "unknown_account": "Authentication failed. The provided authorization header does not match any account.",
    "unknown_provider_config": "There is no Provider Configuration matching this key. "
    "Please make sure this value exists in the Nango dashboard {}",
    "no_syncs_found": "No syncs found given the inputs.",
}
CODES = {
    400: "invalid_body",
    401: "unknown_account",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    429: "too_many_request",
}
INCIDENT = "5b0b4d6e-0f0f-4c6a-9f4e-2b1d7c3a9e55"
# Without what the server calls deprecated, sync_mode and full_resync.
TRIGGER = {"syncs": "array", "opts": "object?", "connection_id": "string?", "provider_config_key": "string?"}
STATUS = {"syncs": "string", "provider_config_key": "string", "connection_id": "string?"}
PATTERNS = {
    "provider_config_key": r"[a-zA-Z0-9~:.@ _-]+",
    "connection_id": r"""[a-zA-Z0-9,.;:=+~[\]|@${}"'\\/_ -]+""",
}
MISSING: Any = object()


def refuse(status: int) -> Response:
    """An error for which there is only a status: what Nango sends where it does not know better."""
    if status in CODES:
        return error(status, CODES[status], f"HTTP {status}")
    text = f'An error occurred. Please contact support with this unique id: "{INCIDENT}"'
    return Response(status, {"error": {"message": text, "code": "generic_error_support", "payload": INCIDENT}})


def error(status: int, code: str, message: str) -> Response:
    return Response(status, {"error": {"code": code, "message": message}})


def full_error(status: int, code: str) -> Response:
    return Response(status, {"error": {"message": SAYS[code], "code": code, "payload": {}}})


def unknown_connection(connection: str, integration: str) -> Response:
    where = {"connectionId": connection, "providerConfigKey": integration}
    text = (
        "No connection matching the provided params of 'connection_id' and 'provider_config_key'. "
        f"Please make sure these values exist in the Nango dashboard {json.dumps(where, indent=2)}"
    )
    return Response(404, {"error": {"message": text, "code": "unknown_connection", "payload": where}})


def check_trigger(body: Any) -> None:
    errors = _wrong(TRIGGER, body)
    if not errors:
        errors = _wrong_syncs(body["syncs"])
        errors += _wrong({"reset": "boolean?", "emptyCache": "boolean?"}, body.get("opts", {}), "opts")
    _check("invalid_body", errors)


def check_status(query: dict[str, Any]) -> None:
    errors = _wrong(STATUS, query)
    for name, pattern in PATTERNS.items():
        if not errors and name in query and not re.fullmatch(pattern, str(query[name])):
            text = f"Invalid string: must match pattern /^{pattern}$/"
            errors.append({"code": "invalid_format", "message": text, "path": [name]})
    _check("invalid_query_params", errors)


def check_no_query(query: dict[str, list[str]]) -> None:
    _check("invalid_query_params", _wrong({}, query))


def is_uuid4(text: str) -> bool:
    try:
        return UUID(text).version == 4 and len(text) == 36
    except ValueError:
        return False


def _check(code: str, errors: list[dict[str, Any]]) -> None:
    if errors:
        raise RefusedError(Response(400, {"error": {"code": code, "errors": errors}}))


def _type(value: Any) -> str:
    if value is MISSING or value is None:
        return "undefined" if value is MISSING else "null"
    names = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]


def _wrong(fields: dict[str, str], given: Any, *path: str) -> list[dict[str, Any]]:
    """What zod says of an object that must have these fields (a type with "?": may be left out) and no others."""
    if not isinstance(given, dict):
        return [_mismatch("object", given, *path)]
    errors = [
        _mismatch(kind.rstrip("?"), given.get(name, MISSING), *path, name)
        for name, kind in fields.items()
        if not (kind.endswith("?") and name not in given) and _type(given.get(name, MISSING)) != kind.rstrip("?")
    ]
    extra = [f'"{name}"' for name in given if name not in fields]
    if extra:
        text = f"Unrecognized key{'s' if len(extra) > 1 else ''}: {', '.join(extra)}"
        errors.append({"code": "unrecognized_keys", "message": text, "path": [*path]})
    return errors


def _mismatch(expected: str, value: Any, *path: str) -> dict[str, Any]:
    text = f"Invalid input: expected {expected}, received {_type(value)}"
    return {"code": "invalid_type", "message": text, "path": [*path]}


def _wrong_syncs(syncs: list[Any]) -> list[dict[str, Any]]:
    text = "Each sync must be either a string or a { name: string, variant: string } object"
    return [
        {"code": "invalid_union", "message": text, "path": ["syncs", str(number)]}
        for number, sync in enumerate(syncs)
        if not isinstance(sync, str) and _wrong({"name": "string", "variant": "string"}, sync)
    ]
