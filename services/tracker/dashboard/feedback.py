"""The short forms after an escalation and after a shift: pages whose answers go to intake."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response

from services.tracker.access import Who
from services.tracker.acting import Outcome
from services.tracker.api import only_seen
from services.tracker.core.readers import Reader, secret_of
from services.tracker.dashboard.posting import back_with, filled_in
from services.tracker.dashboard.site import Site
from services.tracker.freshness import MAX_WAIT_MS, Freshness
from shared.contract.ids import split_key
from shared.review.voices import QUESTIONS, UnreadableAnswerError, answered
from shared.runtime.clock import new_id
from shared.runtime.problems import Problem

TITLES: Final[Mapping[str, str]] = {
    "receiver": "After an escalation that you took",
    "sender": "After an escalation that you raised",
    "shift": "After the shift",
}
"""The forms that are asked here; what customers are asked goes to them on their own way."""

_LONGEST: Final = 4000
_LABEL: Final = r"^[^\x00]*$"

Form = Literal["receiver", "sender", "shift"]
Text = Annotated[str, Query(max_length=1100, pattern=_LABEL)]


def add_feedback(router: APIRouter, site: Site) -> None:
    """Add the forms' pages to *router*."""

    @router.get("/feedback/{form}")
    async def ask(
        reader: Who,
        form: Form,
        ticket: Text = "",
        escalation: Text = "",
        did: Annotated[str | None, Query(max_length=256, pattern=_LABEL)] = None,
        after: Annotated[str | None, Query(max_length=100)] = None,
    ) -> Response:
        async def answer() -> tuple[dict[str, Any], Freshness | None]:
            if after is not None:
                await site.desk.fresh_enough(after, MAX_WAIT_MS)
            act = None if did is None else (await site.desk.act(did, reader))[0]
            filled = {"ticket": ticket, "escalation_id": escalation}
            return {**_page(site, reader, form, filled, Outcome()), "act": act}, None

        return await site.page("feedback.html", answer, here=f"/feedback/{form}")

    @router.post("/feedback/{form}")
    async def take(reader: Who, form: Form, request: Request) -> Response:
        """Hand the answers on to intake, and come back with what became of them."""
        filled = await filled_in(request)
        secret = secret_of(request.headers.get("authorization"))
        outcome = await _posted(site, reader, form, filled, secret)
        if outcome.act_id is not None:
            return back_with(outcome.act_id, outcome.after, f"/feedback/{form}")

        async def answer() -> tuple[dict[str, Any], Freshness | None]:
            return {**_page(site, reader, form, filled, outcome), "act": None}, None

        return await site.page("feedback.html", answer, here=f"/feedback/{form}", status=422)


def _page(
    site: Site, reader: Reader, form: str, filled: Mapping[str, str], outcome: Outcome
) -> dict[str, Any]:
    return {
        "name": form,
        "title": TITLES[form],
        "questions": QUESTIONS[form],
        "filled": filled,
        "outcome": outcome,
        # Sent twice, a form is one act.
        "id": filled.get("id") or f"feedback-{new_id()}",
        "is_there": site.intake.is_there,
        "can_act": reader.may_act,
    }


async def _posted(
    site: Site, reader: Reader, form: str, filled: Mapping[str, str], secret: str | None
) -> Outcome:
    key = filled.get("ticket", "").strip()
    try:
        split_key(key)
        act = _act(form, filled)
    except ValueError as error:
        return Outcome(said=("The form cannot be taken", str(error)))
    try:
        only_seen(reader, key)
        await site.desk.ticket(key)
    except Problem as problem:
        return Outcome(said=(problem.title, problem.detail, problem.do))
    return await site.intake.post(key, act, secret)


def _act(form: str, filled: Mapping[str, str]) -> dict[str, Any]:
    """Return the act that *filled* makes.

    Raises:
        ValueError: Nothing is answered, or an answer is none of its question's.
    """
    texts = {one.name: filled.get(one.name, "").strip() for one in QUESTIONS[form]}
    if any(len(text) > _LONGEST for text in texts.values()):
        msg = f"an answer has more than {_LONGEST} characters"
        raise UnreadableAnswerError(msg)
    given = {name: text for name, text in texts.items() if text}
    if not given:
        raise UnreadableAnswerError("answer one question at least")
    act: dict[str, Any] = {
        "type": "feedback.given",
        "answers": answered({"form": form, "answers": given}),
    }
    for name in ("id", "by", "role", "escalation_id"):
        if filled.get(name, "").strip():
            act[name] = filled[name].strip()
    return act
