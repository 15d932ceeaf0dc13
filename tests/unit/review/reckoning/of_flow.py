"""The ways of tickets, their causes, groups, returns and what people answered, by docs/review.md."""

from __future__ import annotations

from collections import Counter

from shared.contract.times import parse_instant
from tests.unit.review.reckoning.of_time import average, median, share
from tests.unit.review.reckoning.told import DAY, Call, Sums, Told, at

AVOIDABLE = (
    "known_answer_exists",
    "missing_information",
    "wrong_team",
    "below_threshold",
    "duplicate",
)


def sums_of_flow(told: Told) -> Sums:
    return {
        **levels(told),
        **reopened(told),
        **hands(told),
        **classes(told),
        **returned(told),
        **lowered(told),
        **causes(told),
        **groups(told),
        **voices(told),
    }


def highest(told: Told, key: str) -> int:
    return max(tier for _, tier in told.tiers(key))


def stayed_away(told: Told, key: str) -> bool:
    """No reopening within 14 days of a resolution."""
    return not any(
        0 <= again - done <= 14 * DAY
        for done, _, _ in told.resolutions(key)
        for again in told.reopenings(key)
    )


def moves(told: Told, key: str) -> int:
    if told.teams(key):
        return len(told.teams(key)) - 1
    given_back = [one for one in told.calls(key) if one.reason in ("returned", "declined")]
    return len(given_back) + told.hand_overs(key)


def levels(told: Told) -> Sums:
    done = told.resolved
    up = [key for key in done if any(one.track == "functional" for one in told.calls(key))]
    low = [key for key in done if told.tiers(key)[0][1] == 1]
    second = [key for key in done if any(tier == 2 for _, tier in told.tiers(key))]
    first = [key for key in done if highest(told, key) == 1 and stayed_away(told, key)]
    contact = [
        key
        for key in done
        if len(told.replies(key)) == 1
        and moves(told, key) == 0
        and highest(told, key) == told.tiers(key)[0][1]
        and stayed_away(told, key)
    ]
    return {
        "escalation_rate": share(len(up), len(done)),
        "escalation_step.12": share(sum(highest(told, k) > 1 for k in low), len(low)),
        "escalation_step.23": share(sum(highest(told, k) > 2 for k in second), len(second)),
        "first_level_resolution": share(len(first), len(done)),
        "first_contact_resolution": share(len(contact), len(done)),
    }


def reopened(told: Told) -> Sums:
    cohort = came = again = silent = 0
    for key in told.tickets:
        old = [
            done
            for done, _, _ in told.resolutions(key)
            if told.inside(done) and told.now - done >= 14 * DAY
        ]
        if old:
            cohort += 1
            came += any(0 <= back - old[0] <= 14 * DAY for back in told.reopenings(key))
        for back in told.reopenings(key):
            if told.inside(back):
                again += 1
                before = [done for done, _, _ in told.resolutions(key) if done <= back]
                silent += not any(
                    moment == before[-1] and act.status in ("resolved", "closed")
                    for moment, act in told.status_acts(key)
                )
    return {
        "reopen_rate": share(came, cohort),
        "reopenings": (again, len(told.tickets)),
        "reopenings.silence": (silent, len(told.tickets)),
    }


def hands(told: Told) -> Sums:
    moved = [key for key in told.resolved if moves(told, key)]
    counts = [moves(told, key) for key in moved]
    back = [key for key in moved if len(set(told.teams(key))) < len(told.teams(key))]
    return {
        "hop_count": average(counts),
        "bounce_rate": share(sum(one >= 3 for one in counts), len(moved)),
        "ping_pong_rate": share(len(back), len(moved)),
        "reassignments": (sum(moves(told, key) for key in told.tickets), len(told.tickets)),
    }


def class_of(told: Told, one: Call) -> str | None:
    if one.reason in ("returned", "declined") and one.code:
        return one.code
    later = [cause for done, _, cause in told.resolutions(one.key) if done >= one.at and cause]
    return later[-1] if later else None


def classes(told: Told) -> Sums:
    ended = [class_of(told, one) for one in told.raised if one.ended is not None]
    named = [one for one in ended if one is not None]
    bad = [one for one in named if one in AVOIDABLE]
    found = {
        "avoidable_rate": share(len(bad), len(named)),
        "unclassified_share": share(len(ended) - len(named), len(ended)),
    }
    for code in set(bad):
        found[f"avoidable_class.{code}"] = share(bad.count(code), len(told.raised))
    return found


