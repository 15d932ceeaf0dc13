"""Slack's side of answers: whether a request is Slack's, who pressed what, and what they see then."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

import structlog
from pydantic import SecretStr
from slack_sdk.signature import Clock as SlackClock
from slack_sdk.signature import SignatureVerifier
from typing_extensions import override

from services.notifier.channels.slack_api import SlackApi, SlackError
from services.notifier.clerk import Clerk, Reply
from services.notifier.core.answering import Act, Seal, by_address
from services.notifier.core.roster import Contact
from services.notifier.core.slack import act_of, escalate_form, escaped, return_form
from services.notifier.words import Words
from shared.runtime.clock import real_now

log = structlog.get_logger()

_SLACK: Final = "slack"


@dataclass(frozen=True, slots=True)
class Handled:
    """What Slack is answered at once, and what is to be done after that."""

    body: bytes = b""
    later: Callable[[], Awaitable[None]] | None = None


class _RealClock(SlackClock):
    @override
    def now(self) -> float:
        return real_now().timestamp()


@dataclass(frozen=True, slots=True)
class _Pressed:
    """A button, a choice or a filled form: who, where, what."""

    user: str
    channel: str
    act: Act
    ticket: str
    escalation: str
    form: Mapping[str, str]


class SlackDesk:
    """Reads what Slack sends when somebody presses a button, and answers them."""

    def __init__(self, clerk: Clerk, api: SlackApi, secret: SecretStr, words: Words) -> None:
        self._clerk = clerk
        self._api = api
        self._words = words
        self._verifier = SignatureVerifier(secret.get_secret_value(), clock=_RealClock())

    def is_slack(self, body: bytes, headers: dict[str, str]) -> bool:
        """Say whether Slack has signed *body*, less than five minutes ago."""
        try:
            return self._verifier.is_valid_request(body, headers)
        except (ValueError, TypeError):
            return False

    async def handle(self, body: bytes) -> Handled:
        """Take what Slack sends, which `is_slack` has vouched for."""
        payload = _payload(body)
        match payload.get("type"):
            case "block_actions":
                return await self._pressed(payload)
            case "view_submission":
                return await self._filled(payload)
            case _:
                return Handled()

    async def _pressed(self, payload: Mapping[str, Any]) -> Handled:
        pressed = _press(payload)
        if pressed is None:
            return Handled()
        if pressed.act in (Act.RETURN, Act.ESCALATE):
            form = return_form if pressed.act is Act.RETURN else escalate_form
            view = form(pressed.ticket, pressed.escalation, pressed.channel)
            return Handled(later=self._open(str(payload.get("trigger_id") or ""), view))
        reply = await self._take(pressed)
        return Handled(later=self._tell(pressed, reply))

    async def _filled(self, payload: Mapping[str, Any]) -> Handled:
        pressed = _fill(payload)
        if pressed is None:
            return Handled()
        reply = await self._take(pressed)
        if reply.taken:
            return Handled(later=self._tell(pressed, reply))
        errors = {"response_action": "errors", "errors": {"what": reply.text}}
        return Handled(json.dumps(errors).encode())

    async def _take(self, pressed: _Pressed) -> Reply:
        terms = self._words.terms()
        contact = by_address(self._clerk.rosters.current, _SLACK, pressed.user)
        if contact is None:
            text = terms.phrases.get("stranger", "unknown").replace("{id}", pressed.user)
            return Reply(text, taken=False)
        seal = await self._seal(pressed, contact)
        terms = self._words.terms(contact.language)
        if seal is None:
            return Reply(terms.phrases.get("no_role", "no role"), taken=False)
        return await self._clerk.take(seal, pressed.act, pressed.form, terms=terms, through=_SLACK)

    async def _seal(self, pressed: _Pressed, contact: Contact) -> Seal | None:
        seal = Seal(pressed.ticket, pressed.escalation, contact.key, "")
        known, _ = await self._clerk.look(seal)
        if known is None:
            return seal
        roster = self._clerk.rosters.current
        here = [
            one.key
            for one in roster.contacts.values()
            if one.shared and one.addresses.get(_SLACK) == pressed.channel
        ]
        role = await self._clerk.role(known, pressed.escalation, [contact.key, *here])
        return None if role is None else Seal(seal.ticket, seal.escalation, contact.key, role)

    def _tell(self, pressed: _Pressed, reply: Reply) -> Callable[[], Awaitable[None]]:
        async def tell() -> None:
            if not pressed.channel:
                return
            given = {
                "channel": pressed.channel,
                "user": pressed.user,
                "text": escaped(reply.text),
                "parse": "none",
            }
            await self._quietly("chat.postEphemeral", given)

        return tell

    def _open(self, trigger: str, view: Mapping[str, Any]) -> Callable[[], Awaitable[None]]:
        async def open_form() -> None:
            await self._quietly("views.open", {"trigger_id": trigger, "view": view})

        return open_form

    async def _quietly(self, method: str, given: Mapping[str, Any]) -> None:
        try:
            await self._api.call(method, given)
        except SlackError as error:
            log.warning("slack did not show it", method=method, why=error.outcome.why)


def _payload(body: bytes) -> Mapping[str, Any]:
    try:
        form = parse_qs(body.decode("utf-8", "replace"), max_num_fields=20)
        payload = json.loads(form.get("payload", ["{}"])[0])
    except ValueError:
        return {}
    return payload if isinstance(payload, Mapping) else {}


def _press(payload: Mapping[str, Any]) -> _Pressed | None:
    actions = payload.get("actions") or [{}]
    action = actions[0] if isinstance(actions, list) and isinstance(actions[0], Mapping) else {}
    act = act_of(str(action.get("action_id") or ""))
    value = action.get("value") or _neighbour(payload, str(action.get("block_id") or ""))
    of = _read(value)
    if act is None or of is None:
        return None
    chosen = action.get("selected_option")
    form = {"for": str(chosen.get("value"))} if isinstance(chosen, Mapping) else {}
    return _Pressed(
        _id_in(payload, "user"), _id_in(payload, "channel"), act, of["t"], of["e"], form
    )


def _neighbour(payload: Mapping[str, Any], block_id: str) -> str | None:
    """Return the value of a button beside a choice: choices carry no value of ours themselves."""
    message = payload.get("message")
    blocks = message.get("blocks") if isinstance(message, Mapping) else None
    for block in blocks or ():
        if isinstance(block, Mapping) and block.get("block_id") == block_id:
            for element in block.get("elements") or ():
                if isinstance(element, Mapping) and element.get("value"):
                    return str(element["value"])
    return None


def _fill(payload: Mapping[str, Any]) -> _Pressed | None:
    view = payload.get("view")
    if not isinstance(view, Mapping):
        return None
    act = act_of(str(view.get("callback_id") or ""))
    of = _read(view.get("private_metadata"))
    if act is None or of is None:
        return None
    state = view.get("state")
    values = state.get("values") if isinstance(state, Mapping) else {}
    form: dict[str, str] = {}
    for elements in (values or {}).values():
        for name, element in elements.items():
            chosen = element.get("selected_option")
            given = chosen.get("value") if isinstance(chosen, Mapping) else element.get("value")
            form[str(name)] = str(given or "")[:2000]
    return _Pressed(_id_in(payload, "user"), of.get("c", ""), act, of["t"], of["e"], form)


def _read(value: object) -> dict[str, str] | None:
    try:
        given = json.loads(str(value))
    except ValueError:
        return None
    if not isinstance(given, dict) or not {"t", "e"} <= given.keys():
        return None
    return {str(name): str(text) for name, text in given.items()}


def _id_in(payload: Mapping[str, Any], name: str) -> str:
    found = payload.get(name)
    return str(found.get("id") or "") if isinstance(found, Mapping) else ""
