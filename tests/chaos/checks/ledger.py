"""The notifier: each notice due has one row, each row done has arrived, and repeats say so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final
from uuid import UUID

from tests.chaos.checks.finding import Fault, Finding
from tests.chaos.evidence import Evidence, applied
from tests.chaos.receiver import Receipt

_DONE: Final = ("sent", "delivered")


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield everything that is wrong with the ledger and with what the far side has got."""
    for row in evidence.notifier["dead"]:
        yield Finding(Fault.LOST, f"the notifier parked {row}")
    for row in evidence.notifier["early"]:
        yield Finding(Fault.GAP, f"the notifier waits for a version before {row}")
    yield from _rows(evidence)
    yield from _effects(evidence)
    yield from _repeats(evidence.receipts)


def _rows(evidence: Evidence) -> Iterator[Finding]:
    due = set(_due(evidence))
    rows = Counter(
        (str(row["decision_id"]), row["role"])
        for row in evidence.notifier["delivery"]
        if row["purpose"] in ("notice", "stand_down")
    )
    for notice in due - rows.keys():
        yield Finding(Fault.LOST, f"nobody owes the notice {notice}")
    for notice in rows.keys() - due:
        yield Finding(Fault.WRONG, f"a notice is owed that nothing asks for: {notice}")
    for notice, count in rows.items():
        if count > 1:
            yield Finding(Fault.DUPLICATE, f"the notice {notice} is owed {count} times")


def _due(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Yield what the decisions taken in ask for: each role once, told or stood down."""
    for record in applied(evidence.decisions, evidence.notifier):
        event = record.event
        data = event["data"]
        called = [entry["role"] for entry in data.get("notify") or ()]
        for role in (*called, *(data.get("stand_down") or ())):
            yield event["id"], role


def _effects(evidence: Evidence) -> Iterator[Finding]:
    got = {one for receipt in evidence.receipts for one in receipt.deliveries}
    got_before = {one for receipt in evidence.before for one in receipt.deliveries}
    rows = {row["id"]: row for row in evidence.notifier["delivery"] if row["purpose"] != "alert"}
    for key, row in rows.items():
        if row["state"] in _DONE and key not in got:
            yield Finding(Fault.LOST, f"notice {key} counts as {row['state']}, but never arrived")
        if row["state"] in ("dead", "discarded"):
            yield Finding(Fault.LOST, f"notice {key} was given up: {row['last_error']}")
        if not row["attempt"] and key in got_before:
            yield Finding(Fault.WRONG, f"notice {key} arrived, but was never sent")
    for key in got_before - rows.keys():
        yield Finding(Fault.WRONG, f"notice {key} arrived, but is not in the ledger")


def _repeats(receipts: Sequence[Receipt]) -> Iterator[Finding]:
    """One id never stands for two bodies, and of a notice's arrivals all but one are marked."""
    bodies: dict[UUID, bytes] = {}
    arrivals: Counter[UUID] = Counter()
    unmarked: Counter[UUID] = Counter()
    for receipt in receipts:
        if bodies.setdefault(receipt.id, receipt.body) != receipt.body:
            yield Finding(Fault.MISMATCH, f"message {receipt.id} arrived with two contents")
        arrivals.update(receipt.deliveries)
        if not receipt.marked:
            unmarked.update(receipt.deliveries)
    for key, count in unmarked.items():
        if count > 1:
            text = f"notice {key} arrived {arrivals[key]} times, {count} of them not marked"
            yield Finding(Fault.DUPLICATE, text)


def marked(receipts: Sequence[Receipt]) -> int:
    """Return how many of *receipts* say that they may be repeats."""
    return sum(receipt.marked for receipt in receipts)


def repeated(receipts: Sequence[Receipt]) -> int:
    """Return how many arrivals of notices were not the first."""
    arrivals = Counter(one for receipt in receipts for one in receipt.deliveries)
    return arrivals.total() - len(arrivals)
