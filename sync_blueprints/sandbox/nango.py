"""Nango's API as the scripts use it, after the recorded responses of a server (tests/recorded/nango.jsonl)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sync_blueprints.sandbox.behaviors import ODD_WORD, UNKNOWN, read_id
from sync_blueprints.sandbox.world import DAY, Item, Request, Response, Run, World, misbehave

VARIABLES = {"NANGO_SECRET_KEY": "8f2c1c6e-3d47-4b0a-9d52-6a1f0e7b4c11"}
READ_ONLY_KEY, EXECUTE_ONLY_KEY = "0c9f7f0e-52a1-4c5e-8a43-1b7d9e2f6a22", "b71d2a94-7e0c-4f38-b6d5-93c4a8e05f33"
SCOPES = {
    VARIABLES["NANGO_SECRET_KEY"]: {"syncs:execute", "syncs:read", "integrations:list_functions"},
    READ_ONLY_KEY: {"syncs:read"},
    EXECUTE_ONLY_KEY: {"syncs:execute"},
}
SYNCS = [("orders", "base"), ("orders", "eu"), ("customers", "base")]
MODELS = {"orders": "Order", "customers": "Customer"}
# Integration -> the connections that a request without connection_id means; any other connection exists once named.
INTEGRATIONS: dict[str, tuple[str, ...]] = {
    "sandbox": ("succeeds_in_1", "succeeds_in_2", "succeeds_in_3"),
    "sandbox-mixed": ("succeeds_in_1", "fails_in_1", "succeeds_in_2"),
    "sandbox-old": ("succeeds_in_1", "succeeds_in_2"),  # as a server before 2025 shows them
    "sandbox-empty": (),
}
NOT_OLD = ("connection_id", "latestExecutionStatus")  # fields that such a server does not have
CODES = {
    400: "invalid_body",
    401: "unknown_account",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    429: "too_many_request",
}
PATTERNS = {"provider_config_key": r"[a-zA-Z0-9~:.@ _-]+", "connection_id": r"""[a-zA-Z0-9,.;:=+~[\]|@${}"'\\/_ -]+"""}
UUID4 = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"  # the form of a secret key
# The fields that a request may have, and their types.
TRIGGER = {"syncs": list, "opts": dict, "connection_id": str, "provider_config_key": str}
STATUS = {"syncs": str, "provider_config_key": str, "connection_id": str}


def refuse(status: int, code: str = "", message: str = "") -> Response:
    """What is sent of an error; the texts are not Nango's own, the codes are."""
    code = code or CODES.get(status, "generic_error_support")
    return Response(status, {"error": {"code": code, "message": message or f"HTTP {status}: {code}"}})


def respond(request: Request, world: World) -> Response:
    path = request.path.removesuffix("/") or "/"
    if (request.method, path) not in ROUTES:
        # The real Nango responds to these two with a 500, and a double slash like any other unknown path.
        odd = request.method == "GET" and path in ("/", "/sync/trigger")
        return refuse(500) if odd else Response(404, f"<pre>Cannot {request.method} {request.path}</pre>")
    act, scope = ROUTES[request.method, path]
    kind = request.headers.get("Content-Type", "").split(";")[0].strip()
    if request.body and kind != "application/json":
        return refuse(415, "invalid_content_type", "Content-Type header must be application/json")
    try:
        body = request.json()
    except json.JSONDecodeError as wrong:
        return refuse(400, "invalid_json", str(wrong))
    login = request.headers.get("Authorization")
    if login is None:
        return refuse(401, "missing_auth_header")
    key = login.split("Bearer ")[-1]
    if not re.fullmatch(UUID4, key, re.IGNORECASE):
        return refuse(401, "invalid_secret_key_format")
    if key not in SCOPES:
        return refuse(401, "unknown_account")
    if scope not in SCOPES[key]:
        return refuse(403, "forbidden", f"Insufficient scope. Required: environment:{scope}")
    return act(world, request, body)


def _has_form(given: Any, fields: Mapping[str, type], *required: str) -> bool:
    return (
        isinstance(given, dict)
        and set(required) <= set(given) <= set(fields)
        and all(isinstance(value, fields[name]) for name, value in given.items())
    )


