"""Fivetran's API as the scripts use it: https://fivetran.com/docs/rest-api/api-reference/connections"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from sync_blueprints.sandbox.behaviors import ODD_WORD
from sync_blueprints.sandbox.world import (
    DAY,
    Item,
    RefusedError,
    Request,
    Response,
    Routes,
    Run,
    World,
    instant,
    misbehave,
    route,
)

VARIABLES = {"FIVETRAN_API_KEY": "sandbox-fivetran-key", "FIVETRAN_API_SECRET": "sandbox-fivetran-secret"}
NARROW_KEY = "sandbox-fivetran-narrow-key"  # may use connections, but not read the account or the history of syncs
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
# Field of a PATCH -> what it may be; more exist. `config` and `auth` may be any object, shown as it was given.
FIELDS: dict[str, Sequence[Any]] = {
    "schedule_type": ("auto", "manual"),
    "paused": BOOLEAN,
    "is_historical_sync": BOOLEAN,
    "run_setup_tests": BOOLEAN,
    "trust_certificates": BOOLEAN,
    "sync_frequency": (1, 5, 15, 30, 60, 120, 180, 360, 480, 720, 1440),
    "daily_sync_time": [f"{hour:{form}}:00" for hour in range(24) for form in ("", "02")],
    "data_delay_sensitivity": ("LOW", "NORMAL", "HIGH", "CUSTOM", "SYNC_FREQUENCY"),
}
ACCEPTED = ("application/json;version=2", "application/json", "*/*")


def refuse(status: int, message: str = "", code: str = "") -> Response:
    phrase = HTTPStatus(status).phrase
    code = code or CODES.get(status, phrase.replace(" ", ""))
    return Response(status, {"code": code, "message": message or f"HTTP {status} {phrase}"})


def respond(request: Request, world: World) -> Response:
    secret = VARIABLES["FIVETRAN_API_SECRET"]
    keys = (VARIABLES["FIVETRAN_API_KEY"], NARROW_KEY)
    full, narrow = (f"Basic {b64encode(f'{key}:{secret}'.encode()).decode()}" for key in keys)
    login = request.headers.get("Authorization")
    if login not in (full, narrow):
        return refuse(401)
    act, ids = route(ROUTES, request, refuse)
    body = _body(request)
    if act in (account, history) and login == narrow:
        return refuse(403, "The key does not have the permission that is needed")
    if not ids:
        return act()

    missing = refuse(404, f"Cannot find connection with id '{ids[0]}'", "NotFound_Connection")

    def go() -> Response:
        item = world.find("fivetran", ids[0], missing=missing)
        _settle(world, item)
        return act(world, request, item, body)

    return misbehave(world, ("fivetran", ids[0]), request, go, refuse, starts=act in (sync, resync))


def _body(request: Request) -> dict[str, Any]:
    if not any(one.replace(" ", "") in ACCEPTED for one in request.headers.get("Accept", "*/*").split(",")):
        raise RefusedError(refuse(406))
    kind = request.headers.get("Content-Type", "").split(";")[0].strip()
    if request.method != "GET" and kind != "application/json":
        raise RefusedError(refuse(415))
    body = request.parsed(refuse) or {}
    if not isinstance(body, dict):
        raise RefusedError(refuse(400, "The body must be an object"))
    return body


def sync(world: World, _: Request, item: Item, body: dict[str, Any]) -> Response:
    force = body.get("force", False)
    if not isinstance(force, bool) or set(body) - {"force"}:
        return refuse(400, "Only 'force' is accepted, and it must be a boolean")
    if item.settings()["paused"] or item.behavior == "incomplete":
        return refuse(400, f"Connection with id '{item.id}' cannot be synced: paused, or its setup is incomplete")
    if item.is_busy(world.now()) and not force:
        return refuse(409, "A sync is already in progress")
    _begin(world, item, forced=force)
    text = f"Sync has been successfully triggered for connection with id '{item.id}'"
    return Response(200, {"code": "Success", "message": text})


def resync(world: World, _: Request, item: Item, body: dict[str, Any]) -> Response:
    scope = body.get("scope", {"all": ["all"]})
    if not isinstance(scope, dict) or not scope or not all(isinstance(one, list) and one for one in scope.values()):
        return refuse(400, "'scope' must name at least one schema with its tables")
    if item.behavior == "incomplete" or (item.behavior == "no_scope" and body):
        return refuse(400, f"Connection with id '{item.id}' cannot be re-synced: incomplete, or without table re-syncs")
    if item.settings()["paused"]:
        item.changes.append((world.now(), {"queued": True}))  # until it is unpaused
    else:
        _begin(world, item, forced=True, historical=True)
    return Response(200, {"code": "Success", "message": "Re-sync has been triggered successfully"})


def details(world: World, _: Request, item: Item, __: dict[str, Any]) -> Response:
    return Response(200, {"code": "Success", "data": _details(world, item)})


def modify(world: World, _: Request, item: Item, body: dict[str, Any]) -> Response:
    allowed = {name: [json.dumps(one) for one in values] for name, values in FIELDS.items()}  # 1 is not true
    objects = [name for name in ("config", "auth") if isinstance(body.get(name), dict)]
    wrong = [one for one, value in body.items() if one not in objects and json.dumps(value) not in allowed.get(one, ())]
    if wrong or not set(body) - {"run_setup_tests"}:
        return refuse(400, f"Invalid or unknown: {', '.join(wrong)}" if wrong else "Nothing to change was given")
    before, now = item.settings(), world.now()
    change = {name: value for name, value in body.items() if name != "run_setup_tests"}
    change.update({name: {**before.get(name, {}), **body[name]} for name in objects})
    if "daily_sync_time" in change:
        change["daily_sync_time"] = change["daily_sync_time"].zfill(5)
    if change.get("is_historical_sync"):
        change["queued"] = True
    after = {**before, **change}
    if after["paused"]:
        item.interrupt(now, "paused")
    elif after["queued"]:
        _begin(world, item, forced=True, historical=True)
        change["queued"] = False
    item.changes.append((now, change))
    return Response(200, {"code": "Success", "message": "Connection has been updated", "data": _details(world, item)})


def history(world: World, request: Request, item: Item, _: dict[str, Any]) -> Response:
    query = {name: values[-1] for name, values in request.query.items()}
    now = world.shown(item)
    try:
        limit, offset = int(query.get("limit", 100)), int(query.get("cursor", 0))
        since, until = _window(query.get("start_time"), query.get("end_time"), instant(world.stamp(now)))
    except ValueError as wrong:
        return refuse(400, str(wrong))
    if not 1 <= limit <= 1000 or offset < 0:
        return refuse(400, "limit must be from 1 to 1000, cursor the next_cursor of a response")
    ended = [run for run in reversed(item.runs) if run.ends <= now]
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
    return Response(200, {"code": "Success", "data": {"items": items, **more}})


def _window(start: str | None, end: str | None, now: datetime) -> tuple[datetime, datetime]:
    """One hour where one of the two is missing, at most seven days; raises ValueError."""
    hour = timedelta(hours=1)
    until = instant(end) if end else instant(start) + hour if start else now
    since = instant(start) if start else until - hour
    if not timedelta(0) <= until - since <= timedelta(days=7):
        raise ValueError("end_time must be after start_time, by 7 days at most")
    return since, until


def account() -> Response:
    data = {"account_id": "sandbox", "account_name": "Sandbox", "user_id": None, "system_key_id": "sandbox"}
    return Response(200, {"code": "Success", "data": data})


ROUTES: Routes = {
    "/v1/account/info": {"GET": account},
    "/v1/connections/([^/]+)": {"GET": details, "PATCH": modify},
    "/v1/connections/([^/]+)/sync": {"POST": sync},
    "/v1/connections/([^/]+)/resync": {"POST": resync},
    "/v1/connections/([^/]+)/sync-history": {"GET": history},
}


def _settle(world: World, item: Item) -> None:
    """Carry over what happened since the last request without anyone asking for it."""
    now = world.now()
    if not item.changes:
        schedule = "manual" if item.behavior == "rescheduled" else "auto"
        first = {"paused": item.behavior == "paused", "schedule_type": schedule, "sync_frequency": 360}
        item.changes.append((world.born - 90 * DAY, {**first, "queued": False}))
    for run in item.ended(now, "cancelled"):
        run.outcome = "paused"
        item.changes.append((run.ends, {"paused": True}))


def _due(item: Item) -> float:
    """When a rescheduled sync may run: counted from the first time that it was rescheduled."""
    return next((run.ends + item.number for run in item.runs if run.outcome == "rescheduled"), 0)


def _begin(world: World, item: Item, *, forced: bool, historical: bool = False) -> None:
    due = _due(item)
    item.interrupt(world.now(), "interrupted")
    run = world.begin("fivetran", item, historical=historical)
    if item.behavior == "rescheduled":
        run.ends, run.outcome = run.begins + 1, "succeeded" if due and due <= world.now() else "rescheduled"
    elif item.behavior == "broken" and not forced:
        run.outcome = "failed"


def _details(world: World, item: Item) -> dict[str, Any]:
    now = world.shown(item)
    settings = item.settings(now)
    historical = settings.pop("queued") or any(run.historical and run.accepted <= now < run.ends for run in item.runs)
    last = item.seen(now)[-1] if item.seen(now) else None
    has_failed = last and last.ends <= now and last.outcome == "failed"
    # A forced sync that succeeds clears "broken"; the first run is the one of an hour ago.
    cleared = any(run.outcome == "succeeded" for run in item.ended(now, "succeeded")[1:])
    setup = item.behavior if item.behavior == "incomplete" or (item.behavior == "broken" and not cleared) else ""
    word = "paused" if settings["paused"] else _word(last, now)
    return {
        "id": item.id,
        "service": "sandbox",
        "schema": f"sandbox.{item.id}",
        "group_id": "sandbox",
        "created_at": world.stamp(world.born - 90 * DAY, 6),
        **{name: value for name, value in settings.items() if name != "is_historical_sync"},
        "succeeded_at": _newest(world, item, "succeeded"),
        "failed_at": _newest(world, item, "failed", "interrupted"),
        "status": {
            "setup_state": setup or "connected",
            "sync_state": word,
            "update_state": "on_schedule",
            "is_historical_sync": historical,
            "schema_status": "ready",
            "rescheduled_for": world.stamp(_due(item), 0) if word == "rescheduled" else None,
            "tasks": [{"code": "reconnect", "message": FAILURE, "details": ""}] if has_failed else [],
            "warnings": [{"code": "sandbox", "message": "Not a real sync", "details": ""}] if has_failed else [],
        },
    }


def _word(last: Run | None, now: float) -> str:
    if last and last.is_running(now):
        return "syncing"
    return last.outcome if last and last.outcome in ("rescheduled", ODD_WORD) else "scheduled"


def _newest(world: World, item: Item, *outcomes: str) -> str | None:
    """The end of the newest such run, in a form that is not that of other times; a success never clears failed_at."""
    runs = item.ended(world.shown(item), *outcomes)
    return world.stamp(runs[-1].ends, 6) if runs else None
