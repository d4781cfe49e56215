"""Nango's API as the scripts use it, after the recorded answers of a server (tests/recorded/nango.jsonl)."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from sync_blueprints.sandbox.world import DAY, ODD_WORD, Answer, Item, RefusedError, Request, World, misbehave, read_id

VARIABLES = {"NANGO_SECRET_KEY": "8f2c1c6e-3d47-4b0a-9d52-6a1f0e7b4c11"}
READ_ONLY_KEY, EXECUTE_ONLY_KEY = "0c9f7f0e-52a1-4c5e-8a43-1b7d9e2f6a22", "b71d2a94-7e0c-4f38-b6d5-93c4a8e05f33"
SCOPES = {
    VARIABLES["NANGO_SECRET_KEY"]: {"syncs:execute", "syncs:read", "integrations:list_functions"},
    READ_ONLY_KEY: {"syncs:read"},
    EXECUTE_ONLY_KEY: {"syncs:execute"},
}
SYNCS = [("orders", "base"), ("orders", "eu"), ("customers", "base")]
MODELS = {"orders": "Order", "customers": "Customer"}
# Integration -> the connections that a call without connection_id means; any other connection exists once named.
INTEGRATIONS = {
    "sandbox": ("succeeds_in_1", "succeeds_in_2", "succeeds_in_3"),
    "sandbox-mixed": ("succeeds_in_1", "fails_in_1", "succeeds_in_2"),
    "sandbox-empty": (),
}
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
CODES = {401: "unknown_account", 403: "forbidden", 404: "not_found", 409: "conflict", 429: "too_many_request"}
MODES = ("incremental", "full_refresh", "full_refresh_and_clear_cache")
TRIGGER = {
    "syncs": "array",
    "opts": "object?",
    "full_resync": "boolean?",
    "sync_mode": "string?",
    "connection_id": "string?",
    "provider_config_key": "string?",
}
OTHERS = {"syncs": "array", "provider_config_key": "string", "connection_id": "string?"}
STATUS = {"syncs": "string", "provider_config_key": "string", "connection_id": "string?"}
PATTERNS = {
    "provider_config_key": r"[a-zA-Z0-9~:.@ _-]+",
    "connection_id": r"""[a-zA-Z0-9,.;:=+~[\]|@${}"'\\/_ -]+""",
}
MISSING: Any = object()


def refuse(status: int) -> Answer:
    """An error for which there is only a status: what Nango answers where it does not know better."""
    if status in CODES:
        return _error(status, CODES[status], f"HTTP {status}")
    incident = str(uuid4())
    text = f'An error occurred. Please contact support with this unique id: "{incident}"'
    return Answer(status, {"error": {"message": text, "code": "generic_error_support", "payload": incident}})


