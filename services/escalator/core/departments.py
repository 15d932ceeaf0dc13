"""Asking departments for help: requests with an agreed time to answer (Departments)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from services.escalator.core import people
from services.escalator.core.case import Debt, Escalation, swap
from services.escalator.core.escalations import Raise, Told, join, raise_escalation
from services.escalator.core.turn import Turn
from shared.policy.document import Addressee


@dataclass(frozen=True, slots=True)
class Request:
    """What is special about a request to a department.

    *told* are people beside the department's duty, *debt* is information still owed, *declines*
    says how often it has been declined before, *binding* that it cannot be declined.
    """

    told: Told = ()
    debt: Debt | None = None
    declines: int = 0
    binding: bool = False


_FRESH: Final = Request()


def ask_all(turn: Turn, names: Iterable[str], triggers: tuple[str, ...], mode: str) -> None:
    """Ask every department of *names* for help, each by an escalation of its own.

    One that is at it already is told of the further request.
    """
    if turn.case.group is not None:
        return
    for name in dict.fromkeys(names):
        ask(turn, name, triggers, mode)


def ask(
    turn: Turn,
    name: str,
    triggers: tuple[str, ...],
    mode: str,
    request: Request = _FRESH,
) -> Escalation:
    """Ask the department *name*, or tell it of a further request; return its escalation.

    Args:
        turn: The case at work.
        name: The department.
        triggers: What made somebody ask.
        mode: How its duty is told.
        request: What is special about the request.
    """
    policy, case = turn.policy, turn.case
    agreed = policy.department(name)
    people_told = [(Addressee(agreed.duty, fyi=False), mode), *request.told]
    open_one = case.department(name)
    if open_one is not None:
        if request.binding and not open_one.binding:
            bound = open_one._replace(binding=True)
            swap(case, open_one, bound)
            open_one = bound
        join(turn, open_one, triggers, people_told)
        return open_one
    within = agreed.ola[case.priority].acknowledge
    calendar = policy.department_calendar(name, case.priority, case.region)
    asked = Raise(
        track="external",
        target=name,
        triggers=triggers,
        people=people_told,
        ack=within,
        mode=mode,
        arithmetic=(f"{name} acknowledges {case.priority} within {within} s on {calendar.name}",),
        debt=request.debt,
        declines=request.declines,
        binding=request.binding,
    )
    return raise_escalation(turn, asked, calendar)


def orphan(turn: Turn, triggers: tuple[str, ...]) -> None:
    """Let the escalation manager find an owner for a request that nobody takes."""
    open_one = turn.case.department(people.ORPHAN)
    told = [(Addressee("escalation_manager", fyi=False), "page")]
    if open_one is not None:
        join(turn, open_one, triggers, told)
        return
    within = turn.policy.orphan_assign_by[turn.case.priority]
    line = f"declined twice; an owner is named within {within} s"
    asked = Raise("external", people.ORPHAN, triggers, told, within, "page", arithmetic=(line,))
    raise_escalation(turn, asked)


def expect_update(turn: Turn, one: Escalation) -> None:
    """Wait for the next report of the department that has acknowledged *one*."""
    if one.target == people.ORPHAN:
        return
    agreed = turn.policy.department(one.target).ola[turn.case.priority].update
    calendar = turn.policy.department_calendar(one.target, turn.case.priority, turn.case.region)
    swap(turn.case, one, one._replace(update_due=calendar.due(turn.at, agreed)))


def note_update(turn: Turn, name: str) -> None:
    """Take a report of the department *name*; the wait for the next one begins."""
    one = turn.case.department(name)
    if one is not None and one.acknowledged_at is not None:
        expect_update(turn, one)


def fire(turn: Turn) -> None:
    """Let T17 and T18 ask for every department that is silent, and claim owners for orphans."""
    for one in turn.case.escalations:
        if one.track != "external":
            continue
        waiting = one.acknowledged_at is None and not one.overdue and one.ack_due is not None
        if waiting and one.ack_due is not None and one.ack_due <= turn.at:
            overdue(turn, one)
        elif one.update_due is not None and one.update_due <= turn.at:
            quiet = one._replace(update_due=None)
            swap(turn.case, one, quiet)
            _tell(turn, quiet, "T18", f"{one.target} has not reported in time")


def overdue(turn: Turn, one: Escalation) -> None:
    """Say that nobody has acknowledged *one* in time."""
    late = one._replace(overdue=True)
    swap(turn.case, one, late)
    if one.target != people.ORPHAN:
        _tell(turn, late, "T17", f"{one.target} has not acknowledged in time")
        return
    told = [(Addressee("head_of_support", fyi=False), "page")]
    join(turn, late, one.triggers, told, ["nobody has named an owner in time"])


def _tell(turn: Turn, one: Escalation, trigger: str, line: str) -> None:
    row = turn.policy.trigger(trigger, turn.case.priority)
    if row is not None:
        told = [(addressee, row.mode) for addressee in row.notify]
        join(turn, one, (trigger,), told, [line])
