"""Random histories in which everything happens that the review counts."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

from shared.contract.events import TicketEvent
from shared.contract.times import Instant, rfc3339
from tests.support.ticket_events import an_event
from tests.support.ticket_lives import BEGIN, FORMS, Act, acts, openings

DAY: Final = 86_400
_GAPS: Final = (1, 120, 301, 900, 3600, 4 * 3600, 26 * 3600)
_LONG: Final = (DAY, 5 * DAY, 16 * DAY)
_CODES: Final = ("wrong_team", "known_answer_exists", "missing_information", "duplicate")
_RECEIVER: Final = {"form": "receiver", "right": "too_late", "information": "4"}


def _act(kind: str, **data: Any) -> st.SearchStrategy[list[Act]]:
    return st.just([(kind, data)])


def _said() -> st.SearchStrategy[list[Act]]:
    """What is done in one second: mostly one act, for a question and its wait two."""
    question = ("ticket.message", {"author": "agent", "public": True, "asks_customer": True})
    wait = ("ticket.status_changed", {"status": "waiting_customer", "by": "olga"})
    duty = {"by": "eve", "role": "engineering_duty"}
    return st.one_of(
        acts().map(lambda one: [one]),
        acts().map(lambda one: [one]),
        st.just([question, wait]),
        st.sampled_from(["desk", "network", "printing"]).flatmap(
            lambda team: _act("ticket.updated", team=team)
        ),
        st.sampled_from([*_CODES, "driver"]).flatmap(
            lambda cause: _act(
                "ticket.status_changed", status="resolved", by="olga", cause_class=cause
            )
        ),
        st.sampled_from(_CODES).flatmap(
            lambda code: _act(
                "escalation.returned",
                reason_code=code,
                info=FORMS["return"],
                by="tom",
                role="t2_specialist",
            )
        ),
        _act("escalation.acknowledged", track="external", department="engineering", **duty),
        _act("ticket.message", author="agent", note_kind="progress", **duty),
        _act("ticket.status_changed", status="waiting_internal", by="olga"),
        _act("ticket.message", author="customer", public=True, auto_submitted=True),
        _act("feedback.given", by="tom", answers=_RECEIVER),
        st.sampled_from("15").flatmap(
            lambda score: _act(
                "feedback.given", by="ann", answers={"form": "customer", "satisfaction": score}
            )
        ),
        st.sampled_from(["drill", "print"]).flatmap(lambda tag: _act("ticket.updated", tags=[tag])),
    )


@st.composite
def histories(draw: st.DrawFn, *, longest: int = 10) -> list[TicketEvent]:
    """Return the events of one to three tickets in the order of time."""
    names = "ABC"[: draw(st.integers(1, 3))]
    moment, found = int(BEGIN), list[TicketEvent]()

    def tell(act: Act, ticket: str) -> None:
        kind, data = act
        event = an_event(kind, rfc3339(Instant(moment)), ticket=ticket, **data)
        found.append(event.model_copy(update={"id": f"e{len(found)}"}))

    for name in names:
        kind, facts = draw(openings())
        about = {"component": draw(st.sampled_from(["print", "mail"]))}
        tell((kind, {**facts, **about}), name)
        moment += 1
    for _ in range(draw(st.integers(4, longest))):
        moment += draw(st.sampled_from(_GAPS))
        name = draw(st.sampled_from(names))
        for act in draw(_said()):
            tell(act, name)
    if len(names) == 1 and draw(st.booleans()):
        tell(("ticket.status_changed", {"status": "resolved", "by": "olga"}), "A")
        moment += draw(st.sampled_from(_LONG))
        tell(("ticket.message", {"author": "customer", "public": True}), "A")
        for _ in range(draw(st.integers(0, 3))):
            moment += draw(st.sampled_from(_GAPS))
            for act in draw(_said()):
                tell(act, "A")
    return found


def _told(acts: list[tuple[int, str, Act]]) -> list[TicketEvent]:
    """Return *acts*, each so many minutes after the beginning, as events in the order of time."""
    return [
        an_event(kind, rfc3339(Instant(BEGIN + 60 * after)), ticket=name, **data).model_copy(
            update={"id": f"e{n}"}
        )
        for n, (after, name, (kind, data)) in enumerate(sorted(acts, key=lambda one: one[0]))
    ]


def _opening(**facts: Any) -> Act:
    customer = {"id": "acme", "plan": "premium", "region": "emea"}
    return "ticket.opened", {"customer": customer, "requester": "ann", "owner": "olga", **facts}


def _status(to: str, **data: Any) -> Act:
    return "ticket.status_changed", {"status": to, "by": "olga", **data}


def departments_at_work() -> list[TicketEvent]:
    """Engineering and product help with a P1: both reports and silence; another ticket just waits."""
    eve, pia = (
        {"by": by, "role": f"{of}_duty"} for by, of in (("eve", "engineering"), ("pia", "product"))
    )
    note = {"author": "agent", "note_kind": "progress", **eve}
    ask = {
        "by": "tom",
        "role": "t3_responder",
        "department": "product",
        "info": FORMS["to_department"],
    }
    external = {"track": "external"}
    return _told([
        (0, "A", _opening(severity="S1", affected_users=20)),
        (5, "A", ("escalation.acknowledged", {**eve, **external, "department": "engineering"})),
        (10, "A", _status("waiting_internal")),
        (20, "A", ("ticket.message", note)),            # in time
        (40, "A", ("escalation.requested", ask)),
        (55, "A", ("escalation.acknowledged", {**pia, **external, "department": "product"})),
        (70, "A", ("ticket.message", note)),            # T18 came before it
        (80, "A", ("ticket.message", note)),            # in time
        (95, "A", _status("open")),
        (100, "A", _status("resolved", cause_class="driver")),
        (0, "B", _opening(severity="S4", affected_users=1)),
        (60, "B", _status("waiting_internal")),
        (90, "B", _status("open")),
    ])  # fmt: skip


def returned_and_kept() -> list[TicketEvent]:
    """Two cases given back by tier 2 and sent again: one was not theirs, one lacked information."""
    tess = {"by": "tess", "role": "t2_specialist"}
    up = {"by": "olga", "role": "t1_agent", "info": FORMS["t1_to_t2"], "reason": "it grows"}
    acts: list[tuple[int, str, Act]] = []
    for name, code in (("A", "wrong_team"), ("B", "missing_information")):
        back = {**tess, "reason_code": code, "info": FORMS["return"]}
        acts += [
            (0, name, _opening(severity="S2", affected_users=5)),
            (10, name, ("escalation.requested", up)),
            (20, name, ("escalation.returned", back)),
            (30, name, ("escalation.requested", up)),
            (35, name, ("escalation.acknowledged", tess)),
            (50, name, _status("resolved", cause_class="known_answer_exists")),
        ]
    return _told(acts)


def paused_and_resumed() -> list[TicketEvent]:
    """A hold that ends as agreed, a wait that a letter ends, and one that was over at once."""
    ask = {"author": "agent", "public": True, "asks_customer": True}
    wrote: Act = ("ticket.message", {"author": "customer", "public": True})
    hold = {"resume_at": "2026-03-02T15:00:00[Europe/Vienna]", "customer_agreement_ref": "call 1"}
    asked: Act = ("ticket.message", ask)
    return _told([
        (0, "A", _opening(severity="S3", affected_users=1)),
        (10, "A", asked), (10, "A", _status("waiting_customer")),
        (60, "A", wrote),
        (61, "A", ("ticket.message", {"author": "agent", "public": True})),
        (90, "A", _status("scheduled_hold", **hold)),   # until 14:00 UTC
        (400, "A", _status("waiting_customer")),        # refused: no question
        (420, "A", _status("resolved")),
        (0, "B", _opening(severity="S3", affected_users=1)),
        (20, "B", asked), (20, "B", _status("waiting_customer")),
        (22, "B", _status("open")),
        (50, "B", _status("resolved")),
        (70, "B", wrote),
        (80, "B", _status("resolved")),
    ])  # fmt: skip


def a_storm() -> list[TicketEvent]:
    """Eleven tickets of one cause within minutes, and what becomes of their group."""
    about = {"service": "print", "component": "queue", "symptom": "blank"}
    taken = {"by": "tom", "role": "t2_oncall"}
    acts = [
        (n % 3, f"T{n}", _opening(severity="S2", affected_users=3, **about, requester=f"ann{n}"))
        for n in range(11)
    ]
    return _told([
        *acts,
        (7, "T3", ("escalation.acknowledged", taken)),
        (8, "T3", ("escalation.handed_over", {"to": "bob", **taken})),
        (15, "T4", _status("waiting_internal")),
        (120, "T4", ("ticket.merged", {"into": "desk:T5", "by": "olga"})),
        (130, "T4", ("ticket.unmerged", {"by": "olga"})),
        (150, "T6", ("ticket.merged", {"into": "desk:T5", "by": "olga"})),
        (330, "T4", _status("resolved")),
    ])  # fmt: skip