def trigger(world: World, request: Request, body: Any) -> Response:
    if request.query:
        return refuse(400, "invalid_query_params")
    syncs = {"name": str, "variant": str}
    if (
        not _has_form(body, TRIGGER, "syncs")
        or not _has_form(body.get("opts", {}), {"reset": bool, "emptyCache": bool})
        or not all(isinstance(one, str) or _has_form(one, syncs, *syncs) for one in body["syncs"])
    ):
        return refuse(400, "invalid_body")
    integration = body.get("provider_config_key", request.headers.get("Provider-Config-Key", ""))
    connection = body.get("connection_id", request.headers.get("Connection-Id", ""))
    if not integration:
        return refuse(400, "missing_provider_config_key")
    reset = bool(body.get("opts", {}).get("reset"))

    def go() -> Response:
        if integration not in INTEGRATIONS:
            return refuse(400, "unknown_provider_config")
        if connection and read_id(connection)[0] == UNKNOWN:
            return refuse(404, "unknown_connection")
        names = [name if isinstance(name, str) else f"{name['name']}::{name['variant']}" for name in body["syncs"]]
        # With a connection an unknown name is an error after the earlier ones were started.
        steps = [_known(integration, [name]) for name in names] if connection else [_known(integration, names)]
        for step in steps or [_known(integration, [])]:
            if not step:
                return refuse(400, "no_syncs_found")
            for one in [connection] if connection else INTEGRATIONS[integration]:
                for sync in step:
                    _start(world, _item(world, integration, one, sync), reset=reset)
        return Response(200, {"success": True})

    return misbehave(world, ("nango", integration, connection), request, go, refuse, starts=True)


def _start(world: World, item: Item, *, reset: bool) -> None:
    now = world.now()
    if reset and any(run.is_running(now) for run in item.runs):
        item.interrupt(now, "cancelled")
    if item.is_busy(now):
        return  # nothing is added to a run that is running or queued
    run = world.begin("nango", item)
    if item.behavior == "cut":
        run.outcome = "cut"
        world.add(item, run.ends + item.number, run.ends + item.number + 1, "succeeded")


def status(world: World, request: Request, _: Any) -> Response:
    query = {name: values[0] if len(values) == 1 else values for name, values in request.query.items()}
    required = ("syncs", "provider_config_key")
    if not _has_form(query, STATUS, *required) or not all(
        re.fullmatch(pattern, str(query.get(name, "x"))) for name, pattern in PATTERNS.items()
    ):
        return refuse(400, "invalid_query_params")
    integration, connection = str(query["provider_config_key"]), str(query.get("connection_id", ""))
    wanted = _known(integration, [] if query["syncs"] == "*" else str(query["syncs"]).split(","))

    def read() -> Response:
        if connection and (integration not in INTEGRATIONS or read_id(connection)[0] == UNKNOWN):
            return refuse(400, "invalid_body", "Connection not found")
        connections = [connection] if connection else INTEGRATIONS.get(integration, ())
        entries = [_entry(world, integration, one, sync) for one in connections for sync in wanted]
        if integration == "sandbox-old":
            entries = [{name: one[name] for name in one if name not in NOT_OLD} for one in entries]
        return Response(200, {"syncs": entries})

    return misbehave(world, ("nango", integration, connection), request, read, refuse, starts=False)


def functions(_: World, __: Request, ___: Any) -> Response:
    syncs = [{"name": name, "type": "sync", "runs": "every day", "returns": [MODELS[name]]} for name in MODELS]
    shown = [
        {"providerConfigKey": one, "syncs": [] if one == "sandbox-empty" else syncs, "actions": []}
        for one in INTEGRATIONS
    ]
    return Response(200, shown)


ROUTES: Mapping[tuple[str, str], tuple[Callable[..., Response], str]] = {
    ("POST", "/sync/trigger"): (trigger, "syncs:execute"),
    ("GET", "/sync/status"): (status, "syncs:read"),
    ("GET", "/scripts/config"): (functions, "integrations:list_functions"),
}


def _known(integration: str, names: list[str]) -> list[tuple[str, str]]:
    """The syncs that are meant by name or name::variant, all if there is no name. Nango ignores a third part."""
    pairs = [tuple([*name.split("::"), "base"][:2]) for name in names]
    return [sync for sync in SYNCS if integration != "sandbox-empty" and (sync in pairs or not names)]


def _item(world: World, integration: str, connection: str, sync: tuple[str, str]) -> Item:
    return world.find("nango", connection, integration, *sync, missing=refuse(404, "unknown_connection"))


def _entry(world: World, integration: str, connection: str, sync: tuple[str, str]) -> dict[str, Any]:
    item, model = _item(world, integration, connection, sync), MODELS[sync[0]]
    now = world.shown(item)
    last = item.seen(now)[-1] if item.seen(now) else None
    paused, latest = item.behavior == "paused", "SUCCESS"
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
        "nextScheduledSyncAt": None if paused else world.stamp(_due(world, last, now)),
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


def _due(world: World, last: Run | None, now: float) -> float:
    """When the next run is due. The end of a run that was cut shows first, its continuation half a second later."""
    if last and last.outcome == "cut" and last.ends + 0.5 <= now:
        return last.ends
    return (last.begins if last else world.born) + DAY
