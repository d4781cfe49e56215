"""Acme's API (https://docs.acme.example): endpoints, parsing, what its errors mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from acme_blueprints.inputs import Credentials
from acme_blueprints.verdict import JobRun
from shared.context import Run
from shared.errors import BlueprintError, InvalidCredentialsError, StartUnclearError, SyncNotFoundError
from shared.timestamps import parse_timestamp
from shared.transport import Response, bearer
from shared.values import fits


class AcmeApi:
    """Every method may raise the errors of `shared.api.Api`."""

    def __init__(self, given: Credentials, run: Run) -> None:
        self.http = run.api("Acme", given.api_url, bearer(given.api_key), refusal)

    def account(self) -> str:
        """The name of the account that the key belongs to."""
        response = self.http.get("/v1/account")
        name = self.http.json_object(response).get("name")
        if not isinstance(name, str):
            raise self.http.unexpected(response, "the account's name")
        return self.http.excerpt(name)

    def start(self, job_id: str, keep_as: str) -> str:
        """Start a run; its id. Raises StartUnclearError, SyncNotStartedError, SyncAlreadyRunningError."""
        response = self.http.start(f"/v1/jobs/{job_id}/runs", keep_as=keep_as)
        run_id = response.body.get("id") if isinstance(response.body, dict) else None
        if not isinstance(run_id, str) or not fits(run_id):
            words = self.http.describe(response)
            raise StartUnclearError(f"Acme accepted the trigger request without a usable id ({words})", response.status)
        return run_id

    def cancel(self, job_id: str, run_id: str) -> None:
        self.http.change(f"/v1/jobs/{job_id}/runs/{run_id}/cancel")

    def run(self, job_id: str, run_id: str, keep_as: str) -> JobRun:
        return self._parsed(self.http.get(f"/v1/jobs/{job_id}/runs/{run_id}", keep_as=keep_as))

    def latest(self, job_id: str, keep_as: str) -> JobRun | None:
        """The run that started last; None if the job has never run."""
        response = self.http.get(f"/v1/jobs/{job_id}/runs/latest", keep_as=keep_as)
        return self._parsed(response) if self.http.json_object(response) else None

    def _parsed(self, response: Response) -> JobRun:
        try:
            run = parse_run(self.http.json_object(response))
        except (KeyError, TypeError, ValueError) as missing:
            raise self.http.unexpected(response, str(missing)) from missing
        return run._replace(word=self.http.excerpt(run.word), error=self.http.excerpt(run.error))


def parse_run(data: Mapping[str, Any]) -> JobRun:
    """A run. Raises KeyError, TypeError or ValueError naming what is missing or odd."""
    for key in ("id", "status"):
        if not isinstance(data[key], str):
            raise TypeError(f"a {key} that is a text")
    if not fits(data["id"]):
        raise ValueError("a usable id")
    started, finished = (parse_timestamp(data.get(key)) for key in ("started_at", "finished_at"))
    return JobRun(data["id"], data["status"], started, finished, str(data.get("error") or ""))


def refusal(response: Response, words: str) -> BlueprintError | None:
    """What Acme's statuses mean beyond the usual."""
    if response.status == 401:
        return InvalidCredentialsError(f"ACME_API_KEY is wrong ({words}). Copy it again from Acme > Settings")
    if response.status == 404:
        return SyncNotFoundError(f"Acme does not know this job, or ACME_API_KEY may not see it ({words})")
    return None
