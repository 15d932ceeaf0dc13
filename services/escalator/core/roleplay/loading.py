"""The text of a role-play or of a script into its model, or what is wrong with it by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import to_json

from services.escalator.core.roleplay.acting import VERBS
from services.escalator.core.roleplay.shape import Expected, Forbidden, Need, Scenario, Script
from shared.contract.decisions import DECISION_MODELS
from shared.contract.events import EVENT_MODELS
from shared.mapping.file import Incoherence, parse_file
from shared.policy.document import Policy
from shared.policy.shape.base import suggestion
from shared.policy.tree import Path

WHOLE: Final = 100
"""Points that the expectations of a role-play have together."""

_SEE: Final = "docs/training.md says what a role-play may write."


def read_scenario(text: str, *, name: str, policy: Policy) -> Scenario:
    """Return the role-play that *text* writes.

    Args:
        text: YAML.
        name: How errors call the file.
        policy: Whose roles may take a seat, and whose forms may be asked for.

    Raises:
        MappingError: It cannot be used; every mistake is told with line and key.
    """
    return parse_file(
        text, Scenario, name=name, see=_SEE, incoherent=lambda one: _misfits(one, policy)
    )


def read_script(text: str, scenario: Scenario, *, name: str) -> Script:
    """Return the script that *text* writes for *scenario*.

    Raises:
        MappingError: It cannot be used; every mistake is told with line and key.
    """
    return parse_file(
        text, Script, name=name, see=_SEE, incoherent=lambda one: _strangers(one, scenario)
    )


def _misfits(found: Scenario, policy: Policy) -> Iterator[Incoherence]:
    roles = list(policy.file.roles)
    for n, seat in enumerate(found.seats):
        if seat not in policy.file.roles:
            yield ("seats", n), f"`{seat}` is no role of the policy", suggestion(seat, roles)
    if (total := sum(one.points for one in found.expect)) != WHOLE:
        message = f"the expectations are worth {total} points together"
        yield ("expect",), message, f"Let them be worth {WHOLE}."
    ids = [*(one.id for one in found.expect), *(one.id for one in found.never)]
    for n, one in enumerate(found.expect):
        here: Path = ("expect", n)
        if ids.count(one.id) > 1:
            yield (*here, "id"), f"`{one.id}` stands twice", "Give each item its own id."
        if one.seat not in found.seats:
            yield (
                (*here, "seat"),
                f"`{one.seat}` has no seat here",
                suggestion(one.seat, found.seats),
            )
        if one.by > found.until:
            message = "it may be done after the role-play has ended"
            yield (*here, "by"), message, "Let `until` be later."
        yield from _needs(here, one, policy)
    for n, two in enumerate(found.never):
        yield from _needs(("never", n), two, policy)
    yield from _injects(found)


def _needs(here: Path, item: Expected | Forbidden, policy: Policy) -> Iterator[Incoherence]:
    groups: Mapping[str, tuple[Need, ...]] = (
        {"needs": item.needs, "instead": item.instead, "spoilt_by": item.spoilt_by}
        if isinstance(item, Expected)
        else {"when": item.when}
    )
    for key, needs in groups.items():
        for n, need in enumerate(needs):
            yield from _need((*here, key, n), need, policy)


def _need(here: Path, need: Need, policy: Policy) -> Iterator[Incoherence]:
    if (need.act is None) == (need.decision is None):
        message = "it asks for no act and no decision, or for both"
        yield here, message, "Write act: VERB or decision: TYPE."
    if need.act is not None and need.act not in VERBS:
        yield (*here, "act"), f"`{need.act}` is no act", suggestion(need.act, list(VERBS))
    if need.decision is not None and need.decision not in DECISION_MODELS:
        problem = f"`{need.decision}` is no decision"
        yield (*here, "decision"), problem, suggestion(need.decision, list(DECISION_MODELS))
    if need.form is not None and need.form not in policy.forms:
        problem = f"the policy has no form `{need.form}`"
        yield (*here, "form"), problem, suggestion(need.form, list(policy.forms))
    for key, nested in (("after", need.after), ("without", need.without)):
        if nested is not None:
            yield from _need((*here, key), nested, policy)


def _injects(found: Scenario) -> Iterator[Incoherence]:
    for n, one in enumerate(found.inject):
        here: Path = ("inject", n)
        if one.event is None and one.room is None and not one.show:
            yield here, "nothing happens", "Write event: TYPE, room: CHANNEL or show: TEXT."
        if one.event is not None:
            yield from _event(here, one.event, one.data)
        if one.room is not None and not one.data.get("text"):
            yield (*here, "data"), "nothing is said in the room", "Write data: {text: …}."
        if one.at > found.until:
            yield (*here, "at"), "it happens after the end", "Let `until` be later."


def _event(here: Path, kind: str, data: Mapping[str, Any]) -> Iterator[Incoherence]:
    model = EVENT_MODELS.get(kind)
    if model is None:
        yield (*here, "event"), f"`{kind}` is no event", suggestion(kind, list(EVENT_MODELS))
        return
    try:
        model.model_validate_json(to_json(data))
    except ValidationError as error:
        for details in error.errors():
            where = (*here, "data", *details["loc"])
            yield where, details["msg"], f"docs/events.md says what {kind} may hold."


def _strangers(found: Script, scenario: Scenario) -> Iterator[Incoherence]:
    if found.roleplay != scenario.id:
        message = f"it is a script for {found.roleplay}, not for {scenario.id}"
        yield ("roleplay",), message, f"Name {scenario.id}, or take another role-play."
    last = None
    for n, act in enumerate(found.acts):
        here: Path = ("acts", n)
        if act.seat not in scenario.seats:
            message = f"`{act.seat}` has no seat in {scenario.id}"
            yield (*here, "seat"), message, suggestion(act.seat, scenario.seats)
        if last is not None and act.at < last:
            yield (*here, "at"), "it comes before the act above it", "Sort the acts by time."
        last = act.at
    items = [one.id for one in scenario.expect]
    for n, verdict in enumerate(found.judged):
        if verdict.item not in items:
            message = f"`{verdict.item}` is nothing that is expected here"
            yield ("judged", n, "item"), message, suggestion(verdict.item, items)
