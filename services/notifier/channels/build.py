"""The ways out as the settings have them, and the roster held against them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from pydantic import SecretStr

from services.notifier.channels.base import Channel
from services.notifier.channels.console import Console, DryRun
from services.notifier.channels.egress import Egress
from services.notifier.channels.email import Email, Relay
from services.notifier.channels.intake import Intake
from services.notifier.channels.webhook import Webhook, check_secret
from services.notifier.core.roster import CHANNELS, Roster
from services.notifier.roster_file import RosterError, load_roster_file
from services.notifier.settings import Settings
from shared.runtime.clock import real_now
from shared.runtime.secret import MissingSecretError, resolve
from shared.runtime.settings import SettingsError


def channels(settings: Settings, environ: Mapping[str, str]) -> dict[str, Channel]:
    """Return the ways out by name; to add one, build it here and name it in the roster's shape.

    Raises:
        SettingsError: A secret that a setting refers to is not there.
    """
    if settings.dry_run:
        return dict.fromkeys(CHANNELS, DryRun())
    timeout_s = settings.send_deadline.total_seconds()
    secrets = partial(resolve, environ=environ)
    ways: dict[str, Channel] = {
        "console": Console(),
        "webhook": Webhook(
            Egress(settings.webhook_allow), secrets=secrets, now=real_now, timeout_s=timeout_s
        ),
    }
    if settings.smtp_host is not None and settings.mail_from is not None:
        relay = Relay(
            host=settings.smtp_host,
            port=settings.smtp_port,
            security=settings.smtp_security,
            sender=settings.mail_from,
            user=settings.smtp_user,
            password=secret("smtp_password", settings, environ),
        )
        ways["email"] = Email(relay, now=real_now, timeout_s=timeout_s)
    if settings.intake_url is not None:
        key = secret("intake_key", settings, environ)
        ways["intake"] = Intake(settings.intake_url, key, now=real_now, timeout_s=timeout_s)
    return ways


def roster(
    settings: Settings,
    ways: Iterable[str],
    environ: Mapping[str, str],
    fetched: Mapping[str, str],
) -> Roster:
    """Return the roster of *settings*, with only those *ways* that are there.

    *fetched* are the calendars that it names by an address, as far as they are known.

    Raises:
        SettingsError: It cannot be used, somebody in it could not be reached at all, or a
            webhook's address or secret is not where it says.
    """
    try:
        loaded = load_roster_file(settings.roster_file, fetched=fetched).through(ways)
    except RosterError as error:
        raise SettingsError(str(error)) from None
    flaws = [] if settings.dry_run else list(_webhook_flaws(loaded, environ))
    flaws += [
        f"{contact.key}: none of its ways is set up"
        for contact in loaded.contacts.values()
        if not loaded.ways(contact, "page")
    ]
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


def _webhook_flaws(roster: Roster, environ: Mapping[str, str]) -> Iterator[str]:
    for contact in roster.contacts.values():
        if contact.webhook is None:
            continue
        try:
            resolve(contact.webhook.url, environ)
            if contact.webhook.secret is not None:
                check_secret(resolve(contact.webhook.secret, environ))
        except (MissingSecretError, ValueError) as error:
            yield f"{contact.key}: {error}"
