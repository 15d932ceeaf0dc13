"""A role-play as pages: what has been done so far travels with the form, and is all that counts.

A page goes on where the one before it stopped if that is still at hand, and otherwise plays the
role-play from its start with all acts so far; either shows the same. A sitting that went on is
forgotten with its page, so that two trainees cannot get into each other's way.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from fastapi import FastAPI, Form, HTTPException
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json, to_json

from cli.roleplay.pacing import until_news
from cli.roleplay.prompt import keys_of
from cli.roleplay.shown import calls_of, lines_of
from services.escalator.core.roleplay.acting import VERBS
from services.escalator.core.roleplay.offsets import told
from services.escalator.core.roleplay.scoring import Score, score
from services.escalator.core.roleplay.shape import Scenario, Script
from services.escalator.core.roleplay.stage import Stage
from services.notifier.core.roster import Roster
from shared.contract.sentences import counted, words
from shared.contract.times import Instant
from shared.policy.document import Policy, PolicyTimeline
from shared.policy.notation import parse_duration

_HERE: Final = Path(__file__).parent
_STYLE: Final = _HERE.parent / "handbook" / "assets" / "handbook.css"
_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src data:;"
    " base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "cache-control": "no-store",
}
_MOST_ACTS: Final = 500
_MOST_KEPT: Final = 4
"""Sittings at hand; one of a storm holds ten thousand cases."""


@dataclass
class Sitting:
    """Where a trainee is: the acts so far, and to which second the time has come.

    `came_as` names the page that carried it, None at the start.
    """

    acts: list[dict[str, Any]] = field(default_factory=list)
    now: int = 0
    came_as: str | None = None

    @property
    def plain(self) -> str:
        """The sitting as its form carries it."""
        return to_json({"acts": self.acts, "now": self.now}).decode()

    @classmethod
    def of(cls, text: str) -> Sitting:
        """Return the sitting that a form carried; its acts are read as a script's are.

        Raises:
            ValueError: It is none.
        """
        given = from_json(text)
        sitting = cls(list(given["acts"]), int(given["now"]))
        if len(sitting.acts) > _MOST_ACTS:
            msg = f"more than {_MOST_ACTS} acts"
            raise ValueError(msg)
        return sitting


class Said(BaseModel):
    """What a form says: what to do, and with which act or for how long."""

    sitting: str
    do: Literal["act", "next", "pass", "end"]
    seat: str = ""
    verb: str = ""
    text: str = ""
    keys: str = ""
    span: str = ""


def application(scenarios: Mapping[str, Scenario], policy: Policy, roster: Roster) -> FastAPI:
    """Return the pages of *scenarios*, decided by *policy*, with the names of *roster*."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"words": words, "told": told, "counted": counted}
    desk = _Desk(policy, roster)

    def page(name: str, **what: Any) -> HTMLResponse:
        html = environment.get_template(name).render(**what)
        return HTMLResponse(html, headers=_HEADERS)

    def known(name: str) -> Scenario:
        if name not in scenarios:
            raise HTTPException(404, "There is no such role-play.")
        return scenarios[name]

    @app.get("/handbook.css")
    def style() -> Response:
        return Response(_STYLE.read_bytes(), media_type="text/css")

    @app.get("/")
    def listed() -> HTMLResponse:
        return page("list.html", scenarios=scenarios.values())

    @app.get("/{name}")
    def begin(name: str) -> HTMLResponse:
        scenario = known(name)
        return page("play.html", verbs=VERBS, **desk.shown(scenario, Sitting(), ""))

    @app.post("/{name}")
    def go_on(name: str, said: Annotated[Said, Form()]) -> HTMLResponse:
        scenario = known(name)
        try:
            now = Sitting.of(said.sitting)
            now.came_as = _page(scenario, now)
            error = desk.done(scenario, now, said)
            shown = desk.shown(scenario, now, error)
        except (ValueError, KeyError, TypeError) as problem:
            raise HTTPException(422, f"This is no form of ours: {problem}") from problem
        return page("play.html", verbs=VERBS, **shown)

    return app


