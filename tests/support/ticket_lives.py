"""Random lives of tickets: what helpdesks report and people do, one event a second at most."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from shared.contract.events import TicketEvent
from shared.contract.times import Instant, parse_instant, rfc3339
from shared.policy.load import DEFAULT_POLICY, load_policy_file
from tests.support.ticket_events import an_event

BEGIN: Final = parse_instant("2026-03-02T09:00:00Z")
POLICY: Final = load_policy_file(DEFAULT_POLICY)
GAPS: Final = (1, 7, 120, 301, 900, 1801, 3600, 4 * 3600, 9 * 3600, 26 * 3600)
TIER_ROLES: Final = (
    "t1_agent",
    "t2_specialist",
    "t2_oncall",
    "t2_lead",
    "t3_oncall",
    "t3_responder",
    "t3_lead",
    "escalation_manager",
)
DUTIES: Final = ("engineering_duty", "it_duty", "product_duty", "legal_duty", "security_duty")
FLAGS: Final = tuple(POLICY.overrides)
DEPARTMENTS: Final = ("engineering", "it", "product")
STATUSES: Final = (
    "open",
    "waiting_internal",
    "waiting_customer",
    "scheduled_hold",
    "resolved",
    "resolved",
    "closed",
    "cancelled",
)
FORMS: Final = {
    name: {field: f"said: {field}" for field in fields} for name, fields in POLICY.forms.items()
}

Act = tuple[str, dict[str, Any]]


def _of(kind: str, **data: Any) -> st.SearchStrategy[Act]:
    return st.fixed_dictionaries(
        {
            name: one if isinstance(one, st.SearchStrategy) else st.just(one)
            for name, one in data.items()
        }
    ).map(lambda made: (kind, made))


def _by(roles: tuple[str, ...] = TIER_ROLES) -> dict[str, Any]:
    return {"by": "tom", "role": st.sampled_from(roles)}


def acts(*, merges: bool = True, undo: bool = True) -> st.SearchStrategy[Act]:
    """Anything that can be said about a ticket after its opening."""
    statuses = STATUSES if undo else tuple(one for one in STATUSES if one != "cancelled")
    listed = [
        _of("ticket.message", author="agent", public=True),
        _of("ticket.message", author="agent", public=True, asks_customer=True),
        _of("ticket.message", author="agent", note_kind="progress"),
        _of("ticket.message", author="agent", note_kind="progress", role="engineering_duty"),
        _of("ticket.message", author="customer", public=True),
        _of("ticket.message", author="customer", public=True, wants_manager=True),
        _of("ticket.updated", affected_users=st.sampled_from([1, 2, 9, 10, 99, 100])),
        _of(
            "ticket.updated",
            severity=st.sampled_from(["S1", "S2", "S3", "S4"]),
            reason="seen",
            **_by(),
        ),
        _of("ticket.updated", customer=st.sampled_from([{"vip": True}, {"plan": "enterprise"}])),
        _of(
            "ticket.status_changed",
            status=st.sampled_from(statuses),
            by="olga",
            resume_at="2026-03-05T09:00:00[Europe/Vienna]",
            customer_agreement_ref="call 1",
        ),
        _of("escalation.acknowledged", **_by()),
        _of("escalation.acknowledged", track=st.sampled_from(["hierarchical"]), **_by()),
        _of(
            "escalation.acknowledged",
            track="external",
            department=st.sampled_from(DEPARTMENTS),
            **_by(DUTIES),
        ),
        _of("escalation.requested", info=FORMS["t2_to_t3"] | FORMS["t3_to_exec"], **_by()),
        _of("escalation.requested", to_tier=3, info=FORMS["P1_or_override_minimum"], **_by()),
        _of(
            "escalation.requested",
            department=st.sampled_from(DEPARTMENTS),
            info=FORMS["to_department"],
            **_by(),
        ),
        _of("escalation.returned", reason_code="wrong_team", info=FORMS["return"], **_by()),
        _of(
            "escalation.declined", reason_code="no", to=st.sampled_from(DEPARTMENTS), **_by(DUTIES)
        ),
        _of("escalation.assigned", to=st.sampled_from(DEPARTMENTS), **_by(("escalation_manager",))),
        _of("escalation.handed_over", to=st.sampled_from(["ann", "bob"]), **_by()),
        _of(
            "escalation.deescalated",
            info=FORMS["de_escalate"]
            | {"evidence_of_stability": {"since": "2026-03-02T09:00:00Z", "text": "quiet"}},
            **_by(),
        ),
        _of("escalation.info_supplied", info=FORMS["t1_to_t2"], **_by()),
        _of(
            "escalation.unreached",
            role=st.sampled_from(["t2_oncall", "t2_queue", "t3_oncall", "t3_lead"]),
            code="nobody_on_schedule",
        ),
        _of("case.flagged", flag=st.sampled_from(FLAGS), **_by()),
        _of("case.unflagged", flag=st.sampled_from(FLAGS), **_by()),
    ]
    if merges:
        listed.append(_of("ticket.merged", into=st.sampled_from(["desk:A", "desk:B"]), by="olga"))
    if merges and undo:
        listed.append(_of("ticket.unmerged", by="olga"))
    return st.one_of(listed)


def openings() -> st.SearchStrategy[Act]:
    """The beginning of a ticket."""
    customer = st.fixed_dictionaries(
        {
            "id": st.just("acme"),
            "plan": st.sampled_from(["standard", "premium", "enterprise"]),
            "vip": st.booleans(),
            "region": st.just("emea"),
        }
    )
    return _of(
        "ticket.opened",
        title="Totals differ",
        severity=st.sampled_from(["S1", "S2", "S3", "S4", None]),
        affected_users=st.sampled_from([None, 1, 5, 20, 200]),
        requester="ann",
        owner="olga",
        customer=customer,
        flags=st.lists(st.sampled_from(FLAGS), max_size=1),
    )


@st.composite
def lives(
    draw: st.DrawFn,
    *,
    tickets: tuple[str, ...] = ("A",),
    longest: int = 14,
    merges: bool = True,
    undo: bool = True,
    gaps: tuple[int, ...] = GAPS,
) -> list[TicketEvent]:
    """Return the events of *tickets* in the order of time, no two in one second."""
    at = int(BEGIN)
    found: list[TicketEvent] = []
    for n, ticket in enumerate(tickets):
        found.append(_event(draw(openings()), at + n, ticket, len(found)))
    at += len(tickets)
    for _ in range(draw(st.integers(0, longest))):
        at += draw(st.sampled_from(gaps))
        ticket = draw(st.sampled_from(tickets))
        found.append(_event(draw(acts(merges=merges, undo=undo)), at, ticket, len(found)))
    return found


def end_of(events: list[TicketEvent], hours: int = 5) -> Instant:
    """Return an instant some *hours* after the last of *events*."""
    last = max(one.time for one in events)
    return Instant(parse_instant(last.isoformat()) + hours * 3600)


def _event(act: Act, at: int, ticket: str, number: int) -> TicketEvent:
    kind, data = act
    event = an_event(kind, rfc3339(Instant(at)), ticket=ticket, **data)
    return event.model_copy(update={"id": f"e{number}"})
