"""The roster file: YAML into a `Roster`, or findings that name line, key and what to do."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from io import StringIO
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent
from typing_extensions import override

from services.notifier.calendar_reading import CalendarError, Entry, entries
from services.notifier.core.feeds import EXECUTIVE, RESTRICTED, hears_by_default
from services.notifier.core.roster import (
    CHANNELS,
    Contact,
    Receipts,
    Room,
    Roster,
    Seat,
    WebhookWay,
)
from services.notifier.core.schedule import Absence, Booked, Duties
from services.notifier.core.subscriptions import TOPIC
from services.notifier.schedule_shape import AbsenceShape, ScheduleShape, Strict, Zone
from shared.contract.errors import PermanentError, Reason
from shared.policy.tree import DEEPEST
from shared.runtime.clock import real_now
from shared.runtime.files import why_unreadable
from shared.runtime.secret import is_reference, looks_like_a_secret

LARGEST: Final = 1 << 20
"""No roster is larger than this many bytes."""

Channel = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,30}$")]
Mode = Literal["page", "chat", "email", "digest"]
_BY_NAME: Final = "names the variable or file that holds the address: env:NAME or file:PATH"
_PATTERNS: Final[Mapping[str, str]] = {
    "email": "is not an e-mail address",
    "slack": "is the id of a Slack member or channel, such as U0123ABCD or C0123ABCD",
    "sms": "is no telephone number with its country, such as +431234567",
    "voice": "is no telephone number with its country, such as +431234567",
    "teams": _BY_NAME,
    "apprise": _BY_NAME,
    "language": "is no code of a language, such as en",
}
Address = Annotated[
    str, Field(pattern=r"^[^@\s<>,;:\"()\[\]\\]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$")
]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with a roster file; *line* counts from 1, 0 when it has none."""

    line: int
    key: str
    what: str

    @override
    def __str__(self) -> str:
        where = f"line {self.line}" if self.line else "the file"
        return f"{where}, {self.key}: {self.what}" if self.key else f"{where}: {self.what}"


class RosterError(PermanentError):
    """A roster file that cannot be used; *findings* say why, line by line."""

    reason = Reason.ROSTER_INVALID

    def __init__(self, name: str, findings: tuple[Finding, ...]) -> None:
        listed = "\n".join(f"  {finding}" for finding in findings)
        super().__init__(f"roster {name} cannot be used:\n{listed}")
        self.findings = findings