def _page(scenario: Scenario, sitting: Sitting) -> str:
    """Return by what the page of *sitting* is known."""
    return f"{scenario.id} {sitting.plain}"


class _Desk:
    """Plays sittings."""

    def __init__(self, policy: Policy, roster: Roster) -> None:
        self._policy = policy
        self._policies = PolicyTimeline([(Instant(0), policy)])
        self._roster = roster
        self._kept: OrderedDict[str, tuple[Stage, int]] = OrderedDict()

    def done(self, scenario: Scenario, sitting: Sitting, said: Said) -> str:
        """Do what a form asks for, and return what is wrong with it in words, or nothing."""
        match said.do:
            case "next":
                stage = self._stage(scenario, sitting)
                until_news(stage)
                sitting.now = stage.now - scenario.start
                self._keep(scenario, sitting, stage)
            case "pass":
                try:
                    sitting.now += parse_duration(said.span)
                except ValueError:
                    return "Write a length of time as 10m or 1h30m."
            case "end":
                sitting.now = scenario.until
            case "act":
                return self._act(scenario, sitting, said)
        sitting.now = min(sitting.now, scenario.until)
        return ""

    def shown(self, scenario: Scenario, sitting: Sitting, error: str) -> dict[str, Any]:
        """Return what the page of *sitting* shows."""
        stage = self._stage(scenario, sitting)
        self._keep(scenario, sitting, stage)
        over = sitting.now >= scenario.until
        marks: Score | None = None
        if over:
            marks = score(scenario, stage.transcript, self._policy)
        return {
            "scenario": scenario,
            "sitting": sitting,
            "error": error,
            "over": over,
            "marks": marks,
            "lines": list(lines_of(scenario, stage.transcript)),
            "calls": calls_of(scenario, stage.transcript, self._roster),
        }

    def _act(self, scenario: Scenario, sitting: Sitting, said: Said) -> str:
        lines = [one for one in said.keys.splitlines() if one.strip()]
        offset = sitting.now + 1
        try:
            keys = keys_of(lines)
            if said.text:
                keys.setdefault("text", said.text)
            act = {"act": said.verb, "seat": said.seat, "at": told(offset), **keys}
            self._script(scenario, [*sitting.acts, act])
        except ValidationError as error:
            flaw = error.errors()[0]
            where = ".".join(str(part) for part in flaw["loc"][3:])
            return f"{where}: {flaw['msg']}"
        except ValueError:
            return "Write one key=value on each line."
        sitting.acts.append(act)
        sitting.now = offset
        return ""

    def _stage(self, scenario: Scenario, sitting: Sitting) -> Stage:
        stage, played = self._at_hand(scenario, sitting)
        for act in self._script(scenario, sitting.acts).acts[played:]:
            stage.play(Instant(scenario.start + act.at), [act])
        until = scenario.start + min(sitting.now, scenario.until)
        stage.pass_time(Instant(max(stage.now, until)))
        return stage

    def _at_hand(self, scenario: Scenario, sitting: Sitting) -> tuple[Stage, int]:
        """Return a stage that is not past *sitting*, and how many acts it has seen."""
        found = None if sitting.came_as is None else self._kept.pop(sitting.came_as, None)
        if found is not None:
            return found
        stage = Stage(scenario, self._policies)
        stage.pass_time(scenario.start)
        return stage, 0

    def _keep(self, scenario: Scenario, sitting: Sitting, stage: Stage) -> None:
        sitting.came_as = _page(scenario, sitting)
        self._kept[sitting.came_as] = (stage, len(sitting.acts))
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)

    def _script(self, scenario: Scenario, acts: list[dict[str, Any]]) -> Script:
        found = Script.model_validate({"roleplay": scenario.id, "about": "at a page", "acts": acts})
        seats = {one.seat for one in found.acts}
        if not seats <= set(scenario.seats):
            msg = "no such seat"
            raise KeyError(msg)
        times = [one.at for one in found.acts]
        if times != sorted(times) or (times and not 0 <= times[0] <= times[-1] <= scenario.until):
            msg = "acts out of order, or outside the role-play"
            raise KeyError(msg)
        return found
