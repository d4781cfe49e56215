"""What several of Nango's scripts declare: credentials, which syncs, waiting."""

from __future__ import annotations

from typing import Any

from shared import inputs, values
from shared.record import Record

CLOUD = "https://api.nango.dev"
INTEGRATION = r"[a-zA-Z0-9~:.@ _-]+"  # Nango's own patterns, from its 400 responses
CONNECTION = r"[a-zA-Z0-9,.;:=+~\[\]|@${}\"'\\/_ -]+"
SYNC = r"[A-Za-z0-9_.-]+"  # and its variant
PAGE = r"/connections/[^/]+/([^/?#]+)"  # of a connection, in Nango's dashboard
START_GRACE = 600  # seconds


class Selection(Record):
    """Which syncs are meant; no connection means all of the integration, no names mean all syncs."""

    integration: str
    connection_id: str | None = None
    syncs: tuple[str, ...] = ()

    @property
    def query(self) -> dict[str, str]:
        connection = {} if self.connection_id is None else {"connection_id": self.connection_id}
        return {"provider_config_key": self.integration, "syncs": ",".join(self.syncs) or "*", **connection}

    @property
    def body(self) -> dict[str, object]:
        return {**self.query, "syncs": list(self.syncs)}

    @property
    def label(self) -> str:
        connection = "all connections" if self.connection_id is None else f"connection {self.connection_id}"
        return f"integration {self.integration} ({connection}; {', '.join(self.syncs) or 'all syncs'})"


class Credentials(inputs.Inputs):
    """How to reach Nango and as whom."""

    vendor = "nango"

    secret_key: str = inputs.password("NANGO_SECRET_KEY")
    api_url: str = inputs.url("NANGO_API_URL", default=CLOUD)

    @property
    def dashboard(self) -> str | None:
        """Nango's dashboard; None for a self-hosted server, whose dashboard may be anywhere."""
        return "https://app.nango.dev" if self.api_url == CLOUD else None


def sync_names(text: str) -> tuple[str, ...]:
    """A comma-separated list of `name` or `name::variant`, each sync once. Raises InputError."""
    return tuple(dict.fromkeys(sync_name(name.strip()) for name in text.split(",")))


def sync_name(name: str) -> str:
    """`name` or `name::variant`, each as long as an ID may be. Raises InputError, or TypeError for no string."""
    if not all(values.fits(part, SYNC) for part in str.split(name, "::", 1)):
        raise values.InputError(f"has {values.shown(name)}; must be a comma-separated list of name or name::variant")
    return plain_name(name)


def plain_name(name: str) -> str:
    """`name` and `name::base` are the same sync, and Nango shows it twice if it is requested twice."""
    return name.removesuffix("::base")


class Syncs(Credentials):
    """Which syncs, and whether to wait until they have ended."""

    integration: str | None = inputs.identifier("NANGO_PROVIDER_CONFIG_KEY", INTEGRATION, required=False)
    connection_id: str | None = inputs.identifier("NANGO_CONNECTION_ID", CONNECTION, required=False, in_url=PAGE)
    syncs: tuple[str, ...] | None = inputs.text("NANGO_SYNCS", sync_names)
    start_grace: int = inputs.integer("NANGO_START_GRACE", default=START_GRACE, unit="seconds", min=0)
    wait: bool = inputs.boolean("NANGO_WAIT")
    wait_timeout: int = inputs.integer("NANGO_WAIT_TIMEOUT", default=230, unit="minutes", min=1)
    poll_interval: int = inputs.integer("NANGO_POLL_INTERVAL", default=60, unit="seconds", min=1, max=3600)

    if_running = "wait"  # which only a trigger lets its user choose

    @property
    def selection(self) -> Selection:
        return Selection(self.integration or "", self.connection_id, self.syncs or ())

    @property
    def subject(self) -> str | None:
        return self.integration

    @property
    def target(self) -> dict[str, Any]:
        return {"provider_config_key": self.integration, "connection_id": self.connection_id}
