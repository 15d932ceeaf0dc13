"""The ways out as the settings have them, and the roster held against them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from pydantic import SecretStr

from services.notifier.calendar_fetching import fetch
from services.notifier.channels.base import Channel
from services.notifier.channels.console import Console, DryRun
from services.notifier.channels.egress import Egress
from services.notifier.channels.email import Email, Relay
from services.notifier.channels.intake import Intake
from services.notifier.channels.longtail import LongTail
from services.notifier.channels.phone import Phone, PhoneFile, Provider, Twilio
from services.notifier.channels.receipt import Receipt
from services.notifier.channels.sandbox import Sandbox
from services.notifier.channels.slack import Cards, Slack
from services.notifier.channels.slack_api import SlackApi
from services.notifier.channels.teams import Teams
from services.notifier.channels.webhook import Webhook, check_secret
from services.notifier.core.plan import INTAKE, RECEIPT, ROOM
from services.notifier.core.roster import CHANNELS, Roster
from services.notifier.core.wording import Terms
from services.notifier.known_calendars import KeptCalendars, KnownCalendars
from services.notifier.roster_file import RosterError, load_roster_file
from services.notifier.rosters import Rosters
from services.notifier.settings import Settings
from shared.runtime.clock import real_now
from shared.runtime.secret import MissingSecretError, resolve
from shared.runtime.settings import SettingsError

PLUGINS: Final = "tierline.channels"
"""The entry-point group in which other packages offer channels of their own."""

Plugin = Callable[[Mapping[str, str]], Channel]
"""What such an entry point leads to: the environment into a channel."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What channels need beside the settings.

    Attributes:
        environ: Where references to secrets lead.
        rosters: Who has which address.
        cards: Remembers Slack's messages.
        terms: What names are called.
    """

    environ: Mapping[str, str]
    rosters: Rosters
    cards: Cards
    terms: Terms


def plugins() -> dict[str, EntryPoint]:
    """Return the channels that other packages offer, by name; our own names are never theirs."""
    taken = {*CHANNELS, INTAKE, RECEIPT, ROOM}
    return {one.name: one for one in entry_points(group=PLUGINS) if one.name not in taken}


def names(settings: Settings) -> tuple[str, ...]:
    """Return the names of the ways out that these *settings* give."""
    if settings.dry_run:
        return (*CHANNELS, RECEIPT, *plugins())
    there = ["console", "webhook", "teams", "apprise", RECEIPT, *plugins()]
    there += ["email"] if settings.smtp_host is not None else []
    there += ["slack"] if settings.slack_token is not None else []
    there += [ROOM] if settings.slack_rooms else []
    there += ["sms", "voice"] if _has_telephone(settings) else []
    there += [INTAKE] if settings.intake_url is not None else []
    return tuple(there)


def channels(settings: Settings, around: Surroundings) -> dict[str, Channel]:
    """Return the ways out by name, as `names` lists them.

    Raises:
        SettingsError: A secret that a setting refers to is not there, or another package's channel
            cannot be made.
    """
    if settings.dry_run:
        return dict.fromkeys(names(settings), DryRun())
    ways: dict[str, Channel] = {"console": Console()}
    ways |= _made_out_of_house(settings, around)
    ways |= _to_addresses(settings, around)
    ways |= _to_providers(settings, around)
    ways |= _to_slack(settings, around)
    ways[RECEIPT] = Receipt(around.rosters, email=ways.get("email"), webhook=ways["webhook"])
    if settings.sandbox_file is not None:
        return {name: Sandbox(name, settings.sandbox_file) for name in ways}
    if settings.intake_url is not None:
        key = secret("intake_key", settings, around.environ)
        timeout_s = settings.send_deadline.total_seconds()
        ways[INTAKE] = Intake(settings.intake_url, key, now=real_now, timeout_s=timeout_s)
    return ways


def slack_api(settings: Settings, environ: Mapping[str, str]) -> SlackApi | None:
    """Return Slack's API as our app, None where there is none.

    Raises:
        SettingsError: The token is not where the setting says.
    """
    token = secret("slack_token", settings, environ)
    if token is None:
        return None
    timeout_s = settings.send_deadline.total_seconds()
    return SlackApi(settings.slack_url, token, now=real_now, timeout_s=timeout_s)


def roster(
    settings: Settings,
    ways: Iterable[str],
    environ: Mapping[str, str],
    fetched: Mapping[str, str],
) -> Roster:
    """Return the roster of *settings*, with only those *ways* that are there.

    *fetched* are the calendars that it names by an address, as far as they are known.

    Raises:
        SettingsError: It cannot be used, somebody in it could not be reached at all, or an
            address or a secret is not where it says.
    """
    try:
        loaded = load_roster_file(settings.roster_file, fetched=fetched).through(ways)
    except RosterError as error:
        raise SettingsError(str(error)) from None
    printed = settings.dry_run or settings.sandbox_file is not None
    flaws = [] if printed else list(_address_flaws(loaded, environ))
    flaws += [
        f"{contact.key}: none of its ways is set up"
        for contact in loaded.contacts.values()
        if not loaded.ways(contact, "page")
    ]
    if loaded.receipts is not None and loaded.receipts.channel not in loaded.channels:
        flaws.append(f"receipts: {loaded.receipts.channel} is not set up")
    if flaws:
        listed = "\n".join(f"  {flaw}" for flaw in flaws)
        msg = (
            f"{settings.variable('roster_file')}: {settings.roster_file} names people who cannot be"
            f" told:\n{listed}\n"
            "Set up what they are reached by (NOTIFIER_SMTP_HOST and NOTIFIER_MAIL_FROM for"
            " e-mail), give them another way, or set NOTIFIER_DRY_RUN=true to only look."
        )
        raise SettingsError(msg)
    return loaded


def rosters(
    settings: Settings, environ: Mapping[str, str], kept: KeptCalendars | None = None
) -> Rosters:
    """Return the roster that *settings* name, to be followed; its calendars are not fetched yet.

    *kept* has them until they are, where there is a database.

    Raises:
        SettingsError: It cannot be used.
    """
    fetching = partial(
        fetch, egress=Egress(settings.webhook_allow), secrets=partial(resolve, environ=environ)
    )
    load = partial(roster, settings, names(settings), environ)
    return Rosters.of(settings.roster_file, load, KnownCalendars(fetching, kept))


def secret(field: str, settings: Settings, environ: Mapping[str, str]) -> SecretStr | None:
    """Return the secret that *field* of *settings* holds or refers to; None if it is not set.

    Raises:
        SettingsError: The reference leads to nothing.
    """
    given: SecretStr | None = getattr(settings, field)
    if given is None:
        return None
    try:
        return resolve(given.get_secret_value(), environ)
    except MissingSecretError as error:
        msg = f"{settings.variable(field)}: {error}"
        raise SettingsError(msg) from None


def _to_addresses(settings: Settings, around: Surroundings) -> Iterator[tuple[str, Channel]]:
    """Give the channels that call an address of the roster, each held against the same rules."""
    timeout_s = settings.send_deadline.total_seconds()
    secrets = partial(resolve, environ=around.environ)
    egress = Egress(settings.webhook_allow)
    yield "webhook", Webhook(egress, secrets=secrets, now=real_now, timeout_s=timeout_s)
    yield "teams", Teams(egress, secrets=secrets, now=real_now, timeout_s=timeout_s)
    yield "apprise", LongTail(egress, allow=settings.apprise_allow, secrets=secrets)


def _to_providers(settings: Settings, around: Surroundings) -> Iterator[tuple[str, Channel]]:
    """Give the channels of which the operator has chosen the far side."""
    timeout_s = settings.send_deadline.total_seconds()
    if settings.smtp_host is not None and settings.mail_from is not None:
        relay = Relay(
            host=settings.smtp_host,
            port=settings.smtp_port,
            security=settings.smtp_security,
            sender=settings.mail_from,
            user=settings.smtp_user,
            password=secret("smtp_password", settings, around.environ),
        )
        yield "email", Email(relay, now=real_now, timeout_s=timeout_s)
    provider = _telephone(settings, around.environ)
    if provider is not None:
        yield "sms", Phone("sms", provider)
        yield "voice", Phone("voice", provider)


def _to_slack(settings: Settings, around: Surroundings) -> Iterator[tuple[str, Channel]]:
    api = slack_api(settings, around.environ)
    if api is None:
        return
    slack = Slack(api, around.cards, around.rosters, around.terms)
    yield "slack", slack
    if settings.slack_rooms:
        yield ROOM, slack


def _made_out_of_house(settings: Settings, around: Surroundings) -> Iterator[tuple[str, Channel]]:
    for name, entry in plugins().items():
        try:
            make: Plugin = entry.load()
            yield name, _declared(make(around.environ))
        except Exception as error:
            msg = f"the channel {name} of {entry.value} cannot be made: {error}"
            raise SettingsError(msg) from error


def _declared(channel: Channel) -> Channel:
    """Return *channel* itself, which another package has made; no type was held against the port.

    Raises:
        TypeError: It does not declare what the port asks for.
    """
    if not isinstance(getattr(channel, "shows_lines", None), bool):
        raise TypeError(
            "it does not say whether it shows a letter's lines: give it `shows_lines`, True or False"
        )
    return channel


def _has_telephone(settings: Settings) -> bool:
    return settings.phone_url is not None or settings.phone_file is not None


def _telephone(settings: Settings, environ: Mapping[str, str]) -> Provider | None:
    if settings.phone_file is not None:
        return PhoneFile(settings.phone_file)
    token = secret("phone_token", settings, environ)
    if settings.phone_url is None or settings.phone_account is None or token is None:
        return None
    return Twilio(
        settings.phone_url,
        account=settings.phone_account,
        token=token,
        sender=settings.phone_from or "",
        now=real_now,
        timeout_s=settings.send_deadline.total_seconds(),
    )


def _address_flaws(roster: Roster, environ: Mapping[str, str]) -> Iterator[str]:
    for contact in roster.contacts.values():
        try:
            if contact.webhook is not None:
                resolve(contact.webhook.url, environ)
                if contact.webhook.secret is not None:
                    check_secret(resolve(contact.webhook.secret, environ))
            for channel in ("teams", "apprise"):
                if channel in contact.addresses:
                    resolve(contact.addresses[channel], environ)
        except (MissingSecretError, ValueError) as error:
            yield f"{contact.key}: {error}"
