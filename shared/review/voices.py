"""What people say: the questions after an escalation, their answers, and notes that say nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.contract.times import Instant
from shared.review.figures import Figure
from shared.review.lives import Feedback
from shared.review.metrics import Scope, share
from shared.review.spans import mean


@dataclass(frozen=True, slots=True)
class Question:
    """One question: its name in `answers`, its words, and what may be answered; empty is free."""

    name: str
    words: str
    choices: tuple[str, ...] = ()


QUESTIONS: Final[Mapping[str, tuple[Question, ...]]] = {
    "receiver": (
        Question(
            "right", "Was it right to escalate?", ("yes", "too_early", "too_late", "wrong_place")
        ),
        Question("information", "Was what you were told enough?", ("1", "2", "3", "4", "5")),
        Question(
            "below",
            "Could the tier below have solved it?",
            ("no", "with_knowledge", "with_rights", "with_time"),
        ),
        Question("saved", "What would have saved you time?"),
    ),
    "sender": (
        Question("fast", "Did help come fast enough?", ("yes", "no")),
        Question("informed", "Were you kept informed?", ("yes", "no")),
        Question("learnt", "What did you learn that others should know?"),
    ),
    "shift": (
        Question("missing", "Which escalation should have happened, and did not?"),
        Question("needless", "Which happened, and should not have?"),
        Question("load", "How was the shift?", ("1", "2", "3", "4", "5")),
    ),
    "customer": (
        Question("repeated", "Did you have to repeat yourself?", ("yes", "no")),
        Question("informed", "Did you always know what happens next, and when?", ("yes", "no")),
        Question("kept", "Were the times kept that we named?", ("yes", "no")),
        Question("satisfaction", "How satisfied are you?", ("1", "2", "3", "4", "5")),
        Question("change", "What would you change?"),
    ),
}
"""The short forms: after an escalation for either side, after a shift, and for the customer."""

EMPTY_NOTES: Final = frozenset(
    {
        "working on it",
        "work in progress",
        "in progress",
        "still working on it",
        "wip",
        "looking into it",
        "checking",
        "investigating",
        "update",
        "no update",
        "no news",
        "ongoing",
        "see above",
        "pending",
        "ack",
        "ok",
    }
)
"""Progress notes that stop the timer of silence, and say nothing."""


class UnreadableAnswerError(ValueError):
    """An answer fits no question; the message says which, and what may be answered."""


def blank(form: str, ticket: str, escalation_id: str | None = None) -> dict[str, Any]:
    """Return the record of *form* with every answer still open.

    Raises:
        KeyError: There is no such form.
    """
    return {
        "form": form,
        "ticket": ticket,
        "escalation_id": escalation_id,
        "by": None,
        "answers": {one.name: None for one in QUESTIONS[form]},
    }


def answered(record: Mapping[str, Any]) -> dict[str, str]:
    """Return the answers of a record of a form, those left open left out.

    Raises:
        UnreadableAnswerError: The form, a question or an answer is none of those that there are.
    """
    form = record.get("form")
    if not isinstance(form, str) or form not in QUESTIONS:
        msg = f"form: {form!r} is none of {', '.join(QUESTIONS)}"
        raise UnreadableAnswerError(msg)
    questions = {one.name: one for one in QUESTIONS[form]}
    given = record.get("answers")
    found: dict[str, str] = {"form": form}
    for name, answer in (given if isinstance(given, Mapping) else {}).items():
        if answer is None:
            continue
        question = questions.get(name)
        if question is None:
            msg = f"answers.{name}: asked are {', '.join(questions)}"
            raise UnreadableAnswerError(msg)
        if question.choices and str(answer) not in question.choices:
            msg = f"answers.{name}: {answer!r} is none of {', '.join(question.choices)}"
            raise UnreadableAnswerError(msg)
        found[name] = str(answer)
    return found


def feedback(scope: Scope) -> list[Feedback]:
    """Return the answers given in the period, in the order of time."""
    given = [one for life in scope.lives for one in life.feedback if scope.period.has(one.at)]
    return sorted(given, key=lambda one: one.at)


def answers(scope: Scope) -> Iterator[Figure]:
    """Answers by question and choice, of those who answered the question."""
    given = feedback(scope)
    for form, questions in QUESTIONS.items():
        for question in questions:
            said = [
                str(one.answers[question.name])
                for one in given
                if one.answers.get("form") == form and question.name in one.answers
            ]
            for choice in question.choices:
                if said:
                    label = f"{form}: {question.words} {choice.replace('_', ' ')}"
                    of = f"{form} {question.name} {choice}"
                    yield share("answer", label, said.count(choice), len(said), of)


def satisfaction_gap(scope: Scope) -> Iterator[Figure]:
    """Points out of 100 by which never escalated customers are more satisfied than the others."""
    calm: list[float] = []
    escalated: list[float] = []
    for life in scope.lives:
        scores = [
            25.0 * (int(one.answers["satisfaction"]) - 1)
            for one in life.feedback
            if scope.period.has(one.at) and str(one.answers.get("satisfaction", "")).isdigit()
        ]
        (escalated if life.raises else calm).extend(scores)
    for name, scores in (("never escalated", calm), ("escalated", escalated)):
        yield Figure(
            "satisfaction", f"satisfaction, {name}", mean(scores), "count", len(scores), name
        )
    gap = (
        None
        if not calm or not escalated
        else sum(calm) / len(calm) - sum(escalated) / len(escalated)
    )
    count = min(len(calm), len(escalated))
    yield Figure("satisfaction_gap", "satisfaction lost by escalation", gap, "count", count)


@dataclass(frozen=True, slots=True)
class EmptyNote:
    """A note of progress that says nothing: it counted for the timer, and a reviewer reads it."""

    at: Instant
    ticket: str
    by: str | None
    text: str


def empty_notes(scope: Scope) -> list[EmptyNote]:
    """Return the notes of progress in the period that say nothing, in the order of time."""
    found = [
        EmptyNote(one.at, life.key, one.by, one.text)
        for life in scope.lives
        for one in life.messages
        if one.kind == "progress" and scope.period.has(one.at) and says_nothing(one.text)
    ]
    return sorted(found, key=lambda one: (one.at, one.ticket))


def says_nothing(text: str) -> bool:
    """Return whether a note is one of the empty phrases, or no text at all."""
    plain = " ".join(text.casefold().split()).strip(" .!…-–,;:")
    return not plain or plain in EMPTY_NOTES or plain.removeprefix("still ") in EMPTY_NOTES
