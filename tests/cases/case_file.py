"""A case file: events in the order of delivery, a time to run until, and what must come out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic_core import to_json

from shared.contract.events import TicketEvent, decode_event

_LISTS: Final = ("events", "expect", "never", "count", "final")


class _TextLoader(yaml.SafeLoader):
    """YAML whose times stay text."""


_TextLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Run:
    """One execution of the engine and everything that must hold of it."""

    id: str
    until: str
    events: list[TicketEvent]
    policy: list[dict[str, Any]]
    expect: list[dict[str, Any]]
    never: list[dict[str, Any]]
    count: list[dict[str, Any]]
    final: list[dict[str, Any]]


def runs(folder: Path) -> Iterator[Run]:
    """Yield the runs of every case file in *folder*, one for each variant of a case."""
    for path in sorted(folder.glob("*.yaml")):
        # The loader is SafeLoader's, with fewer resolvers.
        case = yaml.load(path.read_text(encoding="utf-8"), _TextLoader)  # noqa: S506
        for variant in case.pop("variants", None) or [{}]:
            yield _run(case, variant)


def _run(case: dict[str, Any], variant: dict[str, Any]) -> Run:
    merged = case | {key: value for key, value in variant.items() if key != "id"}
    lists = {key: [*(case.get(key) or []), *(variant.get(key) or [])] for key in _LISTS}
    default = merged.get("ticket")
    policy: Any = merged.get("policy") or "default"
    return Run(
        id="/".join(part for part in (case["id"], variant.get("id")) if part),
        until=merged["until"],
        events=[_event(entry, n, default) for n, entry in enumerate(lists["events"], start=1)],
        policy=[] if policy == "default" else policy,
        expect=[_keyed(entry, default) for entry in lists["expect"]],
        never=[_keyed(entry, default) for entry in lists["never"]],
        count=[_keyed(entry, default) for entry in lists["count"]],
        final=[_keyed(entry, default) for entry in lists["final"]],
    )


def _key(ticket: str) -> str:
    return ticket if ":" in ticket else f"desk:{ticket}"


def _keyed(entry: dict[str, Any], default: str | None) -> dict[str, Any]:
    ticket = entry.get("ticket", default)
    if isinstance(ticket, str):
        return {**entry, "ticket": _key(ticket)}
    return dict(entry)


def _event(entry: dict[str, Any], number: int, default: str | None) -> TicketEvent:
    source, _, subject = _key(entry.get("ticket") or default or "").partition(":")
    plain = {
        "specversion": "1.0",
        "id": str(entry.get("id", f"e{number}")),
        "source": source,
        "type": entry["type"],
        "subject": subject,
        "time": entry["at"],
        "receivedat": entry.get("received", entry["at"]),
        "datacontenttype": "application/json",
        "data": entry.get("data") or {},
    }
    return decode_event(to_json(plain))
