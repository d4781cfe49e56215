"""Fivetran's API as the scripts use it: https://fivetran.com/docs/rest-api/api-reference/connections"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from sync_blueprints.sandbox.world import (
    DAY,
    ODD_WORD,
    Answer,
    Item,
    RefusedError,
    Request,
    Run,
    World,
    instant,
    misbehave,
    route,
)

VARIABLES = {"FIVETRAN_API_KEY": "sandbox-fivetran-key", "FIVETRAN_API_SECRET": "sandbox-fivetran-secret"}
CODES = {400: "InvalidInput", 404: "ResourceNotFound"}  # a path gone has no NotFound code
FAILURE = "Fivetran could not connect to the source: the password was rejected"
HISTORY = {
    "succeeded": "COMPLETED",
    "failed": "FAILURE",
    "interrupted": "CANCELED",
    "paused": "PAUSED",
    "rescheduled": "RESCHEDULED",
    ODD_WORD: "INCOMPLETE",
}
BOOLEAN = (True, False)
# Field of a PATCH -> what it may be; more exist.
FIELDS: dict[str, Sequence[Any]] = {
    "schedule_type": ("auto", "manual"),
    "paused": BOOLEAN,
    "is_historical_sync": BOOLEAN,
    "run_setup_tests": BOOLEAN,
    "trust_certificates": BOOLEAN,
    "sync_frequency": (1, 5, 15, 30, 60, 120, 180, 360, 480, 720, 1440),
    "daily_sync_time": [f"{hour:02}:00" for hour in range(24)],
    "data_delay_sensitivity": ("LOW", "NORMAL", "HIGH", "CUSTOM", "SYNC_FREQUENCY"),
}
ACCEPTED = ("application/json;version=2", "application/json", "*/*")


def refuse(status: int, message: str = "", code: str = "") -> Answer:
    phrase = HTTPStatus(status).phrase
    code = code or CODES.get(status, phrase.replace(" ", ""))
    return Answer(status, {"code": code, "message": message or f"HTTP {status} {phrase}"})


def answer(request: Request, world: World) -> Answer:
    login = f"{VARIABLES['FIVETRAN_API_KEY']}:{VARIABLES['FIVETRAN_API_SECRET']}"
    if request.headers.get("Authorization") != f"Basic {b64encode(login.encode()).decode()}":
        return refuse(401)
    act, ids = route(ROUTES, request, refuse)
    if not any(one.replace(" ", "") in ACCEPTED for one in request.headers.get("Accept", "*/*").split(",")):
        return refuse(406)
    kind = request.headers.get("Content-Type", "").split(";")[0].strip()
    if request.method != "GET" and kind != "application/json":
        return refuse(415)
    try:
        body = request.json() or {}
    except ValueError as wrong:
        return refuse(400, f"Invalid JSON: {wrong}")
    if not isinstance(body, dict):
        return refuse(400, "The body must be an object")
    if not ids:
        return Answer(200, act())

    def go() -> Answer:
        item = world.find("fivetran", ids[0])
        if item is None:
            text = f"Cannot find connection with id '{ids[0]}'"
            raise RefusedError(refuse(404, text, "NotFound_Connection"))
        _settle(world, item)
        answered: Answer = act(world, request, item, body)
        return answered

    return misbehave(world, ("fivetran", ids[0]), request, go, refuse, starts=act in (sync, resync))


def sync(world: World, _: Request, item: Item, body: dict[str, Any]) -> Answer:
    force = body.get("force", False)
    if not isinstance(force, bool) or set(body) - {"force"}:
        return refuse(400, "Only 'force' is accepted, and it must be a boolean")
    if item.settings["paused"] or item.behaviour == "incomplete":
        return refuse(400, f"Connection with id '{item.id}' cannot be synced: paused, or its setup is incomplete")
    if item.is_busy(world.now()) and not force:
        return refuse(409, "A sync is already in progress")
    _begin(world, item, forced=force)
    text = f"Sync has been successfully triggered for connection with id '{item.id}'"
    return Answer(200, {"code": "Success", "message": text})


def resync(world: World, _: Request, item: Item, body: dict[str, Any]) -> Answer:
    scope = body.get("scope", {"all": ["all"]})
    if not isinstance(scope, dict) or not scope or not all(isinstance(tables, list) for tables in scope.values()):
        return refuse(400, "'scope' must name at least one schema with its tables")
    if item.is_busy(world.now()):
        return refuse(409, "The running sync cannot be completed first")
    _begin(world, item, forced=True)
    return Answer(200, {"code": "Success", "message": "Re-sync has been triggered successfully"})


def details(world: World, _: Request, item: Item, __: dict[str, Any]) -> Answer:
    return Answer(200, {"code": "Success", "data": _details(world, item)})


def modify(world: World, _: Request, item: Item, body: dict[str, Any]) -> Answer:
    allowed = {name: [json.dumps(one) for one in values] for name, values in FIELDS.items()}  # 1 is not true
    wrong = [name for name, value in body.items() if json.dumps(value) not in allowed.get(name, ())]
    if wrong or not set(body) - {"run_setup_tests"}:
        return refuse(400, f"Invalid or unknown: {', '.join(wrong)}" if wrong else "Nothing to change was given")
    item.settings.update(body)
    if item.settings["paused"]:
        item.interrupt(world.now(), "paused")
    elif body.get("is_historical_sync"):
        _begin(world, item, forced=True)
    text = "Connection has been updated"
    return Answer(200, {"code": "Success", "message": text, "data": _details(world, item)})


def history(world: World, request: Request, item: Item, _: dict[str, Any]) -> Answer:
    query = {name: values[-1] for name, values in request.query.items()}
    try:
        limit, offset = int(query.get("limit", 100)), int(query.get("cursor", 0))
        since = instant(query.get("start_time", "0001-01-01T00:00:00Z"))
        until = instant(query.get("end_time", "9999-12-31T00:00:00Z"))
    except ValueError as wrong:
        return refuse(400, str(wrong))
    ended = [run for run in reversed(item.runs) if run.ends <= world.now()]
    runs = [run for run in ended if since <= instant(world.stamp(run.begins)) <= until]
    items = [
        {
            "sync_id": run.id,
            "status": HISTORY[run.outcome],
            "start": world.stamp(run.begins),
            "end": world.stamp(run.ends),
            "reason": {"failed": FAILURE, "interrupted": "Cancelled by a forced sync"}.get(run.outcome),
        }
        for run in runs[offset : offset + limit]
    ]
    more = {"next_cursor": str(offset + limit)} if offset + limit < len(runs) else {}
    return Answer(200, {"code": "Success", "data": {"items": items, **more}})


def account() -> dict[str, Any]:
    data = {"account_id": "sandbox", "account_name": "Sandbox", "user_id": None, "system_key_id": "sandbox"}
    return {"code": "Success", "data": data}


ROUTES: dict[str, dict[str, Any]] = {
    "/v1/account/info": {"GET": account},
    "/v1/connections/([^/]+)": {"GET": details, "PATCH": modify},
    "/v1/connections/([^/]+)/sync": {"POST": sync},
    "/v1/connections/([^/]+)/resync": {"POST": resync},
    "/v1/connections/([^/]+)/sync-history": {"GET": history},
}


def _settle(world: World, item: Item) -> None:
    """Carry over what happened since the last call without anyone asking for it."""
    now = world.now()
    if not item.settings:
        schedule = "manual" if item.behaviour == "rescheduled" else "auto"
        item.settings = {"paused": item.behaviour == "paused", "schedule_type": schedule, "sync_frequency": 360}
    for run in item.ended(now, "cancelled"):
        run.outcome, item.settings["paused"] = "paused", True
    put_off = item.runs[-1] if item.runs and item.runs[-1] in item.ended(now, "rescheduled") else None
    due = _due(item)
    if put_off and due <= now and item.settings["schedule_type"] == "auto":
        item.runs.append(Run(f"{put_off.id}r", due, due + 1, "succeeded"))


def _due(item: Item) -> float:
    """When a rescheduled sync may run: counted from the first time that it was put off."""
    return next((run.ends + item.seconds for run in item.runs if run.outcome == "rescheduled"), 0)


def _begin(world: World, item: Item, forced: bool) -> None:
    due = _due(item)
    item.interrupt(world.now(), "interrupted")
    run = world.begin("fivetran", item)
    if item.behaviour == "rescheduled":
        run.ends, run.outcome = run.begins + 1, "succeeded" if due and due <= world.now() else "rescheduled"
    elif item.behaviour == "broken" and not forced:
        run.outcome = "failed"


def _details(world: World, item: Item) -> dict[str, Any]:
    now, settings = world.now(), item.settings
    last = item.seen(now)[-1] if item.seen(now) else None
    word, put_off, tasks = "scheduled", None, []
    if settings["paused"]:
        word = "paused"
    elif last and last.is_running(now):
        word = "syncing"
    elif last and last.outcome == "rescheduled":
        word, put_off = "rescheduled", world.stamp(_due(item), 0)
    elif last and last.outcome == ODD_WORD:
        word = ODD_WORD
    elif last and last.outcome == "failed":
        tasks = [{"code": "reconnect", "message": FAILURE, "details": ""}]
    # A forced sync that succeeds clears "broken"; the first run is the one of an hour ago.
    mended = any(run.outcome == "succeeded" for run in item.ended(now, "succeeded")[1:])
    setup = item.behaviour if item.behaviour == "incomplete" or (item.behaviour == "broken" and not mended) else ""
    return {
        "id": item.id,
        "service": "sandbox",
        "schema": f"sandbox.{item.id}",
        "group_id": "sandbox",
        "created_at": world.stamp(world.born - 90 * DAY, 6),
        **{name: value for name, value in settings.items() if name not in ("is_historical_sync", "run_setup_tests")},
        "succeeded_at": _newest(world, item, "succeeded"),
        "failed_at": _newest(world, item, "failed", "interrupted"),
        "status": {
            "setup_state": setup or "connected",
            "sync_state": word,
            "update_state": "on_schedule",
            "is_historical_sync": word == "syncing" and bool(settings.get("is_historical_sync")),
            "schema_status": "ready",
            "rescheduled_for": put_off,
            "tasks": tasks,
            "warnings": [{"code": "sandbox", "message": "Not a real sync", "details": ""}] if tasks else [],
        },
    }


def _newest(world: World, item: Item, *outcomes: str) -> str | None:
    """The end of the newest such run; a later success never clears failed_at, and the fraction's length varies."""
    runs = item.ended(world.now(), *outcomes)
    if not runs:
        return None
    number = item.runs.index(runs[-1])
    return world.stamp(runs[-1].ends, 0 if number == 0 else 6 if number % 2 else 3)