class _Webhook(Strict):
    url: str
    secret: str | None = None

    @model_validator(mode="after")
    def _secret_is_a_reference(self) -> Self:
        if self.secret is not None and not is_reference(self.secret):
            message = "a secret is named, never written here: use env:NAME or file:PATH"
            raise ValueError(message)
        if not (is_reference(self.url) or self.url.startswith(("https://", "http://"))):
            message = "must be an http(s) address, or a reference to one (env:NAME, file:PATH)"
            raise ValueError(message)
        return self


Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
Slack = Annotated[str, Field(pattern=r"^[CGDUW][A-Z0-9]{2,30}$")]
Number = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$")]
Secret = Annotated[str, Field(pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$")]
Heard = Annotated[str, Field(pattern=f"^({TOPIC}|{RESTRICTED}|{EXECUTIVE})$")]
Elsewhere = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,500}$")]


class _Contact(Strict):
    name: str
    email: Address | None = None
    webhook: _Webhook | None = None
    console: bool = False
    slack: Slack | None = None
    teams: Secret | None = None
    apprise: Secret | None = None
    sms: Number | None = None
    voice: Number | None = None
    ways: dict[Channel, Elsewhere] = Field(default_factory=dict)
    language: Language | None = None
    restricted: bool = False
    modes: dict[Mode, list[Channel]] = Field(default_factory=dict)
    aliases: list[str] = Field(default_factory=list)
    members: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _has_a_way(self) -> Self:
        has = {
            "email": self.email is not None,
            "webhook": self.webhook is not None,
            "console": self.console,
            **dict.fromkeys(self.addresses(), True),
        }
        if not any(has.values()):
            message = (
                "has no way to be reached: give email, webhook, slack, teams, apprise, sms, voice,"
                " console or ways"
            )
            raise ValueError(message)
        for mode, channels in self.modes.items():
            for channel in channels:
                if not has.get(channel):
                    message = f"mode {mode} uses {channel}, but no {channel} is given"
                    raise ValueError(message)
        return self

    def addresses(self) -> dict[str, str]:
        """Return the addresses on channels that need nothing but an address."""
        own = {
            "slack": self.slack,
            "teams": self.teams,
            "apprise": self.apprise,
            "sms": self.sms,
            "voice": self.voice,
        }
        return {**self.ways, **{name: given for name, given in own.items() if given is not None}}


class _Seat(Strict):
    to: str | None = None
    fact: Literal["owner", "account_manager"] | None = None
    otherwise: str | None = None
    schedule: str | None = None


class _Room(Strict):
    chat: str | None = None
    email: Address | None = None
    post: Annotated[list[str], Field(min_length=1)]
    members: list[str] | None = None
    to: str | None = None
    hears: Annotated[list[Heard], Field(min_length=1)] | None = None


class _Receipts(Strict):
    channel: Literal["email", "webhook"]
    to: str | None = None
    language: Language | None = None


class _Header(Strict):
    name: str
    version: Annotated[int, Field(ge=1)]
    zone: Zone = ZoneInfo("UTC")


class _Document(Strict):
    roster: _Header
    modes: dict[Mode, list[Channel]]
    people: dict[str, _Contact] = Field(default_factory=dict)
    groups: dict[str, _Contact] = Field(default_factory=dict)
    roles: dict[str, str | _Seat | None]
    schedules: dict[str, ScheduleShape] = Field(default_factory=dict)
    absences: list[AbsenceShape] = Field(default_factory=list)
    absence_calendars: list[str] = Field(default_factory=list)
    channels: dict[str, _Room] = Field(default_factory=dict)
    receipts: _Receipts | None = None
    account_managers: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Calendars:
    """Where the calendars come from that a roster names.

    Attributes:
        now: The instant round which their repetitions are worked out.
        folder: Where files are that are named without one; None where no file may be read.
        fetched: What was found at addresses; one that is not there is a calendar without events.
    """

    now: datetime
    folder: Path | None = None
    fetched: Mapping[str, str] = field(default_factory=dict)

    def text(self, source: str) -> str | None:
        """Return the calendar *source*; None when its address has not been fetched.

        Raises:
            CalendarError: There is no such file.
        """
        if is_address(source):
            return self.fetched.get(source)
        try:
            if self.folder is None:
                raise CalendarError("no file may be read here")
            return (self.folder / source).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            msg = f"cannot be read: {why_unreadable(error)}"
            raise CalendarError(msg) from error


def is_address(source: str) -> bool:
    """Say whether the calendar *source* is an address or a reference to one, and no file of ours."""
    return source.startswith(("https://", "http://")) or is_reference(source)


def load_roster_file(
    path: Path, *, now: datetime | None = None, fetched: Mapping[str, str] | None = None
) -> Roster:
    """Read the roster at *path*, and the calendars beside it that it names.

    Args:
        path: The file.
        now: The instant round which the repetitions of calendars are worked out; the present.
        fetched: The calendars that it names by an address.

    Raises:
        RosterError: If it cannot be read or used; it names every line that is wrong.
    """
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = f"cannot be read: {why_unreadable(error)}"
        raise RosterError(str(path), (Finding(0, "", why),)) from error
    calendars = Calendars(now or real_now(), path.parent, fetched or {})
    return load_roster(text, name=str(path), calendars=calendars)


def load_roster(text: str, *, name: str = "roster", calendars: Calendars | None = None) -> Roster:
    """Return the roster written in *text*; *name* is how errors call it.

    Raises:
        RosterError: If the text is no roster, names what it does not define, or holds a secret.
    """
    tree = _parsed(text, name)
    planted = (*_secrets(tree, ()), *_bare_times(tree, (), tree))
    if planted:
        raise RosterError(name, planted)
    try:
        document = _Document.model_validate(_bare(tree))
    except ValidationError as error:
        findings = tuple(_finding(tree, one) for one in error.errors())
        raise RosterError(name, findings) from error
    dangling = tuple(_dangling(document, tree))
    if dangling:
        raise RosterError(name, dangling)
    roster, flaws = _roster(document, calendars or Calendars(real_now()))
    if flaws:
        listed = (Finding(_line(tree, at), ".".join(map(str, at)), what) for at, what in flaws)
        raise RosterError(name, tuple(listed))
    return roster


def _parsed(text: str, name: str) -> Mapping[str, Any]:
    if len(text.encode()) > LARGEST:
        raise RosterError(name, (Finding(0, "", f"is larger than {LARGEST} bytes"),))
    yaml = YAML(typ="rt")
    depth = 0
    try:
        for event in yaml.parse(StringIO(text)):
            depth += isinstance(event, CollectionStartEvent)
            depth -= isinstance(event, CollectionEndEvent)
            if depth > DEEPEST:
                # Far deeper, and the parser is not done in minutes.
                line = event.start_mark.line + 1
                raise RosterError(name, (Finding(line, "", "is nested too deep"),))
            if getattr(event, "anchor", None) is not None:
                line = event.start_mark.line + 1
                raise RosterError(name, (Finding(line, "", "anchors and aliases are not used"),))
        tree = yaml.load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 0
        raise RosterError(name, (Finding(line, "", str(error.problem)),)) from error
    except YAMLError as error:
        raise RosterError(name, (Finding(0, "", str(error)),)) from error
    if not isinstance(tree, Mapping):
        raise RosterError(name, (Finding(1, "", "must hold roster, modes, people, roles"),))
    return tree


def _bare(node: object) -> Any:
    """Return *node* in plain types, without the parser's own subclasses."""
    if isinstance(node, Mapping):
        return {str(key): _bare(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_bare(value) for value in node]
    if isinstance(node, bool) or node is None:
        return node
    if isinstance(node, int):
        return int(node)
    return str(node)


def _line(tree: object, path: tuple[str | int, ...]) -> int:
    """Return the line of *path* in *tree*, or of the nearest part of it that is written."""
    line = 1
    for part in path:
        if isinstance(tree, CommentedMap) and part in tree:
            line = tree.lc.key(part)[0] + 1
        elif isinstance(tree, CommentedSeq) and isinstance(part, int) and part < len(tree):
            line = tree.lc.item(part)[0] + 1
        else:
            break
        tree = tree[part]
    return line


def _finding(tree: Mapping[str, Any], error: Any) -> Finding:
    path = tuple(part for part in error["loc"] if part not in ("str", "_Seat"))
    message = str(error["msg"]).removeprefix("Value error, ")
    if (remedy := error.get("ctx", {}).get("remedy")) is not None:
        message = f"{message}. {remedy}"
    elif error["type"] == "extra_forbidden":
        message = "is no key of a roster here (Extra inputs are not permitted): look for a typo"
    if error["type"] == "string_pattern_mismatch":
        message = _PATTERNS.get(str(path[-1]), "is not written as it must be")
    return Finding(_line(tree, path), ".".join(str(part) for part in path), message)


def _secrets(node: object, path: tuple[str | int, ...], root: Any = None) -> Iterator[Finding]:
    root = node if root is None else root
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _secrets(value, (*path, key), root)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _secrets(value, (*path, index), root)
    elif isinstance(node, str) and looks_like_a_secret(node):
        key = ".".join(str(part) for part in path)
        what = "looks like a secret: keep it elsewhere and name it by env:NAME or file:PATH"
        yield Finding(_line(root, path), key, what)


def _bare_times(
    node: object, path: tuple[str | int, ...], root: Mapping[str, Any]
) -> Iterator[Finding]:
    """Find times that YAML has read by itself: it forgets which zone was written."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _bare_times(value, (*path, key), root)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _bare_times(value, (*path, index), root)
    elif isinstance(node, datetime):
        key = ".".join(str(part) for part in path)
        yield Finding(_line(root, path), key, "write a date with a time in quotes")


def _dangling(document: _Document, tree: Mapping[str, Any]) -> Iterator[Finding]:
    for key in document.people.keys() & document.groups.keys():
        yield Finding(_line(tree, ("groups", key)), f"groups.{key}", "is a person's name too")
    yield from _unknown_ways(document, tree)
    known = document.people.keys() | document.groups.keys()
    for role, given in document.roles.items():
        where = (_line(tree, ("roles", role)), f"roles.{role}")
        seat = _seat(given)
        if seat.contact is not None and seat.contact not in known:
            yield Finding(*where, f"{seat.contact!r} is neither in people nor in groups")
        if seat.schedule is not None and seat.schedule not in document.schedules:
            yield Finding(*where, f"{seat.schedule!r} is not in schedules")
        if seat.otherwise is not None and (what := _unheld(seat.otherwise, role, document)):
            yield Finding(*where, what)

    yield from _strangers(document, tree)
    yield from _unreceived(document, tree)


def _unreceived(document: _Document, tree: Mapping[str, Any]) -> Iterator[Finding]:
    """Find receipts that would go nowhere: mail goes to whoever asked, a webhook is somebody's."""
    given = document.receipts
    if given is None:
        return
    contact = {**document.people, **document.groups}.get(given.to or "")
    match given.channel:
        case "email" if given.to is not None:
            what = "mail goes to whoever asked: leave it out, or use channel webhook"
        case "webhook" if given.to is None:
            what = "goes to a helpdesk that passes it on: give `to`, who has its webhook"
        case "webhook" if contact is None:
            what = f"{given.to!r} is neither in people nor in groups"
        case "webhook" if contact is not None and contact.webhook is None:
            what = f"{given.to!r} has no webhook"
        case _:
            return
    key = "channel" if given.to is None else "to"
    yield Finding(_line(tree, ("receipts", key)), f"receipts.{key}", what)


def _strangers(document: _Document, tree: Mapping[str, Any]) -> Iterator[Finding]:
    known = document.people.keys() | document.groups.keys()
    for path, person in _named(document):
        if person not in known:
            key = ".".join(str(part) for part in path)
            yield Finding(_line(tree, path), key, f"{person!r} is neither in people nor in groups")
    for name, room in document.channels.items():
        for index, role in enumerate(room.post):
            if role not in document.roles:
                where = ("channels", name, "post", index)
                key = ".".join(str(part) for part in where)
                yield Finding(_line(tree, where), key, f"roles does not list {role!r}")
        yield from _misplaced(document, tree, name)
    for group, given_group in document.groups.items():
        for index, member in enumerate(given_group.members):
            if member not in document.people:
                path = ("groups", group, "members", index)
                key = f"groups.{group}.members.{index}"
                yield Finding(_line(tree, path), key, f"{member!r} is not in people")


def _misplaced(document: _Document, tree: Mapping[str, Any], name: str) -> Iterator[Finding]:
    """Find what would be posted to nobody, or of restricted cases to everybody."""
    room = document.channels[name]
    if room.to is None:
        if room.hears is not None:
            where = ("channels", name, "hears")
            what = "is said, but not to which group it is posted: give `to`"
            yield Finding(_line(tree, where), f"channels.{name}.hears", what)
        return
    where = ("channels", name, "to")
    group = document.groups.get(room.to)
    if group is None:
        what = f"{room.to!r} is not in groups: a channel is read by several people"
        yield Finding(_line(tree, where), f"channels.{name}.to", what)
    elif RESTRICTED in _room(name, room).hears and not group.restricted:
        what = f"hears of restricted cases, which the group {room.to!r} may not read: say"
        what += " `restricted: true` there if all who read it may"
        yield Finding(_line(tree, where), f"channels.{name}.to", what)


def _named(document: _Document) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Give everybody who is named outside of roles, with the place."""
    for customer, person in document.account_managers.items():
        yield ("account_managers", customer), person
    for name, schedule in document.schedules.items():
        for path, person in schedule.named():
            yield ("schedules", name, *path), person
    for index, absence in enumerate(document.absences):
        yield ("absences", index, "who"), absence.who
        if absence.substitute is not None:
            yield ("absences", index, "substitute"), absence.substitute
    for name, room in document.channels.items():
        for index, member in enumerate(room.members or ()):
            yield ("channels", name, "members", index), member


def _unknown_ways(document: _Document, tree: Mapping[str, Any]) -> Iterator[Finding]:
    contacts = (*document.people.values(), *document.groups.values())
    known = {*CHANNELS, *(name for one in contacts for name in one.ways)}
    for mode, channels in document.modes.items():
        for index, channel in enumerate(channels):
            if channel not in known:
                line = _line(tree, ("modes", mode, index))
                what = f"{channel!r} is no channel, and nobody has it under ways"
                yield Finding(line, f"modes.{mode}.{index}", what)


def _unheld(otherwise: str, role: str, document: _Document) -> str | None:
    """Return what is wrong with falling back from *role* to *otherwise*, if anything."""
    for tier in (1, 2, 3):
        fallback = otherwise.replace("{tier}", str(tier))
        if fallback not in document.roles:
            return f"falls back to the role {fallback!r}, which roles does not list"
        # One step of falling back is all there is, so that no two roles chase each other.
        if fallback == role or _seat(document.roles[fallback]).otherwise is not None:
            return f"falls back to {fallback!r}, which itself falls back"
    return None


def _seat(given: str | _Seat | None) -> Seat:
    if given is None:
        return Seat()
    if isinstance(given, str):
        return Seat(contact=given)
    return Seat(
        contact=given.to,
        fact=given.fact,
        otherwise=given.otherwise,
        schedule=given.schedule,
    )


def _contact(key: str, given: _Contact, *, shared: bool) -> Contact:
    hook = given.webhook
    return Contact(
        key=key,
        name=given.name,
        email=given.email,
        webhook=None if hook is None else WebhookWay(url=hook.url, secret=hook.secret),
        console=given.console,
        addresses=MappingProxyType(given.addresses()),
        language=given.language,
        shared=shared,
        restricted=given.restricted,
        modes=MappingProxyType({mode: tuple(ways) for mode, ways in given.modes.items()}),
        aliases=tuple(alias.casefold() for alias in given.aliases),
        members=tuple(given.members),
    )


Place = tuple[str | int, ...]
Flaws = list[tuple[Place, str]]


def _roster(document: _Document, calendars: Calendars) -> tuple[Roster, Flaws]:
    known = {
        **{key: _contact(key, one, shared=False) for key, one in document.people.items()},
        **{key: _contact(key, one, shared=True) for key, one in document.groups.items()},
    }
    modes = {mode: tuple(ways) for mode, ways in document.modes.items()}
    flaws: Flaws = []
    roster = Roster(
        name=document.roster.name,
        version=document.roster.version,
        contacts=MappingProxyType(known),
        roles=MappingProxyType({role: _seat(given) for role, given in document.roles.items()}),
        modes=MappingProxyType({mode: modes.get(mode, CHANNELS) for mode in modes}),
        duties=_duties(document, tuple(known.values()), calendars, flaws),
        zone=document.roster.zone,
        rooms=MappingProxyType({name: _room(name, one) for name, one in document.channels.items()}),
        calendars=tuple(dict.fromkeys(source for _, source, _ in _sources(document))),
        receipts=_receipts(document.receipts),
        account_managers=MappingProxyType(document.account_managers),
    )
    return roster, flaws


def _receipts(given: _Receipts | None) -> Receipts | None:
    return None if given is None else Receipts(given.channel, given.to, given.language)


def _room(name: str, given: _Room) -> Room:
    members = None if given.members is None else tuple(given.members)
    hears = hears_by_default(name) if given.hears is None else tuple(given.hears)
    return Room(given.chat, given.email, tuple(given.post), members, given.to, hears)


def _sources(document: _Document) -> Iterator[tuple[Place, str, ZoneInfo]]:
    """Give every calendar that is named: where, what, and in which zone its days are read."""
    zone = document.roster.zone
    for name, schedule in document.schedules.items():
        for number, layer in enumerate(schedule.layers):
            if layer.calendar is not None:
                where = ("schedules", name, "layers", number, "calendar")
                yield where, layer.calendar, layer.zone or schedule.zone or zone
    for index, source in enumerate(document.absence_calendars):
        yield ("absence_calendars", index), source, zone


def _duties(
    document: _Document, contacts: tuple[Contact, ...], calendars: Calendars, flaws: Flaws
) -> Duties:
    zone = document.roster.zone
    booked: dict[str, dict[int, Booked]] = {}
    away = [one.absence(zone) for one in document.absences]
    for place, source, read_in in _sources(document):
        try:
            text = calendars.text(source)
            found = () if text is None else entries(text, read_in, calendars.now)
        except CalendarError as error:
            flaws.append((place, f"the calendar {source} {error}"))
            continue
        named = [(one.person(contacts), one) for one in found]
        if place[0] == "absence_calendars":
            # A calendar of absences is often one of a whole company: others in it are no mistake.
            away += [Absence(person, one.span) for person, one in named if person is not None]
            continue
        strangers = {one.summary: one for person, one in reversed(named) if person is None}
        flaws += [(place, _stranger(source, one)) for one in strangers.values()]
        shifts = tuple((person, one.span) for person, one in named if person is not None)
        booked.setdefault(str(place[1]), {})[int(place[3])] = Booked(shifts)
    schedules = {
        name: one.schedule(name, zone, booked.get(name, {}))
        for name, one in document.schedules.items()
    }
    return Duties(schedules=MappingProxyType(schedules), absences=tuple(away))


def _stranger(source: str, one: Entry) -> str:
    return (
        f"the calendar {source} books {one.summary!r} on {one.span.start:%Y-%m-%d}, who is neither"
        " in people nor in groups: give the event the name of somebody who is, or give them an alias"
    )
