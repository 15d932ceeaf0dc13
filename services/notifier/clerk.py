"""Takes answers: looks how the escalation stands, posts the act as that person, says what came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import structlog

from services.notifier import metrics
from services.notifier.core.answering import (
    Act,
    Answer,
    Objection,
    Seal,
    Stand,
    Standing,
    role_of,
    stand,
)
from services.notifier.core.known import Known
from services.notifier.core.retry import Accepted, Failed
from services.notifier.core.wording import Terms, instant, spaced
from services.notifier.rosters import Rosters
from services.notifier.store import now
from services.notifier.store_answers import called_for, keep_answer, known_of
from shared.runtime.database import Database

log = structlog.get_logger()

SNOOZES: Mapping[str, timedelta] = {
    "PT30M": timedelta(minutes=30),
    "PT1H": timedelta(hours=1),
    "PT2H": timedelta(hours=2),
    "PT4H": timedelta(hours=4),
}
"""For how long one may ask for silence by button or link."""


class Acts(Protocol):
    """Where acts are handed in."""

    async def post(self, ticket: str, act: Mapping[str, Any]) -> Accepted | Failed | Objection:
        """Hand in *act* on *ticket* once; its id makes a repeat harmless."""
        ...


@dataclass(frozen=True, slots=True)
class Reply:
    """What an answerer is told; *taken* when their act was handed in or was not needed."""

    text: str
    taken: bool


@dataclass(frozen=True, slots=True)
class Clerk:
    """Takes answers, whichever way they come."""

    database: Database
    acts: Acts | None
    rosters: Rosters

    async def look(self, seal: Seal) -> tuple[Known | None, Stand]:
        """Return the ticket of *seal*, and how its escalation stands towards that person."""
        async with self.database.transaction() as conn:
            known = await known_of(conn, seal.ticket)
        return known, stand(known, seal, Act.ACKNOWLEDGE, self.rosters.current)

    async def role(self, known: Known, escalation: str, contacts: Sequence[str]) -> str | None:
        """Return the role in which one of *contacts* answers now; None when they hold none."""
        async with self.database.transaction() as conn:
            called = await called_for(conn, escalation)
            moment = await now(conn)
        call = known.calls.get(escalation)
        target = "" if call is None else call.target or ""
        return role_of(
            self.rosters.current, known, called, contacts, target=target, at=moment.virtual
        )

    async def take(
        self, seal: Seal, act: Act, form: Mapping[str, Any], *, terms: Terms, through: str
    ) -> Reply:
        """Take *act* by the person of *seal*, with what *form* adds, and say what came of it.

        Nobody who comes second gets an error: they are told who was first.
        """
        async with self.database.transaction() as conn:
            known = await known_of(conn, seal.ticket)
            moment = await now(conn)
        met = stand(known, seal, act, self.rosters.current)
        if known is None or met.standing is not Standing.OPEN:
            return Reply(said(met, terms), met.standing in (Standing.TAKEN, Standing.YOURS))
        if self.acts is None:
            return Reply(_phrase(terms, "nowhere"), taken=False)
        more = _more(act, form, moment.virtual)
        given = Answer(seal, act, known.version, moment.virtual, more)
        outcome = await self.acts.post(seal.ticket, given.as_act())
        came = "refused" if isinstance(outcome, Objection) else type(outcome).__name__.lower()
        metrics.ANSWERS.labels(str(act), through, came).inc()
        match outcome:
            case Accepted():
                async with self.database.transaction() as conn:
                    await keep_answer(conn, given, through=through)
                return Reply(_phrase(terms, "taken").replace("{act}", _act(act, terms)), taken=True)
            case Objection():
                log.warning("answer refused by intake", act=str(act), why=outcome.code)
                return Reply(objected(outcome, terms), taken=False)
            case Failed(why):
                log.warning("answer not handed in", act=str(act), why=why)
                return Reply(_phrase(terms, "away"), taken=False)


def objected(objection: Objection, terms: Terms) -> str:
    """Return why an act was not taken, and what would be, in the words of its giver."""
    why = terms.refusals.get(objection.code, objection.said).rstrip(".")
    lines = [_phrase(terms, "refused").replace("{why}", why)]
    if objection.missing:
        missing = ", ".join(spaced(one) for one in objection.missing)
        lines.append(_phrase(terms, "missing").replace("{missing}", missing))
    if objection.allowed:
        allowed = ", ".join(terms.roles.get(one, spaced(one)) for one in objection.allowed)
        lines.append(_phrase(terms, "allowed").replace("{allowed}", allowed))
    return " ".join(lines)


def said(met: Stand, terms: Terms) -> str:
    """Return what an answerer is told who comes too late or to nothing."""
    match met.standing:
        case Standing.TAKEN:
            text = _phrase(terms, "already").replace("{by}", met.by or "somebody else")
            return text.replace("{at}", _when(met, terms))
        case Standing.YOURS:
            return _phrase(terms, "yours").replace("{at}", _when(met, terms))
        case Standing.OVER:
            reason = met.reason or ""
            return _phrase(terms, "over").replace("{reason}", terms.endings.get(reason, reason))
        case Standing.UNKNOWN:
            return _phrase(terms, "unknown")
        case Standing.OPEN:
            return _phrase(terms, "open")


def _when(met: Stand, terms: Terms) -> str:
    return "" if met.at is None else " " + _phrase(terms, "at").replace("{at}", instant(met.at))


def _phrase(terms: Terms, name: str) -> str:
    return terms.phrases.get(name, name)


def _act(act: Act, terms: Terms) -> str:
    return terms.acts.get(str(act), str(act))


def _more(act: Act, form: Mapping[str, Any], at: Any) -> dict[str, Any]:
    match act:
        case Act.ACKNOWLEDGE:
            return {}
        case Act.SNOOZE:
            until = at + SNOOZES.get(str(form.get("for")), SNOOZES["PT1H"])
            return {"until": until.isoformat().replace("+00:00", "Z")}
        case Act.RETURN:
            code = str(form.get("reason_code") or "")
            info = {
                "reason_code": code,
                "what_is_missing_or_wrong": str(form.get("what") or ""),
                "suggested_path": str(form.get("path") or ""),
            }
            given = {name: text for name, text in info.items() if text}
            return {"info": given, **({"reason_code": code} if code else {})}
        case Act.ESCALATE:
            reason = str(form.get("what") or "")
            return {"reason": reason} if reason else {}
