"""Vessels, and fleets of them: what is run, how often, and in which order."""

from __future__ import annotations

import graphlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sync_blueprints.catalog import Blueprint, CatalogError, Guardrails, find, guardrails_for


@dataclass(frozen=True)
class Vessel:
    """One step of a fleet: a script and its guardrails; `variables` override the environment's, None removes one."""

    name: str
    path: Path
    guardrails: Guardrails
    variables: Mapping[str, str | None] = field(default_factory=dict)
    blueprint: Blueprint | None = None  # None for a script of one's own

    def guardrails_in(self, environment: Mapping[str, str]) -> Guardrails:
        """Its guardrails once its inputs are known."""
        if self.blueprint is None:
            return self.guardrails
        return guardrails_for(replace(self.blueprint, guardrails=self.guardrails), environment)


@dataclass(frozen=True)
class Connection:
    """Which vessel has to end how before which other one runs; both by their place in the fleet."""

    upstream: int
    downstream: int
    condition: str  # SUCCESS, ERRORED or COMPLETED

    def is_met(self, exit_code: int) -> bool:
        return self.condition == "COMPLETED" or (self.condition == "SUCCESS") == (exit_code == 0)


@dataclass(frozen=True)
class Fleet:
    """Vessels and connections without a cycle; `notes` say what of its file has no effect or another one here."""

    name: str
    vessels: tuple[Vessel, ...]
    connections: tuple[Connection, ...]
    notes: tuple[str, ...] = ()

    def before(self, place: int) -> list[Connection]:
        return [one for one in self.connections if one.downstream == place]

    def order(self) -> graphlib.TopologicalSorter[int]:
        """The places of the vessels, in an order that connections allow, prepared. Raises graphlib.CycleError."""
        places = range(len(self.vessels))
        order = graphlib.TopologicalSorter({place: [one.upstream for one in self.before(place)] for place in places})
        order.prepare()
        return order


def vessel_of(name_or_path: str) -> Vessel:
    """A blueprint with its guardrails, or any other script with none. Raises CatalogError."""
    try:
        blueprint = find(name_or_path)
    except CatalogError:
        path = Path(name_or_path)
        if not path.is_file():
            raise
        return Vessel(path.name, path.resolve(), Guardrails())
    return Vessel(blueprint.name, blueprint.path, blueprint.guardrails, blueprint=blueprint)


def chain(vessels: Sequence[Vessel]) -> Fleet:
    """Each vessel runs if the one before it succeeded."""
    connections = tuple(Connection(place - 1, place, "SUCCESS") for place in range(1, len(vessels)))
    return Fleet(", then ".join(vessel.name for vessel in vessels), tuple(vessels), connections)
