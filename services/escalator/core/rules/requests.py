"""Somebody asks for a higher tier, a department, a manager or executives (Refusals, Tracks)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.escalator.core import departments, information
from services.escalator.core.case import Debt
from services.escalator.core.escalations import Raise, join, raise_escalation, raise_functional
from services.escalator.core.refusals import refuse
from services.escalator.core.rows import HIGHEST_TIER
from services.escalator.core.rules import cooldown, skipping
from services.escalator.core.rules.acts import is_open
from services.escalator.core.rules.deescalation import remembered
from services.escalator.core.turn import Turn
from shared.contract.events import EscalationRequested
from shared.policy.document import Addressee

RAISE: Final = "raise_up_one_tier"
MANUAL: Final = ("manual",)
_ROW_TO: Final = {2: "T06", 3: "T07"}
_FORM_TO: Final = {2: "t1_to_t2", 3: "t2_to_t3"}


@dataclass(frozen=True, slots=True)
class Request:
    """A request that was made, by whom."""

    data: EscalationRequested
    act_id: str

    def refuse(
        self,
        turn: Turn,
        code: str,
        *,
        missing: Sequence[str] = (),
        allowed: Sequence[str] = (),
        form: str | None = None,
    ) -> None:
        """Refuse it; *form* is the one of `required_info` that asks for what is *missing*."""
        facts = None if form is None else {"form": form}
        by = self.data.by
        refuse(turn, self.act_id, by, code, missing=missing, allowed=allowed, facts=facts)


def hear_request(turn: Turn, data: EscalationRequested, act_id: str, seen_tier: int | None) -> None:
    """Take a request; without a target it asks for one tier above the one that was seen."""
    if not is_open(turn, data, act_id):
        return
    request = Request(data, act_id)
    if not turn.policy.may(data.role, RAISE):
        request.refuse(turn, "not_permitted", allowed=turn.policy.permitted(RAISE))
    elif data.department is not None:
        _to_department(turn, request, data.department)
    elif data.track == "hierarchical" and turn.case.tier < HIGHEST_TIER:
        _to_lead(turn, request)
    else:
        _upwards(turn, request, seen_tier or turn.case.tier)


def _upwards(turn: Turn, request: Request, seen_tier: int) -> None:
    case, data = turn.case, request.data
    memory = remembered(turn)
    wanted = data.to_tier or max(seen_tier + 1, memory or 0)
    at_top = case.tier == HIGHEST_TIER and wanted >= HIGHEST_TIER
    if at_top and (seen_tier == HIGHEST_TIER or data.to_tier is not None):
        _beyond_the_top(turn, request)
        return
    if wanted <= case.tier:
        above = [] if case.tier == HIGHEST_TIER else [f"t{case.tier + 1}"]
        request.refuse(turn, "already_at_tier", allowed=above)
        return
    known = memory is not None and wanted <= memory
    if not known and not skipping.allowed(turn, request.data, request.act_id, wanted):
        return
    accepted, debt = (True, None) if known else _form(turn, request, _FORM_TO[wanted])
    if accepted:
        information.take(turn, data.info)
        _raise(turn, wanted, debt)


def _raise(turn: Turn, tier: int, debt: Debt | None) -> None:
    """Raise to *tier*, calling the people whom the stay in the tier below would have called."""
    priority = turn.case.priority
    row, start = turn.policy.trigger(_ROW_TO[tier], priority), turn.policy.trigger("T20", priority)
    mode = "page" if row is None else row.mode
    told: list[tuple[Addressee, str]] = [] if row is None else [(a, mode) for a in row.notify]
    asked = Raise(
        track="functional",
        target=f"t{tier}",
        triggers=MANUAL,
        people=told,
        ack=None if start is None else start.ack,
        mode=mode,
        ladder=priority,
        arithmetic=(f"asked for: tier {turn.case.tier} to {tier} at {priority}",),
        kind="manual",
        debt=debt,
    )
    raise_functional(turn, tier, asked)


def _beyond_the_top(turn: Turn, request: Request) -> None:
    """There is no tier above: T21 (Executives)."""
    row = turn.policy.trigger("T21", turn.case.priority)
    if row is None:
        request.refuse(turn, "already_at_tier")
        return
    debt = None
    if row.to == "exec":
        if cooldown.is_on(turn):
            request.refuse(turn, "suppressed_by_cooldown")
            return
        form = "t3_to_exec"
        missing = information.missing(turn, turn.policy.forms[form], request.data.info)
        if missing and not _may_owe(turn):
            request.refuse(turn, "missing_information", missing=missing, form=form)
            return
        information.take(turn, request.data.info)
        debt = information.debt_of(turn, missing)
    line = f"asked for in tier {turn.case.tier}, at {turn.case.priority}"
    turn.ask("T21", arithmetic=(line,), debt=debt)


def _to_department(turn: Turn, request: Request, name: str) -> None:
    policy = turn.policy
    if name not in policy.departments:
        request.refuse(turn, "not_permitted", allowed=list(policy.departments))
        return
    info = {"department": name, **(request.data.info or {})}
    accepted, debt = _form(turn, request, "to_department", info)
    if not accepted:
        return
    information.take(turn, {key: value for key, value in info.items() if key != "department"})
    mode = _mode(turn)
    departments.ask(turn, name, MANUAL, mode, departments.Request(debt=debt))


def _to_lead(turn: Turn, request: Request) -> None:
    """Somebody wants authority rather than skill: the lead of the tier is called."""
    case = turn.case
    start = turn.policy.trigger("T20", case.priority)
    told = [(Addressee("tier_lead", fyi=False), _mode(turn))]
    information.take(turn, request.data.info)
    one = case.open_on("hierarchical")
    if one is not None:
        join(turn, one, MANUAL, told)
        return
    asked = Raise(
        track="hierarchical",
        target=f"t{case.tier}_lead",
        triggers=MANUAL,
        people=told,
        ack=None if start is None else start.ack,
        mode=_mode(turn),
        renotify=None if start is None else start.renotify,
        kind="manual",
    )
    raise_escalation(turn, asked)


def _form(
    turn: Turn,
    request: Request,
    form: str,
    info: dict[str, object] | None = None,
) -> tuple[bool, Debt | None]:
    """Say whether the form lets the request pass, and what is owed then (Information debt).

    A P1 or an override passes with the few fields of the minimum; anything else needs the whole.
    """
    given = request.data.info if info is None else info
    missing = information.missing(turn, turn.policy.forms[form], given)
    if not missing:
        return True, None
    if _may_owe(turn):
        least = information.missing(turn, turn.policy.forms[information.MINIMUM], given)
        if not least:
            return True, information.debt_of(turn, missing)
        form, missing = information.MINIMUM, least
    request.refuse(turn, "missing_information", missing=missing, form=form)
    return False, None


def _may_owe(turn: Turn) -> bool:
    case = turn.case
    return case.priority == "P1" or any(flag in turn.policy.overrides for flag in case.flags)


def _mode(turn: Turn) -> str:
    row = turn.policy.trigger("T20", turn.case.priority)
    return "page" if row is None else row.mode
