"""Who answered when, who was called, what departments did, by the formulas of docs/review.md."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from shared.contract.times import Instant, parse_instant
from tests.unit.review.reckoning.of_time import average, breaches, median, p90, share
from tests.unit.review.reckoning.told import DAY, Call, Sums, Told, at


def sums_of_people(told: Told) -> Sums:
    return {
        **acknowledged(told),
        **late(told),
        **information(told),
        **pages(told),
        **departments(told),
        **waited(told),
        **pauses(told),
    }


def wait(one: Call) -> int:
    assert one.taken_at is not None
    return one.taken_at - one.at


def acknowledged(told: Told) -> Sums:
    taken, asked = told.acknowledged, [one for one in told.raised if one.asks]
    found: Sums = {
        "mtta.mean": average([wait(one) for one in taken]),
        "mtta.median": median([wait(one) for one in taken]),
        "unacknowledged_share": share(len(asked) - len(taken), len(asked)),
    }
    for priority in {one.priority for one in taken}:
        some = [wait(one) for one in taken if one.priority == priority]
        found[f"mtta.{priority} median"], found[f"mtta.{priority} p90"] = median(some), p90(some)
    steps = [one.taken["data"]["step"] for one in taken if one.taken is not None]
    steps = [step for step in steps if step is not None]
    executive = [one for one in told.raised if one.target == "exec"]
    silent = sum(
        "T19" in one["data"]["because"]["triggers"]
        and (one["type"] == "escalation.raised" or one["data"]["step"] is None)
        and told.inside(at(one))
        for key in told.cases
        for one in told.of(key, "escalation.raised", "escalation.notice_due")
    )
    withdrawn = sum(one.reason == "withdrawn" for one in told.raised)
    return {
        **found,
        "ladder_depth": average(steps),
        "step_zero_share": share(steps.count(0), len(steps)),
        "executive_precision": share(
            sum(one.taken is not None for one in executive), len(executive)
        ),
        "stale_rate": share(silent, len(taken)),
        "retracted_rate": share(withdrawn, len(told.raised)),
    }


def late(told: Told) -> Sums:
    broken = tardy = unseen = every = 0
    leads = []
    for key in told.tickets:
        calendar, opened = told.calendar(key), told.opened_at(key)
        upward = [one.at for one in told.calls(key) if one.track in ("functional", "hierarchical")]
        told_at = [at(one) for one in told.calling(key)]
        lefts = []
        for moment, due in breaches(told, key):
            every += 1
            unseen += not any(one <= moment for one in told_at)
            whole = calendar.consumed(Instant(opened), Instant(due))
            if upward:
                left = calendar.consumed(Instant(min(upward)), Instant(due))
                lefts.append(left / whole if whole > 0 else 0.0)
            elif breaches(told, key):
                lefts.append(-1.0)
        if lefts:
            broken += 1
            tardy += min(lefts) <= 0.1 + 1e-12
            leads += [lefts[0]] if upward else []
    return {
        "late_rate": share(tardy, broken),
        "escalation_lead": median(leads),
        "silent_breach": share(unseen, every),
    }


def information(told: Told) -> Sums:
    required = there = due = paid = 0
    for one in told.raised:
        debt = one.raised["data"]["info_debt"]
        owed = [] if debt is None else debt["fields"]
        if one.track == "functional" and one.target in ("t2", "t3"):
            form = told.policy.forms["t1_to_t2" if one.target == "t2" else "t2_to_t3"]
            required += len(form)
            there += sum(field not in owed for field in form)
        if debt is None:
            continue
        by = parse_instant(debt["due"])
        if by <= told.now and (one.ended_at is None or one.ended_at > by):
            due += 1
            paid += not any("info_debt" in o["data"]["because"]["triggers"] for o in one.told)
    return {
        "information_completeness": share(there, required),
        "debts_paid": share(paid, due),
    }


def pages(told: Told) -> Sums:
    calls = [
        (parse_instant(one["data"].get("hold_until") or one["time"]), role["role"], key)
        for key in told.cases
        for one in told.calling(key)
        for role in one["data"]["notify"]
        if role["mode"] == "page"
    ]
    counted = [one for one in calls if told.inside(one[0])]
    nights = [o for o in counted if not 6 <= datetime.fromtimestamp(o[0], UTC).hour < 22]
    weeks = max(1, (told.end - told.start) / (7 * DAY))
    acted = sum(
        any(0 <= act - moment <= 600 for act in acts(told, key)) for moment, _, key in counted
    )
    gravest = [
        key
        for key in told.cases
        if told.grades(key)[-1][1] == "P1" and told.inside(told.opened_at(key))
    ]
    people = [len({role for _, role, other in calls if other == key}) for key in gravest]
    found: Sums = {
        "pages": (len(counted), len(counted)),
        "night_pages": (len(nights), len(counted)),
        "actionable_share": share(acted, len(counted)),
        "called_per_p1": average(people),
    }
    for name, some in (("pages_weekly", counted), ("night_pages_weekly", nights)):
        most = sorted(Counter(role for _, role, _ in some).values(), reverse=True)[:3]
        found[name] = (sum(most) / weeks, sum(most))
    return found


def acts(told: Told, key: str) -> list[int]:
    taken = [one.taken_at for one in told.calls(key) if one.taken_at is not None]
    wrote = [moment for moment, one in told.messages(key) if one.author == "agent"]
    return [*taken, *wrote, *(since for since, _ in told.history(key))]


def departments(told: Told) -> Sums:
    sent = [one for one in told.raised if one.track == "external"]
    found: Sums = {"ola_attainment": share(sum(map(in_time, sent)), len(sent))}
    for name in {one.target for one in sent}:
        some = [one for one in sent if one.target == name]
        found[f"ola_attainment.{name}"] = share(sum(map(in_time, some)), len(some))
        no = sum(one.reason == "declined" for one in some)
        found[f"decline_rate.{name}"] = share(no, len(some))
    found["orphans"] = (sum(one.target == "orphan" for one in sent), len(sent))
    due: dict[str, list[bool]] = defaultdict(list)
    for key in told.cases:
        for one in told.calls(key):
            if one.track == "external" and one.target != "orphan":
                due[one.target] += reports(told, one)
    for name, kept in due.items():
        if kept:
            found[f"ola_updates.{name}"] = share(sum(kept), len(kept))
    every = [kept for some in due.values() for kept in some]
    return {**found, "ola_updates": share(sum(every), len(every))}


def in_time(one: Call) -> bool:
    due = one.raised["data"]["ack_due"]
    return one.taken_at is not None and (due is None or one.taken_at <= parse_instant(due))


def reports(told: Told, one: Call) -> list[bool]:
    """Of each report of the period that was owed on *one*, whether it was in time."""
    if one.taken_at is None:
        return []
    department = told.policy.departments[one.target]
    seats = (department.duty, department.backup, department.head)
    overdue = [
        at(notice)
        for notice in one.told
        if notice["data"]["step"] is None and "T18" in notice["data"]["because"]["triggers"]
    ]
    notes = [
        moment
        for moment, note in told.messages(one.key)
        if note.author == "agent" and note.note_kind == "progress" and note.role in seats
        if one.taken_at <= moment <= (one.ended_at or told.now)
    ]
    found = [False for moment in overdue if told.inside(moment)]
    for moment in notes:
        since = max([one.taken_at, *(other for other in notes if other < moment)])
        answered_late = any(since < late_at < moment for late_at in overdue)
        found += [True] if told.inside(moment) and not answered_late else []
    return found


def waited(told: Told) -> Sums:
    whole = bare = tickets = 0
    of: dict[str, list[int]] = defaultdict(list)
    for key in told.tickets:
        spells = [
            (since, until)
            for status, since, until in told.spells(key, told.start, min(told.end, told.now))
            if status == "waiting_internal"
        ]
        asked = [one for one in told.calls(key) if one.track == "external"]
        edges = sorted(
            {edge for spell in spells for edge in spell}
            | {one.at for one in asked}
            | {told.now if one.ended_at is None else one.ended_at for one in asked}
        )
        spent: dict[str, int] = defaultdict(int)
        for since, until in pairwise(edges):
            if not any(first <= since < last for first, last in spells):
                continue
            names = {
                one.target
                for one in asked
                if one.at <= since < (told.now if one.ended_at is None else one.ended_at)
            }
            bare += 0 if names else until - since
            for name in names:
                spent[name] += until - since
        whole += sum(until - since for since, until in spells)
        tickets += bool(spells)
        for name, seconds in spent.items():
            of[name].append(seconds)
    found: Sums = {f"waiting_internal.{name}": (sum(some), len(some)) for name, some in of.items()}
    found["waiting_internal.no request"] = (bare, tickets)
    return {**found, "waiting_internal": (whole, tickets)}


def pauses(told: Told) -> Sums:
    refused = wanted = short = 0
    for key in told.tickets:
        refused += sum(
            one["data"]["code"] == "pause_guard" and told.inside(at(one))
            for one in told.of(key, "act.refused")
        )
        asked: set[Any] = {moment for moment, one in told.messages(key) if one.asks_customer}
        history = told.history(key)
        for number, (since, status) in enumerate(history):
            if status == "waiting_customer" and told.inside(since):
                wanted += 1
                after = history[number + 1][0] if number + 1 < len(history) else None
                brief = after is not None and after - since <= 300
                short += brief and since not in asked
    return {"pause_abuse": share(refused + short, refused + wanted)}
