"""RudderStack's API as the scripts use it: https://www.rudderstack.com/docs/api/"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from sync_blueprints.sandbox.behaviors import ODD_WORD
from sync_blueprints.sandbox.world import Item, Request, Response, Routes, Run, World, instant, misbehave, route

VARIABLES = {"RUDDERSTACK_ACCESS_TOKEN": "sandbox-rudderstack-token"}
VIEWER_TOKEN = "sandbox-rudderstack-viewer-token"  # noqa: S105 - may read, but not start or stop anything
PARAMETERS = ("--model_refs", "--begin_time", "--end_time", "--rebase_incremental")
NO_TIME, NEVER = "0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z"  # the first is Go's zero time
WORDS = {"succeeded": "succeeded", "failed": "failed", "cancelled": "stopped", ODD_WORD: ODD_WORD}
FAILURE = "destination warehouse: permission denied for relation users"


def refuse(status: int, message: str = "") -> Response:
    return Response(status, {"error": message or HTTPStatus(status).phrase})


def respond(request: Request, world: World) -> Response:
    token = request.headers.get("Authorization", "").partition("Bearer ")[2]
    if token not in (VARIABLES["RUDDERSTACK_ACCESS_TOKEN"], VIEWER_TOKEN):
        return refuse(401)
    act, ids = route(ROUTES, request, refuse)
    if request.method == "POST" and token == VIEWER_TOKEN:
        return refuse(403, "the token's role may not do this: Edit is needed")
    if not ids:
        return act(world)
    kind = request.path.split("/")[2]
    missing = refuse(404, f"{kind[:-1]} {ids[0]} not found")

    def go() -> Response:
        return act(world, request, world.find("rudderstack", ids[0], kind, missing=missing), *ids[1:])

    return misbehave(world, ("rudderstack", kind, ids[0]), request, go, refuse, starts=act in (start_sync, start_run))


def start_sync(world: World, request: Request, item: Item) -> Response:
    body = request.parsed(refuse)
    if not isinstance(body, dict) or body.get("syncType") not in ("incremental", "full"):
        return refuse(400, "syncType must be one of incremental, full")
    return _start(world, item, "syncId")


def start_run(world: World, request: Request, item: Item) -> Response:
    body = request.parsed(refuse) or {}
    given = body.get("parameters", []) if isinstance(body, dict) else None
    if not isinstance(given, list) or not all(str(one).split(" ")[0] in PARAMETERS for one in given):
        return refuse(400, f"parameters must be a list of strings that begin with one of {', '.join(PARAMETERS)}")
    return _start(world, item, "runId")


def _start(world: World, item: Item, name: str) -> Response:
    if item.behavior == "disabled":
        return refuse(400, f"{item.id} is disabled")
    if item.is_busy(world.now()):
        return refuse(409, "a sync is already running")
    return Response(200, {name: world.begin("rudderstack", item).id})


def list_syncs(world: World, request: Request, item: Item) -> Response:
    query = {name: values[-1] for name, values in request.query.items()}
    try:
        page, per_page = int(query.get("page", 1)), int(query.get("per_page", 20))
        after, before = instant(query.get("started_after", NO_TIME)), instant(query.get("started_before", NEVER))
    except ValueError as wrong:
        return refuse(400, str(wrong))
    if query.get("status", "failed") not in ("running", "succeeded", "failed") or page < 1 or not 1 <= per_page <= 100:
        return refuse(400, "status, page or per_page out of range")
    runs = item.seen(world.shown(item))
    runs.sort(key=lambda run: run.id if item.behavior == "history" else -run.begins)  # the order is not documented
    syncs = [_sync(world, item, run) for run in runs]
    found = [
        sync
        for sync in syncs
        if query.get("status", sync["status"]) == sync["status"] and after < instant(sync["startedAt"]) < before
    ]
    paging: dict[str, Any] = {"total": len(found)}
    if page * per_page < len(found):
        path = request.path.removeprefix("/v2") if item.behavior == "history" else request.path
        paging["next"] = f"{path}?{urlencode({**query, 'page': page + 1, 'per_page': per_page})}"
    return Response(200, {"syncs": found[(page - 1) * per_page : page * per_page], "paging": paging})


def one_sync(world: World, _: Request, item: Item, sync_id: str) -> Response:
    runs = [run for run in item.seen(world.shown(item)) if run.id == sync_id]
    return Response(200, _sync(world, item, runs[0])) if runs else refuse(404)


def one_connection(_: World, __: Request, item: Item) -> Response:
    """Not documented, but used by RudderStack's own tools."""
    schedule = {"type": "basic", "everyMinutes": 60} if item.behavior == "running" else {"type": "manual"}
    ids = {"id": item.id, "sourceId": f"source-{item.id}", "destinationId": f"destination-{item.id}"}
    return Response(200, {**ids, "enabled": item.behavior != "disabled", "schedule": schedule})


