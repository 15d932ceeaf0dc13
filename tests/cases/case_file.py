"""A case file: events in the order of delivery, a time to run until, and what must come out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic_core import to_json

from shared.contract.events import TicketEvent, decode_event
from shared.contract.times import Instant, parse_instant, rfc3339
from shared.policy.load import DEFAULT_POLICY, load_policy_file

FORMS: Final = {"minimum": "P1_or_override_minimum"}
"""Short names of the policy's forms."""

_POLICY: Final = load_policy_file(DEFAULT_POLICY)
_NUMBER: Final = re.compile(r"\{n(?:%(\d+))?\}")
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
        events=[
            _event(entry, n, default)
            for n, entry in enumerate(_spelt_out(lists["events"]), start=1)
        ],
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


def _spelt_out(entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield *entries*; `generate: {first, last, start, per_second, template}` stands for many.

    In the template `{n}` is the number of the event, `{n%K}` its remainder.
    """
    for entry in entries:
        plan = entry.get("generate")
        if plan is None:
            yield entry
            continue
        start = parse_instant(plan["start"])
        for n in range(plan["first"], plan["last"] + 1):
            at = rfc3339(Instant(start + (n - 1) // plan["per_second"]))
            yield {"at": at, **_numbered(plan["template"], n)}


def _numbered(value: Any, n: int) -> Any:
    if isinstance(value, dict):
        return {key: _numbered(item, n) for key, item in value.items()}
    if isinstance(value, str):
        return _NUMBER.sub(lambda hit: str(n % int(hit[1]) if hit[1] else n), value)
    return value


def _filled(data: dict[str, Any]) -> dict[str, Any]:
    """Return *data* with `info: {fill: FORM, without: [FIELD]}` spelt out, every field filled."""
    info = data.get("info")
    if not isinstance(info, dict) or "fill" not in info:
        return data
    form = FORMS.get(str(info["fill"]), str(info["fill"]))
    names = [name for name in _POLICY.forms[form] if name not in info.get("without", ())]
    more = {key: value for key, value in info.items() if key not in ("fill", "without")}
    return {**data, "info": {name: f"said: {name}" for name in names} | more}


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
        "data": _filled(entry.get("data") or {}),
    }
    return decode_event(to_json(plain))
