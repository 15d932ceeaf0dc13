"""A fault of the set-up is told of once, not once for each ticket that meets it."""

from services.notifier.core.desk import Desk
from services.notifier.core.known import Decided
from shared.contract.deliveries import Suppression
from shared.contract.ids import decision_id
from tests.unit.notifier.builders import NOON, a_roster, called


def an_alert(ticket: str, role: str = "t2_backup") -> Decided:
    return Decided(
        id=decision_id(ticket, 1),
        type="config.alert",
        ticket=ticket,
        version=1,
        at=NOON,
        data={
            "tier": 2,
            "code": "nobody_on_schedule",
            "detail": {"role": role},
            "notify": [called("t2_lead", "chat")],
        },
    )


def a_desk() -> Desk:
    return Desk(roster=a_roster(), alerts=True, now=NOON, known={}, early={}, earlier={})


def test_the_same_empty_seat_on_two_tickets_is_told_of_once() -> None:
    desk = a_desk()
    for ticket in ("desk:A", "desk:B"):
        desk.hear(an_alert(ticket))
    assert [one.rows[0].suppressed for one in desk.fan_outs] == [None, Suppression.TOLD_ALREADY]


def test_another_seat_is_another_fault() -> None:
    desk = a_desk()
    desk.hear(an_alert("desk:A"))
    desk.hear(an_alert("desk:B", "t3_backup"))
    assert [one.rows[0].suppressed for one in desk.fan_outs] == [None, None]