def stop_sync(world: World, _: Request, item: Item) -> Response:
    now = world.now()
    for run in item.runs:
        if now < run.ends and item.behavior != "answers_409" and run.outcome != "cancelled":
            # 204 only says that the stop was asked for: what is in flight is delivered first.
            run.begins, run.ends, run.outcome = min(run.begins, now), now + 1, "cancelled"
    return Response(204)


def one_run(world: World, _: Request, item: Item, run_id: str) -> Response:
    runs = [run for run in item.seen(world.shown(item)) if run.id == run_id]
    return Response(200, _run(world, item, runs[0])) if runs else refuse(404)


def latest_run(world: World, _: Request, item: Item) -> Response:
    runs = item.seen(world.shown(item))
    never = {"id": item.id, "startedAt": NO_TIME, "finishedAt": NO_TIME}
    return Response(200, _run(world, item, runs[-1]) if runs else never)


def one_source(_: World, __: Request, item: Item) -> Response:
    source = {"id": item.id, "name": item.id, "type": "Profiles", "enabled": item.behavior != "disabled"}
    return Response(200, {"source": source})


def workspace(_: World) -> Response:
    return Response(200, {"workspace": {"id": "sandbox", "name": "Sandbox", "region": "US", "status": "ACTIVE"}})


def sources(world: World) -> Response:
    known = [{"id": key[1], "name": key[1]} for key in world.items if key[0] == "rudderstack" and key[2] == "sources"]
    return Response(200, {"sources": known, "paging": {"total": len(known)}})


ROUTES: Routes = {
    "/v2/workspace": {"GET": workspace},
    "/v2/sources": {"GET": sources},
    "/v2/sources/([^/]+)": {"GET": one_source},
    "/v2/sources/([^/]+)/start": {"POST": start_run},
    "/v2/sources/([^/]+)/status": {"GET": latest_run},
    "/v2/sources/([^/]+)/runs/([^/]+)/status": {"GET": one_run},
    "/v2/retl-connections/([^/]+)": {"GET": one_connection},
    "/v2/retl-connections/([^/]+)/start": {"POST": start_sync},
    "/v2/retl-connections/([^/]+)/stop": {"POST": stop_sync},
    "/v2/retl-connections/([^/]+)/syncs": {"GET": list_syncs},
    "/v2/retl-connections/([^/]+)/syncs/([^/]+)": {"GET": one_sync},
}


def _sync(world: World, item: Item, run: Run) -> dict[str, Any]:
    now = world.shown(item)
    over = run.ends <= now
    failed = 0 if not over else 100 if run.outcome == "failed" else 3 if item.behavior == "refuses_rows" else 0
    good = 100 - failed if over else 0
    return {
        "id": run.id,
        "status": WORDS[run.outcome] if over else "running",
        "startedAt": world.stamp(run.begins),
        "finishedAt": world.stamp(min(run.ends, now)),  # shown filled on a running sync, too
        "error": FAILURE if over and run.outcome == "failed" else None,
        "metrics": {
            "succeeded": {"total": good},
            "failed": {"total": failed},
            "changed": {"total": good + failed},
            "total": good + failed,
        },
    }


def _run(world: World, item: Item, run: Run) -> dict[str, Any]:
    now = world.shown(item)
    over = run.ends <= now
    shown: dict[str, Any] = {
        "id": item.id,
        "status": "running",
        "startedAt": world.stamp(run.begins),
        "finishedAt": world.stamp(run.ends) if over else NO_TIME,
        "jobId": f"job-{item.id}",
        "jobRunId": run.id,
        "tasks": [],
    }
    if over:  # a failed run is "finished" as well: only its error tells
        shown["status"] = "finished" if run.outcome in ("succeeded", "failed") else WORDS[run.outcome]
    if over and run.outcome == "failed":
        shown["error"] = FAILURE
    return shown
