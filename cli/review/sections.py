"""The report of a review, in the order in which it is read in the meeting (The report)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from cli.report.document import Bars, Document, Flow, Section, Table
from cli.review.journal import Entry
from shared.contract.reasons import TRIGGERS
from shared.contract.sentences import words
from shared.contract.times import rfc3339
from shared.policy.responsibility import OutsideRole
from shared.review import (
    calling,
    causes,
    departments,
    flow,
    promises,
    returning,
    thresholds,
    voices,
)
from shared.review.causes import Issue, issues
from shared.review.figures import Figure, worktime
from shared.review.folding import Lives
from shared.review.metrics import Metric, Scope, figures
from shared.review.thresholds import Action, actions

_MOST: Final = 10
TRAINING: Final = "Training and access"
_COLUMNS: Final = ("began", "after a move", "after two", "after more", "became")

METRICS: Final[Sequence[tuple[str, Sequence[Metric]]]] = (
    ("Volume and mix", (flow.downgraded,)),
    (
        "Promises kept",
        (
            promises.attainment,
            promises.paused,
            promises.first_reply,
            promises.time_to_resolve,
            promises.update_punctuality,
        ),
    ),
    (
        "Escalation flow",
        (flow.escalation_rate, promises.stays, flow.first_level, flow.first_contact, flow.reopened),
    ),
    (
        "Quality of escalations",
        (
            flow.avoidable,
            calling.late,
            returning.returns,
            flow.hops,
            flow.level_one_capable,
            calling.information,
            calling.silent,
            flow.deescalation,
        ),
    ),
    (
        "Response of people",
        (
            calling.acknowledgement,
            calling.ladder_depth,
            calling.stale,
            calling.notice_load,
            calling.executives,
        ),
    ),
    ("Departments", (departments.requests, departments.updates, departments.waiting)),
    ("Causes", (flow.recurrence, flow.concentration, flow.grouping, causes.cost)),
    ("Customer voice", (voices.satisfaction_gap,)),
    ("Agent and department voice", (voices.answers,)),
    ("Data quality", (calling.retracted, flow.unclassed, thresholds.pauses)),
)
"""The metrics of each section, in the order of the report."""


@dataclass(frozen=True, slots=True)
class Review:
    """Everything that a review has found."""

    scope: Scope
    of: str
    figures: dict[str, list[Figure]]
    issues: list[Issue]
    actions: list[Action]
    empty_notes: list[voices.EmptyNote]
    entries: Sequence[Entry]
    lives: Lives
    outside: Sequence[OutsideRole]

    def document(self) -> dict[str, Any]:
        """Return it for programs."""
        scope = self.scope
        return {
            "period": {
                "name": scope.period.name,
                "from": rfc3339(scope.period.start),
                "until": rfc3339(scope.period.end),
            },
            "slice": self.of,
            "created": len(scope.created),
            "resolved": len(scope.resolved),
            "raised": len(scope.raised),
            "acknowledged": len(scope.acknowledged),
            "metrics": {
                title: [one.document() for one in found] for title, found in self.figures.items()
            },
            "issues": [
                {
                    "cause": one.cause,
                    "tickets": one.tickets,
                    "escalations": one.escalations,
                    "solved_by": one.solved_by,
                    "detours": one.detours,
                    "saved_s": one.saved_s,
                    "hops": one.hops,
                }
                for one in self.issues
            ],
            "actions": [one.document() for one in self.actions],
            "empty_notes": [
                {"at": rfc3339(one.at), "ticket": one.ticket, "by": one.by, "text": one.text}
                for one in self.empty_notes
            ],
            "outside_role": [
                {**one._asdict(), "at": rfc3339(one.at), "beyond": one.beyond.value}
                for one in self.outside
            ],
            "tier_paths": [
                {"from": [*source], "to": [*target], "tickets": count}
                for source, target, count in flow.paths(scope)
            ],
            "decisions": [one.document() for one in self.entries],
        }


def reviewed(
    scope: Scope,
    of: str,
    lives: Lives,
    entries: Sequence[Entry],
    *,
    outside: Sequence[OutsideRole] = (),
    trained: Sequence[Figure] = (),
) -> Review:
    """Return the review of *scope*, called *of*.

    Args:
        scope: The period and its tickets.
        of: The slice in words.
        lives: What was folded, for the quality of the data.
        entries: What earlier reviews decided.
        outside: Acts outside a role, of any time; those of the period and the slice are shown.
        trained: The cover of certificates and of access; empty where neither was named.
    """
    found = {title: figures(scope, metrics) for title, metrics in METRICS}
    found["Causes"] += causes.prevention(scope, _done(entries))
    found[TRAINING] = list(trained)
    flat = [one for some in found.values() for one in some]
    return Review(
        scope,
        of,
        found,
        issues(scope),
        actions(scope, flat, _closed(entries)),
        voices.empty_notes(scope),
        entries,
        lives,
        [one for one in outside if scope.period.has(one.at) and one.ticket in scope.by_key],
    )


def report(review: Review) -> Document:
    """Return *review* as a document of fourteen sections."""
    makers: Sequence[Callable[[Review], Section]] = (
        _verdict,
        _volume,
        _promises,
        _flow,
        _quality,
        _people,
        _departments,
        _causes,
        _customers,
        _agents,
        _training,
        _actions,
        _policy,
        _data,
    )
    period = review.scope.period
    sections = [make(review) for make in makers]
    return Document(
        f"Review of {period.name}",
        f"{review.of}; from {rfc3339(period.start)} up to {rfc3339(period.end)}."
        " Numbers of fewer than 20 cases are shown and not judged.",
        [
            replace(one, title=f"{number}. {one.title}")
            for number, one in enumerate(sections, start=1)
        ],
    )


def _verdict(review: Review) -> Section:
    scope = review.scope
    keys = (
        "resolve_attainment",
        "first_response_attainment",
        "escalation_rate",
        "late_rate",
        "reopen_rate",
    )
    flat = {one.key: one for some in review.figures.values() for one in some}
    told = [
        f"{len(scope.created)} created, {len(scope.resolved)} resolved, {len(scope.raised)} escalations,"
        f" {len(scope.acknowledged)} of them acknowledged."
    ]
    told.append("; ".join(f"{flat[key].label} {flat[key].text()}" for key in keys) + ".")
    told.append(
        f"{len(review.actions)} thresholds passed, {_open(review.entries)} earlier actions open."
    )
    if review.issues:
        first = review.issues[0]
        told.append(
            f"Most escalations: {first.cause} ({first.escalations}), mostly solved by"
            f" {first.solved_by}; sent there at once, {first.detours} tickets would have come there"
            f" sooner, by {worktime(first.saved_s)} in all."
        )
    wanted = [
        f"{one.action} ({one.owner}, due {one.due}): {one.signal} {one.found}"
        for one in review.actions[:3]
    ]
    table = [Table(("decision wanted",), [[one] for one in wanted])] if wanted else []
    return Section("Verdict", told, table)


def _volume(review: Review) -> Section:
    scope = review.scope
    kinds: Sequence[tuple[str, Callable[[Any], str]]] = (
        ("severity", lambda one: one.severity),
        ("impact", lambda one: one.impact or "–"),
        ("priority", lambda one: one.priority),
        ("plan", lambda one: one.plan),
        ("region", lambda one: one.region or "–"),
        ("product", lambda one: one.service or "–"),
        ("channel", lambda one: one.channel or "–"),
    )
    rows = []
    for name, of in kinds:
        created = Counter(map(of, scope.created))
        done = Counter(map(of, scope.resolved))
        for value in sorted({*created, *done}, key=lambda one: (-created[one], one))[:_MOST]:
            rows += [(name, value, str(created[value]), str(done[value]))]
    total = ("all", "", str(len(scope.created)), str(len(scope.resolved)))
    mix = Table(("by", "", "created", "resolved"), [total, *rows])
    return Section("Volume and mix", (), [mix, _table(review.figures["Volume and mix"])])


def _promises(review: Review) -> Section:
    desk = [one.desk_kept for one in review.scope.resolved if one.desk_kept is not None]
    told = []
    if desk:
        broken = desk.count(False)
        told.append(
            f"The desk's own verdict: {len(desk) - broken} in time, {broken} not, of {len(desk)}."
        )
    return Section("Promises kept", told, [_table(review.figures["Promises kept"])])


def _flow(review: Review) -> Section:
    scope = review.scope
    triggers = Counter(trigger for one in scope.raised for trigger in one.triggers)
    rows = [
        (trigger, str(count), TRIGGERS.get(trigger, ""))
        for trigger, count in sorted(triggers.items(), key=lambda one: (-one[1], one[0]))
    ]
    tracks = Counter(one.track for one in scope.raised)
    shown = [(name, [float(count)]) for name, count in sorted(tracks.items())]
    return Section(
        "Escalation flow",
        (),
        [
            _table(review.figures["Escalation flow"]),
            Table(("trigger", "escalations", "because"), rows),
        ],
        [Bars("Escalations by track", shown)],
        [
            Flow(
                "Tickets by tier, from where they began to what became of them",
                _COLUMNS,
                flow.paths(scope),
            )
        ],
    )


def _quality(review: Review) -> Section:
    notes = [(rfc3339(one.at), one.ticket, one.by or "–", one.text) for one in review.empty_notes]
    tables = [_table(review.figures["Quality of escalations"])]
    if notes:
        head = ("at", "ticket", "by", "note")
        tables.append(Table(head, notes, "Notes of progress that say nothing, for the reviewer"))
    return Section("Quality of escalations", (), tables)


def _people(review: Review) -> Section:
    tables = [_table(review.figures["Response of people"])]
    if review.outside:
        rows = [
            (
                rfc3339(one.at),
                one.ticket,
                one.by or "–",
                words(one.role),
                one.act,
                one.letter or "–",
                words(one.beyond.value),
            )
            for one in review.outside
        ]
        head = ("at", "ticket", "by", "role", "act", "RACI", "in which way")
        tables.append(Table(head, rows, "Acts outside a role, for the reviewer"))
    return Section("Response of people", (), tables)


def _departments(review: Review) -> Section:
    return Section("Departments", (), [_table(review.figures["Departments"])])


def _causes(review: Review) -> Section:
    head = (
        "cause",
        "tickets",
        "escalations",
        "solved by",
        "detours",
        "spared by direct routing",
        "hops",
    )
    rows = [
        (
            one.cause,
            str(one.tickets),
            str(one.escalations),
            one.solved_by,
            str(one.detours),
            worktime(one.saved_s),
            str(one.hops),
        )
        for one in review.issues[:_MOST]
    ]
    found = review.figures["Causes"]
    dearest = [one for one in found if one.metric == "escalation_cost" and one.of][:_MOST]
    shown = [o for o in found if o.metric != "escalation_cost" or not o.of or o in dearest]
    pareto = [(one.cause, [float(one.escalations)]) for one in review.issues[:_MOST]]
    return Section(
        "Causes",
        (),
        [_table(shown), Table(head, rows, "Most common issues")],
        [Bars("Escalations by cause", pareto)],
    )


def _customers(review: Review) -> Section:
    return Section("Customer voice", (), [_table(review.figures["Customer voice"])])


def _agents(review: Review) -> Section:
    given = voices.feedback(review.scope)
    free = [
        (rfc3339(one.at), one.ticket, name, str(answer))
        for one in given
        for name, answer in one.answers.items()
        if name in {"saved", "learnt", "missing", "needless", "change"}
    ]
    answers = review.figures["Agent and department voice"]
    tables = [_table(answers)] if answers else []
    if free:
        tables.append(Table(("at", "ticket", "question", "answer"), free))
    told = [] if given else ["Nobody has answered a form in this period."]
    return Section("Agent and department voice", told, tables)


def _training(review: Review) -> Section:
    found = review.figures[TRAINING]
    if not found:
        told = [
            "Neither records of training nor a roster was named, so that the cover of certificates"
            " and of access is not known."
        ]
        return Section(TRAINING, told)
    return Section(TRAINING, (), [_table(found)])


def _actions(review: Review) -> Section:
    head = ("signal", "found", "action", "owner", "due", "measured by", "decided as")
    running = {one.metric: one.id for one in review.entries if one.state != "closed"}
    opened = [
        (
            one.signal,
            one.found,
            one.action,
            one.owner,
            one.due.isoformat(),
            one.metric,
            running.get(one.metric, "–"),
        )
        for one in review.actions
    ]
    kept = [
        (one.id, one.text, one.owner, one.due.isoformat(), one.metric or "–", _became(one))
        for one in review.entries
    ]
    tables = [Table(head, opened, "Opened by thresholds")]
    if kept:
        columns = ("id", "decision", "owner", "due", "measured by", "what became of it")
        tables.append(Table(columns, kept, "Decided before"))
    return Section("Actions", (), tables)


def _policy(review: Review) -> Section:
    scope = review.scope
    rows = []
    for version in sorted({one.policy_version for one in scope.created}):
        some = [one for one in scope.created if one.policy_version == version]
        up = sum(bool(one.raises) for one in some)
        broken = sum(any(not stop.kept for stop in one.stops) for one in some)
        rows.append(
            (
                str(version),
                str(len(some)),
                f"{100 * up / len(some):.1f} %",
                f"{100 * broken / len(some):.1f} %",
            )
        )
    head = ("opened under version", "tickets", "escalated", "with a broken promise")
    return Section("Policy changes and their measured effect", (), [Table(head, rows)])


def _data(review: Review) -> Section:
    lives = review.lives
    told = [
        f"{lives.late} events came late, {lives.skewed} claimed the future, {lives.duplicates} came twice."
    ]
    return Section("Data quality", told, [_table(review.figures["Data quality"])])


def _table(found: Iterable[Figure]) -> Table:
    rows = []
    for one in found:
        label = (
            f"{one.label} ({one.of})"
            if one.unit == "share" and one.of and one.of not in one.label
            else one.label
        )
        rows.append((label, one.text(), f"{one.count:,}", "" if one.judged else "few"))
    return Table(("metric", "value", "of", ""), rows)


def _closed(entries: Sequence[Entry]) -> dict[str, date]:
    return {
        one.metric: one.closed_on
        for one in entries
        if one.metric is not None and one.closed_on is not None
    }


def _done(entries: Sequence[Entry]) -> dict[str, date]:
    return {
        one.metric: one.done_on
        for one in entries
        if one.metric is not None and one.done_on is not None
    }


def _became(one: Entry) -> str:
    """Return how far a decision is, what it measured before and after, and what came of it."""
    measured = [f"{value:g}" for value in (one.before, one.after) if value is not None]
    told = [one.state, " → ".join(measured), one.result or ""]
    return ", ".join(part for part in told if part)


def _open(entries: Sequence[Entry]) -> int:
    return sum(one.state != "closed" for one in entries)