def returned(told: Told) -> Sums:
    back = [one for one in told.raised if one.reason == "returned"]
    found = {"return_rate": share(len(back), len(told.raised))}
    for code in {one.code or "no code" for one in back}:
        some = [one for one in back if (one.code or "no code") == code]
        found[f"return_rate.{code}"] = share(len(some), len(told.raised))
    wrong = 0
    for one in back:
        again = [
            later
            for later in told.calls(one.key)
            if later.track == "functional" and later.at >= (one.ended_at or 0)
            if later.target in {"t2": ("t2", "t3"), "t3": ("t3",)}[one.target]
            if later.raised is not one.raised and later.reason not in ("returned", "withdrawn")
        ]
        wrong += bool(again) and one.code not in ("missing_information", "not_reproducible")
    found["returns_overturned"] = share(wrong, len(back))
    return found


def lowered(told: Told) -> Sums:
    once = [key for key in told.created if any(p in ("P1", "P2") for _, p in told.grades(key))]
    less = [key for key in once if told.grades(key)[-1][1] in ("P3", "P4")]
    downs = lasted = 0
    for key in told.tickets:
        memory = told.policy.recurrence_memory[told.grades(key)[-1][1]]
        visits = told.tiers(key)
        ups = [
            moment
            for number, (moment, tier) in enumerate(visits)
            if number and tier > visits[number - 1][1]
        ]
        for one in told.of(key, "tier.changed"):
            if one["data"]["direction"] == "down" and told.inside(at(one)):
                downs += 1
                lasted += not any(0 < up - at(one) <= memory for up in ups)
    return {
        "downgrade_rate": share(len(less), len(once)),
        "deescalation_success": share(lasted, downs),
    }


def causes(told: Told) -> Sums:
    last = [told.resolutions(key)[-1] for key in told.resolved]
    above = [cause for _, tier, cause in last if tier > 1]
    again = 0
    for key in told.resolved:
        before = told.of(key, "case.opened")[0]["data"]["recurrence_of"]
        done = told.resolved_at(before) if before in told.tickets else None
        again += done is not None and 0 <= told.opened_at(key) - done <= 90 * DAY
    by_cause = Counter(told.cause(one.key) for one in told.raised)
    five = sum(sorted(by_cause.values(), reverse=True)[:5])
    return {
        "level_one_capable": share(above.count("known_answer_exists"), len(above)),
        "tickets_without_class": share(sum(c is None for _, _, c in last), len(last)),
        "recurrence_rate": share(again, len(last)),
        "cause_concentration": share(five, len(told.raised)),
    }


def groups(told: Told) -> Sums:
    sizes, leads = [], []
    for key in told.groups:
        opened = told.opened_at(key)
        if not told.inside(opened):
            continue
        joined = {
            one["subject"]
            for one in told.decisions
            if one["type"] == "group.joined" and one["data"]["group_id"] == key
        }
        sizes.append(len(joined))
        began = [at(told.of(member, "case.opened")[0]) for member in joined]
        leads += [opened - min(began)] if began else []
    return {
        "group_members": average(sizes),
        "duplicates_avoided": (sum(max(0, size - 1) for size in sizes), len(sizes)),
        "grouping_lead": median(leads),
    }


def voices(told: Told) -> Sums:
    given = [one for key in told.cases for one in told.feedback(key)]
    found: Sums = {}
    asked = {
        "receiver": {
            "right": ("yes", "too_early", "too_late", "wrong_place"),
            "information": tuple("12345"),
        },
        "customer": {"satisfaction": tuple("12345")},
    }
    for form, questions in asked.items():
        for question, choices in questions.items():
            said = [one[question] for one in given if one["form"] == form and question in one]
            for choice in choices if said else ():
                name = f"answer.{form} {question} {choice}"
                found[name] = share(said.count(choice), len(said))
    points: dict[bool, list[float]] = {True: [], False: []}
    for key in told.cases:
        for one in told.feedback(key):
            if "satisfaction" in one:
                points[bool(told.calls(key))].append(25 * (int(one["satisfaction"]) - 1))
    calm, escalated = average(points[False]), average(points[True])
    gap = None if calm[0] is None or escalated[0] is None else calm[0] - escalated[0]
    return {
        **found,
        "satisfaction.never escalated": calm,
        "satisfaction.escalated": escalated,
        "satisfaction_gap": (gap, min(calm[1], escalated[1])),
    }


def prevented(told: Told, cause: str, done: str) -> tuple[float | None, int]:
    """The yield of an action against *cause* that was done on the day *done*."""
    day = parse_instant(f"{done}T00:00:00Z")
    raised = [one.at for key in told.cases if told.cause(key) == cause for one in told.calls(key)]
    before = sum(day - 56 * DAY <= moment < day for moment in raised)
    after = sum(day <= moment < day + 56 * DAY for moment in raised)
    return share(before - after, before)
