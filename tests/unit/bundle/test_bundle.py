"""A case in a file: it replays to the same decisions, shows every change, and names nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from pydantic_core import to_json
from typer.testing import CliRunner, Result

from cli.bundle.command import without_names
from cli.bundle.content import Bundle, differences, gathered, read_bundle, replayed
from cli.bundle.signing import SignatureError, canonical, new_key, signed, verified
from cli.main import app
from services.escalator.core.simulation import Simulation
from services.escalator.core.wire import encode_decision
from shared.contract.decisions import decode_decision
from shared.contract.envelope import encode
from shared.contract.events import TicketEvent
from shared.contract.times import Instant, parse_instant
from tests.support.decisions import default_policies
from tests.support.ticket_events import acknowledged, an_event, opened, replied, updated, wrote
from tests.support.ticket_lives import end_of, lives

FEW = settings(max_examples=max(1, settings().max_examples // 5))

NAMES = ("ann.smith", "olga.ivanova", "tom.jones", "ACME Corporation", "secret words")


def bundled(events: list[TicketEvent], ticket: str, until: Instant) -> Bundle:
    policies = default_policies()
    decided = [
        decode_decision(encode_decision(one)) for one in Simulation(policies).run(events, until)
    ]
    return gathered(ticket, events, decided, policies, until)


def a_case() -> list[TicketEvent]:
    return [
        opened(
            "2026-03-02T10:00:00Z",
            severity="S1",
            affected_users=20,
            title="secret words",
            requester="ann.smith",
            owner="olga.ivanova",
            customer={
                "id": "acme",
                "name": "ACME Corporation",
                "plan": "premium",
                "region": "emea",
            },
        ),
        acknowledged("2026-03-02T10:03:00Z", role="t3_oncall", by="tom.jones"),
        replied("2026-03-02T10:04:00Z", by="tom.jones", text="secret words"),
        wrote("2026-03-02T10:05:00Z", author_id="ann.smith", text="secret words"),
        updated("2026-03-02T10:06:00Z", owner="tom.jones"),
        an_event(
            "escalation.info_supplied",
            "2026-03-02T10:07:00Z",
            by="tom.jones",
            role="t3_responder",
            info={"summary_one_line": "secret words", "callback_contact": "ann.smith"},
        ),
        an_event(
            "escalation.handed_over",
            "2026-03-02T10:08:00Z",
            by="tom.jones",
            role="t3_responder",
            to="olga.ivanova",
        ),
    ]


@FEW
@given(events=lives(tickets=("A", "B"), longest=12))
def test_every_case_replays_to_the_same_decisions(events: list[TicketEvent]) -> None:
    bundle = bundled(events, "desk:A", end_of(events, 30))
    again = read_bundle(json.loads(canonical(bundle.document())))
    assert differences(again.decisions, replayed(again)) == []


@FEW
@given(events=lives(tickets=("A", "B"), longest=12))
def test_every_case_replays_without_names_too(events: list[TicketEvent]) -> None:
    bundle = without_names(bundled(events, "desk:A", end_of(events, 30)))
    assert differences(bundle.decisions, replayed(bundle)) == []
    told = to_json([bundle.events, bundle.decisions]).decode()
    assert [name for name in ("tom", "ann", "olga") if f'"{name}"' in told] == []


def test_an_anonymous_bundle_names_nobody_and_tells_people_apart() -> None:
    bundle = without_names(bundled(a_case(), "desk:A", parse_instant("2026-03-02T12:00:00Z")))
    told = to_json([bundle.events, bundle.decisions]).decode()
    assert [name for name in NAMES if name in told] == []
    assert bundle.events[0]["data"]["requester"] == bundle.events[3]["data"]["author_id"]
    assert bundle.events[0]["data"]["owner"] == bundle.events[6]["data"]["to"]
    assert bundle.events[0]["data"]["owner"] != bundle.events[0]["data"]["requester"]
    assert differences(bundle.decisions, replayed(bundle)) == []


def test_an_anonymous_bundle_does_not_name_the_customers_of_a_group() -> None:
    events = [
        opened(
            f"2026-03-02T10:00:{n:02}Z",
            ticket=f"M{n}",
            requester=f"user{n}",
            customer={"id": f"acme{n % 2}", "plan": "enterprise", "region": "emea"},
            service="shop",
            component="checkout",
            symptom="E42",
        )
        for n in range(10)
    ]
    whole = bundled(events, "desk:M3", parse_instant("2026-03-05T10:00:00Z"))
    assert any(one["data"].get("digest") for one in whole.decisions)
    bundle = without_names(whole)
    assert "acme" not in to_json([bundle.events, bundle.decisions]).decode()
    assert differences(bundle.decisions, replayed(bundle)) == []


def test_other_tickets_are_in_it_only_where_the_case_met_them() -> None:
    events = [
        opened("2026-03-02T10:00:00Z"),
        opened("2026-03-02T10:00:01Z", ticket="B"),
        opened("2026-03-02T10:00:02Z", ticket="C"),
        an_event("ticket.merged", "2026-03-02T10:05:00Z", ticket="B", into="desk:A", by="olga"),
    ]
    bundle = bundled(events, "desk:A", parse_instant("2026-03-02T12:00:00Z"))
    assert {one["subject"] for one in bundle.events} == {"A", "B"}


def test_whatever_is_changed_after_the_signature_shows(tmp_path: Path) -> None:
    new_key(tmp_path / "key")
    document = bundled(a_case(), "desk:A", parse_instant("2026-03-02T12:00:00Z")).document()
    whole = json.loads(to_json(signed(document, tmp_path / "key")))
    verified(whole, tmp_path / "key.pub")
    whole["bundle"]["decisions"][0]["data"]["tier"] = 1
    with pytest.raises(SignatureError, match="changed"):
        verified(whole, tmp_path / "key.pub")


def test_another_key_than_the_trusted_one_is_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        new_key(tmp_path / name)
    whole: dict[str, Any] = signed({"format": "x"}, tmp_path / "one")
    with pytest.raises(SignatureError, match="another key"):
        verified(whole, tmp_path / "two.pub")


def test_a_key_is_never_overwritten_and_is_its_owners_alone(tmp_path: Path) -> None:
    new_key(tmp_path / "key")
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(SignatureError, match="never overwritten"):
        new_key(tmp_path / "key")


def test_the_command_exports_and_replays(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    events.write_bytes(b"".join(encode(one) + b"\n" for one in a_case()))
    key, out = str(tmp_path / "key"), str(tmp_path / "case.json")
    run("bundle", "key", key)
    done = run("bundle", "desk:A", "--out", out, "--key", key, "--events", str(events))
    assert "replays to the same decisions" in done.output
    assert run("bundle", "replay", out, "--trust", f"{key}.pub").exit_code == 0
    assert run("bundle", "replay", str(events)).exit_code == 2


def test_a_ticket_that_nobody_knows_is_no_bundle(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    events.write_bytes(b"".join(encode(one) + b"\n" for one in a_case()))
    run("bundle", "key", str(tmp_path / "key"))
    words = ["--out", str(tmp_path / "x"), "--key", str(tmp_path / "key")]
    done = run("bundle", "desk:Z", *words, "--events", str(events))
    assert done.exit_code == 1
    assert "nothing was heard of desk:Z" in done.output


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))