def answer(request: Request, world: World) -> Answer:
    path = request.path[:-1] if request.path.endswith("/") and request.path != "/" else request.path
    act, scope = ROUTES.get((request.method, path), (None, ""))
    if act is None:
        # Real Nango answers these two with a 500, and a double slash like any other unknown path.
        odd = request.method == "GET" and path in ("/", "/sync/trigger")
        return refuse(500) if odd else Answer(404, PAGE.format(request.method, request.path))
    kind = request.headers.get("Content-Type", "").split(";")[0].strip()
    if request.body and kind != "application/json":
        return _error(415, "invalid_content_type", "Content-Type header must be application/json")
    try:
        body = request.json() if request.body else MISSING
    except json.JSONDecodeError as wrong:
        cut = wrong.pos >= len(request.body) - 1 or wrong.msg.startswith("Unterminated")
        text = "Unexpected end of JSON input" if cut else f"{wrong.msg} in JSON at position {wrong.pos}"
        return _error(400, "invalid_json", text)
    header = request.headers.get("Authorization")
    key = (header or "").split("Bearer ")[-1]
    if header is None:
        return _full_error(401, "missing_auth_header")
    if not _is_uuid4(key):
        return _full_error(401, "invalid_secret_key_format")
    if key not in SCOPES:
        return _full_error(401, "unknown_account")
    try:
        if scope not in SCOPES[key]:
            raise RefusedError(_error(403, "forbidden", f"Insufficient scope. Required: environment:{scope}"))
        answered: Answer = act(world, request, body)
    except RefusedError as refused:
        answered = refused.answer
    window, limit = int((world.now() - world.born) // 60), 100_000
    world.is_first("nango", "calls", str(window))
    answered.headers["X-RateLimit-Limit"] = str(limit)
    answered.headers["X-RateLimit-Remaining"] = str(limit - world.counts["nango", "calls", str(window)])
    answered.headers["X-RateLimit-Reset"] = f"{world.wall(world.born + 60 * (window + 1)):.0f}"
    return answered


def trigger(world: World, request: Request, body: Any) -> Answer:
    _only_known(request.query)
    errors = _wrong(TRIGGER, body)
    if not errors:
        errors = _wrong_syncs(body["syncs"])
        errors += _wrong({"reset": "boolean?", "emptyCache": "boolean?"}, body.get("opts", {}), "opts")
        if body.get("sync_mode", MODES[0]) not in MODES:
            text = "Invalid option: expected one of " + "|".join(f'"{mode}"' for mode in MODES)
            errors.append({"code": "invalid_value", "message": text, "path": ["sync_mode"]})
    _check("invalid_body", errors)
    if "opts" in body and ("sync_mode" in body or "full_resync" in body):
        text = "Cannot use opts with deprecated sync_mode/full_resync parameters"
        return _error(400, "invalid_body", text)
    integration = body.get("provider_config_key", request.headers.get("Provider-Config-Key", ""))
    connection = body.get("connection_id", request.headers.get("Connection-Id", ""))
    if not integration:
        text = "Missing provider_config_key. Provide it in the body or headers."
        return _error(400, "missing_provider_config_key", text)
    reset = bool(body.get("opts", {}).get("reset"))

    def start(item: Item) -> None:
        now = world.now()
        if reset and any(run.is_running(now) for run in item.runs):
            item.interrupt(now, "cancelled")
        if not item.is_busy(now):  # nothing is added to a run that is running or queued
            world.begin("nango", item)

    return _for_each(world, request, integration, connection, body["syncs"], start, starts=True)


def pause(world: World, request: Request, body: Any) -> Answer:
    return _schedule(world, request, body, paused=True)


def unpause(world: World, request: Request, body: Any) -> Answer:
    return _schedule(world, request, body, paused=False)


def status(world: World, request: Request, _: Any) -> Answer:
    query = {name: values[0] if len(values) == 1 else values for name, values in request.query.items()}
    errors = _wrong(STATUS, query)
    for name, pattern in PATTERNS.items():
        if not errors and name in query and not re.fullmatch(pattern, str(query[name])):
            text = f"Invalid string: must match pattern /^{pattern}$/"
            errors.append({"code": "invalid_format", "message": text, "path": [name]})
    _check("invalid_query_params", errors)
    integration, connection = str(query["provider_config_key"]), str(query.get("connection_id", ""))
    wanted = _known(integration, [] if query["syncs"] == "*" else str(query["syncs"]).split(","))

    def look() -> Answer:
        if connection and (integration not in INTEGRATIONS or read_id(connection)[0] == "unknown"):
            return _error(400, "invalid_body", "Connection not found")
        connections = [connection] if connection else INTEGRATIONS.get(integration, ())
        entries = [_entry(world, integration, one, sync) for one in connections for sync in wanted]
        return Answer(200, {"syncs": entries})

    return misbehave(world, ("nango", integration, connection), request, look, refuse, starts=False)


def functions(_: World, __: Request, ___: Any) -> Answer:
    syncs = [{"name": name, "type": "sync", "runs": "every day", "returns": [MODELS[name]]} for name in MODELS]
    shown = [
        {"providerConfigKey": one, "syncs": [] if one == "sandbox-empty" else syncs, "actions": []}
        for one in INTEGRATIONS
    ]
    return Answer(200, shown)


ROUTES: dict[tuple[str, str], tuple[Any, str]] = {
    ("POST", "/sync/trigger"): (trigger, "syncs:execute"),
    ("POST", "/sync/pause"): (pause, "syncs:execute"),
    ("POST", "/sync/start"): (unpause, "syncs:execute"),
    ("GET", "/sync/status"): (status, "syncs:read"),
    ("GET", "/scripts/config"): (functions, "integrations:list_functions"),
}


def _schedule(world: World, request: Request, body: Any, paused: bool) -> Answer:
    _only_known(request.query)
    _check("invalid_body", _wrong(OTHERS, body) or _wrong_syncs(body["syncs"]))

    def change(item: Item) -> None:
        item.settings["paused"] = paused

    integration, connection = body["provider_config_key"], body.get("connection_id", "")
    return _for_each(world, request, integration, connection, body["syncs"], change, starts=False)


def _for_each(
    world: World, request: Request, integration: str, connection: str, syncs: list[Any], change: Any, *, starts: bool
) -> Answer:
    """Change each sync in turn. With a connection an unknown name is an error after the earlier ones were changed."""

    def go() -> Answer:
        if integration not in INTEGRATIONS:
            return _full_error(400, "unknown_provider_config")
        if connection and read_id(connection)[0] == "unknown":
            where = {"connectionId": connection, "providerConfigKey": integration}
            text = (
                "No connection matching the provided params of 'connection_id' and 'provider_config_key'. "
                f"Please make sure these values exist in the Nango dashboard {json.dumps(where, indent=2)}"
            )
            return Answer(404, {"error": {"message": text, "code": "unknown_connection", "payload": where}})
        names = [name if isinstance(name, str) else f"{name['name']}::{name['variant']}" for name in syncs]
        steps = [_known(integration, [name]) for name in names] if connection else [_known(integration, names)]
        for step in steps or [_known(integration, [])]:
            if not step:
                return _full_error(400, "no_syncs_found")
            for one in [connection] if connection else INTEGRATIONS[integration]:
                for sync in step:
                    change(_item(world, integration, one, sync))
        return Answer(200, {"success": True})

    return misbehave(world, ("nango", integration, connection), request, go, refuse, starts=starts)


def _known(integration: str, names: list[str]) -> list[tuple[str, str]]:
    """The syncs that are meant by name or name::variant, all if there is no name. Nango ignores a third part."""
    pairs = [tuple([*name.split("::"), "base"][:2]) for name in names]
    return [sync for sync in SYNCS if integration != "sandbox-empty" and (sync in pairs or not names)]


def _item(world: World, integration: str, connection: str, sync: tuple[str, str]) -> Item:
    item = world.find("nango", connection, integration, *sync)
    assert item is not None  # noqa: S101 - unknown connections were refused
    item.settings.setdefault("paused", item.behaviour == "paused")
    return item


def _entry(world: World, integration: str, connection: str, sync: tuple[str, str]) -> dict[str, Any]:
    item, now, model = _item(world, integration, connection, sync), world.now(), MODELS[sync[0]]
    last = item.seen(now)[-1] if item.seen(now) else None
    paused, latest = item.settings["paused"], "SUCCESS"
    if last and last.is_running(now):
        latest = "RUNNING"
    elif last:
        stopped = {"failed": "STOPPED", "cancelled": "STOPPED", ODD_WORD: ODD_WORD.upper()}
        latest = stopped.get(last.outcome, "SUCCESS")
    state = "PAUSED" if paused and latest != "RUNNING" else latest
    entry = {
        "id": str(uuid5(NAMESPACE_URL, "/".join(("nango", integration, connection, *sync)))),
        "connection_id": connection,
        "type": "INITIAL",
        "nextScheduledSyncAt": None if paused else world.stamp((last.begins if last else world.born) + DAY),
        "name": sync[0],
        "variant": sync[1],
        "status": "ERROR" if state == "STOPPED" and last and last.outcome == "failed" else state,
        "frequency": "every day",
        "latestResult": {model: {"added": 3, "deleted": 0, "updated": 0}} if last and latest == "SUCCESS" else {},
        "recordCount": {model: 3 * len(item.ended(now, "succeeded"))},
        "checkpoint": None,
    }
    if last:
        entry["latestExecutionStatus"] = latest
    if last and latest != "RUNNING":
        entry["finishedAt"] = world.stamp(last.ends)
    return entry


def _error(status: int, code: str, message: str) -> Answer:
    return Answer(status, {"error": {"code": code, "message": message}})


def _full_error(status: int, code: str) -> Answer:
    return Answer(status, {"error": {"message": SAYS[code], "code": code, "payload": {}}})


def _check(code: str, errors: list[dict[str, Any]]) -> None:
    if errors:
        raise RefusedError(Answer(400, {"error": {"code": code, "errors": errors}}))


def _only_known(query: dict[str, list[str]]) -> None:
    _check("invalid_query_params", _wrong({}, query))


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


def _is_uuid4(text: str) -> bool:
    try:
        return UUID(text).version == 4 and len(text) == 36
    except ValueError:
        return False
