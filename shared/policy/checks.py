"""What a policy file must hold to as a whole, beyond the shape of each section."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from shared.contract.times import Seconds
from shared.policy.compiled import ALWAYS, INCLUDED
from shared.policy.coverage import uncovered
from shared.policy.order import surprises
from shared.policy.reach import unreachable
from shared.policy.references import Problem, unknown_names
from shared.policy.responsibility import unaccountable
from shared.policy.shape.base import suggestion
from shared.policy.shape.calls import LadderShape
from shared.policy.shape.file import PolicyFile
from shared.policy.shape.timing import CalendarShape
from shared.policy.tree import Path

SHORTEST_RENOTIFY: Final = Seconds(30)
"""Nobody is called more often than this about one thing."""

QUEUE: Final = "_queue"
"""How the roles end that many people share."""


def check(file: PolicyFile) -> Iterator[Problem]:
    """Yield everything in *file* that does not fit together, can never act, or is rarely meant.

    What can never act is looked for only where everything else fits: otherwise one mistake would
    be told many times.
    """
    found = list(_misfits(file))
    yield from found
    if all(one.severity != "error" for one in found):
        yield from unreachable(file)
        yield from uncovered(file)


def _misfits(file: PolicyFile) -> Iterator[Problem]:
    yield from _calendars(file)
    yield from _bands(file)
    yield from _cells(file)
    yield from _shares(file)
    yield from _targets(file)
    yield from _ladders(file)
    yield from _rows(file)
    yield from _waits(file)
    yield from unknown_names(file)
    yield from _product(file)
    yield from _duties(file)
    yield from _forms(file)
    yield from unaccountable(file)
    yield from surprises(file)


# --- calendars --------------------------------------------------------------------------------


def _calendars(file: PolicyFile) -> Iterator[Problem]:
    always = file.calendars.get(ALWAYS)
    if always is None or always.kind != "continuous":
        message = "there is no calendar `always` around the clock"
        yield Problem(("calendars",), message, "Write `always: {kind: continuous}`.")
    for name, shape in file.calendars.items():
        yield from _calendar(("calendars", name), shape)
    default = file.business_calendar.default
    weekly = [name for name, shape in file.calendars.items() if shape.kind == "weekly"]
    if default not in weekly:
        message = f"`{default}` is not a calendar with business hours"
        yield Problem(("business_calendar", "default"), message, suggestion(default, weekly))


def _calendar(path: Path, shape: CalendarShape) -> Iterator[Problem]:
    if shape.kind == "continuous":
        if shape.tz is not None or shape.open is not None or shape.closed:
            message = "a continuous calendar has no zone, windows or closed days"
            yield Problem(path, message, "Keep only `kind: continuous`, or leave `kind` out.")
        return
    if shape.tz is None or shape.open is None:
        message = "a calendar of business hours needs `tz` and `open`"
        yield Problem(path, message, 'Write tz: Europe/Vienna and open: {mon: "09:00-17:00"}.')
    elif not any(shape.open.days().values()):
        yield Problem((*path, "open"), "the calendar is never open", "Give at least one window.")


# --- the matrix -------------------------------------------------------------------------------


def _bands(file: PolicyFile) -> Iterator[Problem]:
    bands = file.impact.table()
    if file.impact.I1.at_least is not None:
        message = "the lowest band holds for whatever reaches no other"
        yield Problem(("impact", "I1", "at_least"), message, "Leave `at_least` out here.")
    bounded = [(name, band.at_least) for name, band in bands.items() if name != "I1"]
    for name, counts in bounded:
        if counts is None:
            message = "the band says not from which counts on it holds"
            remedy = "Write at_least: {users: 10, orgs: 3, share: 5%}."
            yield Problem(("impact", name), message, remedy)
    for (_, lower), (name, higher) in pairwise(bounded):
        if lower is None or higher is None:
            continue
        for measure in ("users", "orgs", "share"):
            if getattr(higher, measure) <= getattr(lower, measure):
                path: Path = ("impact", name, "at_least", measure)
                message = f"{measure} do not begin above the band below"
                yield Problem(path, message, "Let the bands rise from I2 to I4.")


def _cells(file: PolicyFile) -> Iterator[Problem]:
    worsened = file.triggers.T20_cell_worsened.table()
    for severity, row in file.cells.table().items():
        for impact, cell in row.table().items():
            path: Path = ("cells", severity, impact)
            start = worsened[cell.priority]
            if start is None or start.ack is None:
                message = f"a start at {cell.priority} has nothing that says when to acknowledge"
                remedy = f"Give triggers.T20_cell_worsened.{cell.priority} an `ack`."
                yield Problem((*path, "priority"), message, remedy)
            if (
                cell.exec_inform is not None
                and cell.exec_decide is not None
                and cell.exec_decide < cell.exec_inform
            ):
                message = "executives are asked before they are told"
                remedy = "Let exec_inform be the earlier one."
                yield Problem((*path, "exec_decide"), message, remedy)


def _shares(file: PolicyFile) -> Iterator[Problem]:
    shares = file.targets.warn_at
    if any(after <= before for before, after in pairwise(shares)):
        message = "the shares do not rise"
        yield Problem(("targets", "warn_at"), message, "Write them from small to large, once each.")
    for name in type(file.modifiers).model_fields:
        shape = getattr(file.modifiers, name)
        if getattr(shape, "dwell_factor", None) == 0:
            message = "a factor of 0 leaves no stay at all"
            yield Problem(
                ("modifiers", name, "dwell_factor"), message, "Write a factor above 0, at most 1."
            )


def _targets(file: PolicyFile) -> Iterator[Problem]:
    for plan in ("standard", "premium", "enterprise"):
        for priority, target in getattr(file.targets, plan).table().items():
            if target.resolve < target.first_response:
                message = "the resolution is promised before the first response"
                path: Path = ("targets", plan, priority, "resolve")
                yield Problem(path, message, "Promise the first response earlier, or this later.")


# --- calling people ---------------------------------------------------------------------------


def _ladders(file: PolicyFile) -> Iterator[Problem]:
    for name, ladder in file.ladders.table().items():
        yield from _ladder(("ladders", name), ladder)


def _ladder(path: Path, ladder: LadderShape) -> Iterator[Problem]:
    if ladder.renotify < SHORTEST_RENOTIFY:
        message = "people are called more than twice a minute"
        yield Problem((*path, "renotify"), message, "Write 30s or more.")
    if ladder.steps[0].after != 0:
        message = "the first step does not begin at once"
        yield Problem((*path, "steps", 0, "after"), message, "Write 0m.")
    for index, (before, after) in enumerate(pairwise(ladder.steps), start=1):
        if after.after <= before.after:
            message = "the step does not come after the one ahead of it"
            yield Problem((*path, "steps", index, "after"), message, "Sort the steps by time.")
    if ladder.then.from_ <= ladder.steps[-1].after:
        message = "`then` begins before the last step"
        yield Problem((*path, "then", "from"), message, "Let it begin after the last step.")
    if all(person.fyi for person in ladder.then.to):
        message = "the ladder ends with nobody who has to act"
        yield Problem((*path, "then", "to"), message, "Name at least one role without fyi:.")
    elif all(person.fyi or person.role.endswith(QUEUE) for person in ladder.then.to):
        message = "the ladder ends with a queue, where nobody in particular has to act"
        remedy = "Name a role that one person holds, such as tier_lead or escalation_manager."
        yield Problem((*path, "then", "to"), message, remedy)


def _rows(file: PolicyFile) -> Iterator[Problem]:
    for name, rows in file.triggers.rows().items():
        for priority, row in rows.table().items():
            if row is None:
                continue
            path: Path = ("triggers", name, priority)
            if row.ack == 0:
                yield Problem((*path, "ack"), "nobody can acknowledge within no time", "Write 5m.")
            if row.renotify is not None and row.renotify < SHORTEST_RENOTIFY:
                message = "people are called more than twice a minute"
                yield Problem((*path, "renotify"), message, "Write 30s or more.")
            if row.renotify is not None and row.ack is None:
                message = "people are called again for an acknowledgement that nobody asks for"
                yield Problem((*path, "renotify"), message, "Add `ack`, or leave `renotify` out.")
            if row.ack is not None and all(person.fyi for person in row.notify):
                message = "nobody who is told has to act, yet somebody must acknowledge"
                yield Problem((*path, "notify"), message, "Name at least one role without fyi:.")


def _waits(file: PolicyFile) -> Iterator[Problem]:
    for priority, wait in file.waiting_customer_steps.table().items():
        path: Path = ("waiting_customer_steps", priority, "steps")
        for index, (before, after) in enumerate(pairwise(wait.steps), start=1):
            if after.after <= before.after:
                message = "the step does not come after the one ahead of it"
                yield Problem((*path, index, "after"), message, "Sort the steps by time.")
            if before.do == "auto_resolve":
                message = "something is to be done after the case is resolved"
                yield Problem((*path, index), message, "Let auto_resolve be the last step.")


# --- names ------------------------------------------------------------------------------------


def _product(file: PolicyFile) -> Iterator[Problem]:
    if "product" in file.departments:
        return
    for name, rows in file.triggers.rows().items():
        for priority, row in rows.table().items():
            if row is not None and row.to in ("product", "3_or_product_if_S4"):
                path: Path = ("triggers", name, priority, "to")
                message = "the row goes to product, and there is no such department"
                yield Problem(path, message, "Add departments.product, or send the row elsewhere.")


def _duties(file: PolicyFile) -> Iterator[Problem]:
    asked: dict[str, str] = {}
    for name, shape in file.departments.items():
        other = asked.setdefault(shape.duty, name)
        if other != name:
            message = f"`{shape.duty}` is the duty of {other} already, so {name} could not be told from it"
            remedy = f"Name a role of its own, such as `{name}_duty`."
            yield Problem(("departments", name, "duty"), message, remedy)


def _forms(file: PolicyFile) -> Iterator[Problem]:
    forms = file.required_info.forms()
    for name, fields in forms.items():
        for index, field in enumerate(fields):
            included = field.removeprefix(INCLUDED)
            if field.startswith(INCLUDED) and (included not in forms or included == name):
                message = f"there is no form `{included}` to include"
                known = [f"{INCLUDED}{other}" for other in forms if other != name]
                yield Problem(("required_info", name, index), message, suggestion(field, known))
