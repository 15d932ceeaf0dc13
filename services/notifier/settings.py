"""The notifier's settings, each read from ``NOTIFIER_<NAME>``."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from annotated_types import Gt
from pydantic import BeforeValidator, Field, SecretStr, model_validator

import deploy
from services.notifier.channels.egress import Allowance, parse_allowance
from services.notifier.core.flow import Rate
from shared.runtime.settings import DatabaseSettings

DEFAULT_ROSTER: Final = Path(deploy.__file__).parent / "roster" / "default.yaml"
"""The roster that ships with Tierline: every role of the default policy, at example.org."""


def _split(text: Any) -> Any:
    if isinstance(text, str):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text


def _allowances(text: Any) -> Any:
    return tuple(parse_allowance(part) for part in _split(text))


Positive = Annotated[timedelta, Gt(timedelta(0))]
Names = Annotated[
    tuple[Literal["webhook", "voice", "sms", "email", "slack", "teams", "apprise"], ...],
    BeforeValidator(_split),
]
Kinds = Annotated[
    tuple[Annotated[str, Field(pattern="^[a-z][a-z0-9]*$")], ...], BeforeValidator(_split)
]
Allowances = Annotated[tuple[Allowance, ...], BeforeValidator(_allowances)]


class Settings(DatabaseSettings):
    """What the notifier is told.

    Every secret (``smtp_password``, ``slack_token``, ``calendar_secret``, …) may be a reference (``env:NAME``,
    ``file:PATH``), so that a secret can stay in a file.
    """

    prefix = "NOTIFIER_"

    http_port: int = Field(
        default=8083, ge=0, le=65535, description="The port; 0 takes a free one."
    )
    group: str = Field(
        default="notifier",
        pattern=r"^[A-Za-z0-9._-]{1,60}$",
        description="The Kafka consumer group; another one for a dry run beside the real thing.",
    )
    roster_file: Path = Field(default=DEFAULT_ROSTER, description="Who stands behind each role.")
    calendar_secret: SecretStr | None = Field(
        default=None,
        description=(
            "What the addresses of calendar feeds are made from: a long text drawn at random;"
            " none: no feeds."
        ),
    )
    public_url: str | None = Field(
        default=None,
        pattern="^https?://",
        description="Where people reach the tracker's board; notices link to it.",
    )
    smtp_host: str | None = Field(default=None, description="The mail relay; none: no e-mail.")
    smtp_port: int = Field(default=587, ge=1, le=65535, description="Its port.")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="How the relay is spoken to; none only where nobody listens.",
    )
    smtp_user: str | None = Field(default=None, description="Who we are to the relay.")
    smtp_password: SecretStr | None = Field(default=None, description="And the proof of it.")
    mail_from: str | None = Field(
        default=None,
        pattern=r"^[^@\s<>]+@[^@\s<>]+$",
        description="The sender's address; its domain also makes the Message-IDs.",
    )
    slack_token: SecretStr | None = Field(
        default=None, description="The Slack app's bot token (xoxb-…); none: no Slack."
    )
    slack_signing_secret: SecretStr | None = Field(
        default=None, description="By which Slack's own requests are known; none: no buttons."
    )
    slack_url: str = Field(
        default="https://slack.com/api", pattern="^https?://", description="Slack's Web API."
    )
    slack_rooms: bool = Field(
        default=False,
        description="Whether each P1 and each ticket in tier 3 gets a channel of its own.",
    )
    slack_per_s: float = Field(
        default=1, gt=0, description="Messages a second to one Slack channel; three at once."
    )
    phone_url: str | None = Field(
        default=None,
        pattern="^https?://",
        description="A telephone provider's API, such as https://api.twilio.com/2010-04-01.",
    )
    phone_account: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Our account there."
    )
    phone_token: SecretStr | None = Field(default=None, description="And the proof of it.")
    phone_from: str | None = Field(
        default=None, pattern=r"^\+[1-9][0-9]{6,14}$", description="The number that we call from."
    )
    phone_file: Path | None = Field(
        default=None,
        description="A file that texts and calls are written to, where there is no provider.",
    )
    phone_per_s: float = Field(
        default=1, gt=0, description="Texts, and calls, a second to the telephone provider."
    )
    apprise_allow: Kinds = Field(
        default=("discord", "tgram", "gchat", "mmosts", "rockets", "pover", "zulip", "wxteams"),
        description="Kinds of addresses that apprise may be given, comma-separated.",
    )
    sandbox_file: Path | None = Field(
        default=None,
        description="Instead of leaving, every notice is written to this file, a line each.",
    )
    answer_url: str | None = Field(
        default=None,
        pattern="^https?://",
        description="Where people reach this service; with a key, letters hold links to answer by.",
    )
    answer_key: SecretStr | None = Field(
        default=None, description="Signs answer links; 32 bytes or more."
    )
    answer_for: Positive = Field(
        default=timedelta(days=3), description="How long an answer link can be used, such as P3D."
    )
    language: str = Field(
        default="en",
        pattern="^[a-z]{2,3}$",
        description="The language of notices to whoever has none in the roster.",
    )
    words_dir: Path | None = Field(
        default=None, description="Your own letters, a folder for each language; they win."
    )
    webhook_allow: Allowances = Field(
        default=(),
        description=(
            "Closed or private addresses that webhooks may lead to, comma-separated:"
            " 10.1.0.0/16:8443, and http://127.0.0.1/32 for one without TLS."
        ),
    )
    intake_url: str | None = Field(
        default=None,
        pattern="^https?://",
        description="Where intake is; it is told of roles that nobody could be reached for.",
    )
    intake_key: SecretStr | None = Field(default=None, description="Our API key at intake.")
    escalator_url: str | None = Field(
        default=None,
        pattern="^https?://",
        description="Where the escalator is; it is asked where a ticket stands after a gap.",
    )
    mend_every: Positive = Field(
        default=timedelta(seconds=5),
        description="How often gaps are looked for; one seen twice is mended. Such as PT5S.",
    )
    operator_key: SecretStr | None = Field(
        default=None, description="What operators show to replay or discard dead letters."
    )
    dry_run: bool = Field(
        default=False,
        description="Whether notices are only printed; nothing leaves, intake is not told either.",
    )
    max_in_flight: int = Field(
        default=128,
        gt=0,
        le=1000,
        description="Messages that one process sends at a time; far sides that hang hold theirs.",
    )
    at_once: int = Field(
        default=4, gt=0, le=1000, description="Messages on their way to one far side at a time."
    )
    mail_per_s: float = Field(default=5, gt=0, description="Messages a second to the mail relay.")
    receipts_per_s: float = Field(
        default=10,
        gt=0,
        description="Receipts a second to whoever asked, beside everything else that is sent.",
    )
    webhook_per_s: float = Field(default=10, gt=0, description="Messages a second to one webhook.")
    person_burst: int = Field(
        default=5,
        gt=0,
        description="Messages that one person gets at once on one channel before they are paced.",
    )
    person_every: Positive = Field(
        default=timedelta(seconds=15),
        description="Then one message each so often, with everything that waits, such as PT15S.",
    )
    send_deadline: Positive = Field(
        default=timedelta(seconds=10), description="After so long a send has failed, such as PT10S."
    )
    hold_unclear: Names = Field(
        default=(),
        description=(
            "Channels (webhook, email, slack, …) on which a message of unknown fate becomes a dead letter"
            " instead of a possible repeat, comma-separated."
        ),
    )

    @property
    def lease(self) -> timedelta:
        """How long a process may take over one delivery before others take it for dead."""
        return 4 * self.send_deadline

    @property
    def rates(self) -> dict[str, Rate]:
        """How much goes through a gate, by its kind."""
        return {
            "email": _rate(self.mail_per_s),
            "webhook": _rate(self.webhook_per_s),
            "slack": Rate(self.slack_per_s, max(1, round(3 * self.slack_per_s))),
            "room": Rate(self.slack_per_s, max(1, round(3 * self.slack_per_s))),
            "sms": _rate(self.phone_per_s),
            "voice": _rate(self.phone_per_s),
            "console": _rate(1000),
            "intake": _rate(50),
            "receipt": _rate(self.receipts_per_s),
            "other": _rate(1),
            # A call for a P1 waits two seconds at most, however much else there is.
            "now": Rate(0.5, self.person_burst),
            "to": Rate(1 / self.person_every.total_seconds(), self.person_burst),
        }

    @property
    def operators_are_local(self) -> bool:
        """Whether whoever can connect is taken for an operator: on loopback, without a key."""
        return self.operator_key is None and _is_loopback(self.http_host)

    @model_validator(mode="after")
    def _mail_is_whole(self) -> Settings:
        if self.smtp_host is not None and self.mail_from is None:
            raise ValueError(
                "NOTIFIER_SMTP_HOST is set, but not in whose name mail goes out: set"
                " NOTIFIER_MAIL_FROM, such as tierline@example.org"
            )
        if (self.smtp_user is None) != (self.smtp_password is None):
            raise ValueError("set both NOTIFIER_SMTP_USER and NOTIFIER_SMTP_PASSWORD, or neither")
        if self.smtp_user is not None and self.smtp_security == "none":
            raise ValueError(
                "NOTIFIER_SMTP_PASSWORD would cross the network in the clear: set"
                " NOTIFIER_SMTP_SECURITY to starttls or tls"
            )
        return self

    @model_validator(mode="after")
    def _telephone_is_whole(self) -> Settings:
        asked = (self.phone_url, self.phone_account, self.phone_token, self.phone_from)
        if any(one is not None for one in asked) and None in asked:
            raise ValueError(
                "set all of NOTIFIER_PHONE_URL, …_ACCOUNT, …_TOKEN and …_FROM, or none of them"
            )
        if self.phone_url is not None and self.phone_file is not None:
            raise ValueError("set NOTIFIER_PHONE_URL or NOTIFIER_PHONE_FILE, not both")
        return self

    @model_validator(mode="after")
    def _answers_are_whole(self) -> Settings:
        if (self.answer_url is None) != (self.answer_key is None):
            raise ValueError("set both NOTIFIER_ANSWER_URL and NOTIFIER_ANSWER_KEY, or neither")
        if self.slack_signing_secret is not None and self.slack_token is None:
            raise ValueError(
                "NOTIFIER_SLACK_SIGNING_SECRET is set, but not who we are to Slack: set"
                " NOTIFIER_SLACK_TOKEN, the bot token of the same app"
            )
        if self.slack_rooms and self.slack_token is None:
            raise ValueError("NOTIFIER_SLACK_ROOMS needs NOTIFIER_SLACK_TOKEN")
        return self

    @model_validator(mode="after")
    def _drains_in_time(self) -> Settings:
        if self.send_deadline > timedelta(seconds=15):
            raise ValueError("NOTIFIER_SEND_DEADLINE: at most PT15S, so that a stop is not cut off")
        return self


def _rate(per_s: float) -> Rate:
    return Rate(per_s=per_s, burst=max(1, round(per_s)))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
