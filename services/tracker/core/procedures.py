"""Which procedure of the handbook says what to do on a case as it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from shared.contract.sentences import target as named


class Procedure(NamedTuple):
    """A procedure: its heading in the handbook, the page, and the place on it."""

    title: str
    page: str
    place: str = ""


class Call(NamedTuple):
    """An open escalation: its track, whom it was raised to, and whether it waits for an answer."""

    track: str
    target: str
    unanswered: bool


class Step(NamedTuple):
    """Where a case is, as far as it decides what to do; tier and priority are None before the first decision."""

    status: str
    tier: int | None
    priority: str | None
    is_open: bool = True
    flags: tuple[str, ...] = ()
    vip: bool = False
    in_group: bool = False
    calls: tuple[Call, ...] = ()


_INTERNAL: Final = "internal-procedures"
_SPECIAL: Final = "special-situations"
_HIERARCHICAL: Final = "hierarchical-procedures"
TRIAGE: Final = Procedure("Triage and severity", _INTERNAL, "triage-and-severity")
TAKE: Final = Procedure("Acknowledge and restate", _INTERNAL, "acknowledge-and-restate")
MAJOR: Final = Procedure("P1: the first 15 minutes", "first-15-minutes")
MERGED: Final = Procedure("Merge and undo", _INTERNAL, "merge-and-undo")
ENDED: Final = Procedure("Resolve and classify", _INTERNAL, "resolve-and-classify")
DOWN: Final = Procedure("De-escalation", "de-escalation")
STORM: Final = Procedure("A storm", _SPECIAL, "a-storm")
VIP: Final = Procedure("A VIP customer", _SPECIAL, "a-vip-customer")
FLAGGED: Final[Mapping[str, Procedure]] = MappingProxyType(
    {
        "safety": Procedure("Somebody is in danger", _SPECIAL, "somebody-is-in-danger"),
        "security_confirmed": Procedure("Security", _SPECIAL, "security"),
        "security_suspected": Procedure("Security", _SPECIAL, "security"),
        "data_loss": Procedure("Data loss", _SPECIAL, "data-loss"),
        "legal_or_regulator": Procedure("Legal and regulators", _SPECIAL, "legal-and-regulators"),
        "press_or_public": Procedure("Press and public", _SPECIAL, "press-and-public"),
    }
)
"""By flag, the gravest first."""

WAITING: Final[Mapping[str, Procedure]] = MappingProxyType(
    {
        "waiting_customer": Procedure("Pauses", "criteria", "pauses"),
        "scheduled_hold": Procedure("Waiting over a holiday", _SPECIAL, "waiting-over-a-holiday"),
        "waiting_vendor": Procedure("Waiting for a vendor", _SPECIAL, "waiting-for-a-vendor"),
    }
)
EXECUTIVES: Final = Procedure("Executives", _HIERARCHICAL, "executives")
MANAGER: Final = Procedure("The escalation manager", _HIERARCHICAL, "the-escalation-manager")
LEAD: Final = Procedure("The lead", _HIERARCHICAL, "the-lead")
_AUTHORITY: Final = MappingProxyType({"exec": EXECUTIVES, "escalation_manager": MANAGER})
_UP: Final = MappingProxyType(
    {
        1: Procedure("Raise tier 1 to 2", _INTERNAL, "raise-tier-1-to-2"),
        2: Procedure("Raise 2 to 3", _INTERNAL, "raise-2-to-3"),
    }
)


def procedures_of(case: Step) -> list[Procedure]:
    """Return the procedures of where *case* is, what comes first first, each once."""
    if not case.is_open:
        return [MERGED if case.status == "merged" else ENDED]
    if case.tier is None:
        return [TRIAGE]
    return list(dict.fromkeys(_of_open(case, case.tier)))


def _of_open(case: Step, tier: int) -> Iterator[Procedure]:
    yield from (one for flag, one in FLAGGED.items() if flag in case.flags)
    if case.priority == "P1":
        yield MAJOR
    if case.in_group:
        yield STORM
    if any(one.unanswered for one in case.calls):
        yield TAKE
    for one in case.calls:
        if one.track == "external":
            yield Procedure(f"Working with {named(one.target)}", "external-procedures", one.target)
        elif one.track == "hierarchical":
            yield _AUTHORITY.get(one.target, LEAD)
    if case.status in WAITING:
        yield WAITING[case.status]
    if case.vip:
        yield VIP
    yield _UP.get(tier, DOWN)
