"""Values that the notifier's tests start from."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from services.notifier.core.known import Decided
from services.notifier.core.roster import Contact, Roster, Seat, WebhookWay
from shared.contract.ids import decision_id

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TICKET = "desk:A"
ESCALATION = "esc-1"


def a_decision(type_: str = "escalation.raised", version: int = 2, **data: object) -> Decided:
    """Return a decision on ticket A; escalations speak of esc-1 unless told otherwise."""
    given: dict[str, Any] = {
        "ticket": TICKET,
        "version": version,
        "tier": 2,
        "priority": "P2",
        "cell": "S2/I2",
        "because": {"triggers": ["T06"], "facts": {}, "arithmetic": []},
    }
    if type_.startswith("escalation."):
        given |= {"escalation_id": ESCALATION, "track": "functional", "target": "t2"}
    return Decided(
        id=decision_id(TICKET, version),
        type=type_,
        ticket=TICKET,
        version=version,
        at=NOON,
        data={**given, **data},
    )


def called(role: str, mode: str = "page", *, fyi: bool = False) -> Mapping[str, Any]:
    """Return one entry of ``notify``."""
    return {"role": role, "mode": mode, "fyi": fyi}


def a_roster() -> Roster:
    """Return a roster with Ana and Ben, an empty seat, and facts for the owner."""
    ana = Contact("ana", "Ana Abel", email="ana@example.org", aliases=("resolver 7",))
    ben = Contact(
        "ben",
        "Ben Berg",
        email="ben@example.org",
        webhook=WebhookWay("https://hooks.example.org/ben"),
        modes={"page": ("webhook",), "email": ("email",)},
    )
    return Roster(
        name="test",
        version=1,
        contacts={"ana": ana, "ben": ben},
        roles={
            "t1_queue": Seat("ana"),
            "t2_queue": Seat("ben"),
            "t2_oncall": Seat("ben"),
            "t2_lead": Seat("ana"),
            "t2_backup": Seat(),
            "owner": Seat(fact="owner", otherwise="t{tier}_queue"),
        },
        modes={"page": ("webhook", "email"), "digest": ("email",)},
    )
