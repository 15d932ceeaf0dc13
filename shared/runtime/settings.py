"""What every service is told by its environment, read once and refused when it means nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from shared.contract.errors import PermanentError, Reason
from shared.runtime.clock import Clock

_SHARED_NAMES: Final[Mapping[str, str]] = {
    "KAFKA_BOOTSTRAP_SERVERS": "kafka_bootstrap_servers",
    "KAFKA_SECURITY_PROTOCOL": "kafka_security_protocol",
    "KAFKA_SASL_MECHANISM": "kafka_sasl_mechanism",
    "KAFKA_SASL_USERNAME": "kafka_sasl_username",
    "KAFKA_SASL_PASSWORD": "kafka_sasl_password",
    "KAFKA_SSL_CAFILE": "kafka_ssl_cafile",
    "DATABASE_URL": "database_url",
    "TIERLINE_TOPIC_PREFIX": "topic_prefix",
    "TIERLINE_CLOCK_SPEED": "clock_speed",
    "TIERLINE_CLOCK_OFFSET_S": "clock_offset_s",
    "TIERLINE_LOG_FORMAT": "log_format",
    "TIERLINE_DRAIN_DELAY_S": "drain_delay_s",
}


class SettingsError(PermanentError):
    """The environment asks for something that cannot be; the message names each variable."""

    reason = Reason.SETTINGS_INVALID


class KafkaAccess(BaseModel):
    """How to reach Kafka.

    Attributes:
        bootstrap_servers: ``host:port``, comma-separated.
        security_protocol: ``PLAINTEXT``, ``SSL``, ``SASL_PLAINTEXT`` or ``SASL_SSL``; with SSL
            the broker's certificate and host name are always checked.
        sasl_mechanism: ``PLAIN``, ``SCRAM-SHA-256`` or ``SCRAM-SHA-512``, for the SASL protocols.
        sasl_username: Who we are, for the SASL protocols.
        sasl_password: And the proof of it; never printed.
        ssl_cafile: Whom to trust; the system's authorities when None.
    """

    model_config = ConfigDict(frozen=True)

    bootstrap_servers: str
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_cafile: Path | None = None


class RuntimeSettings(BaseModel):
    """What all services are told; a service adds its own fields in a subclass.

    Shared names have no prefix of their own (``KAFKA_BOOTSTRAP_SERVERS``); every other field is
    read from ``<SERVICE>_<FIELD>``, where ``prefix`` is set by the subclass::

        class Settings(DatabaseSettings):
            prefix = "NOTIFIER_"
            http_port: int = 8083
            lease: timedelta = timedelta(seconds=60)   # NOTIFIER_LEASE=PT60S

    Durations are ISO 8601 (``PT30S``). An empty value counts as not given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    prefix: ClassVar[str] = ""

    kafka_bootstrap_servers: str = Field(
        description="`host:port` of Kafka, comma-separated.", examples=["kafka:9092"]
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="How Kafka is spoken to."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="PLAIN", description="How we prove who we are."
    )
    kafka_sasl_username: str | None = Field(default=None, description="Who we are to Kafka.")
    kafka_sasl_password: SecretStr | None = Field(default=None, description="And its password.")
    kafka_ssl_cafile: Path | None = Field(
        default=None, description="Authorities to trust; the system's when not given."
    )
    topic_prefix: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9._-]{0,60}$",
        description="What stands before every topic's name, so that installations can share Kafka.",
    )
    clock_speed: float = Field(
        default=1.0, gt=0, le=1_000_000, description="How fast time runs; 1 in production."
    )
    clock_offset_s: float = Field(
        default=0.0, description="Seconds added to the (sped up) time; 0 in production."
    )
    log_format: Literal["json", "text"] = Field(
        default="json", description="Lines for machines or for people."
    )
    drain_delay_s: float = Field(
        default=5.0,
        ge=0,
        le=30,
        description="Seconds between unready and no longer listening, for load balancers to see.",
    )
    http_host: str = Field(default="127.0.0.1", description="The address to listen on.")
    http_port: int = Field(default=0, ge=0, le=65535, description="The port; 0 takes a free one.")

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings from *environ*.

        Raises:
            SettingsError: A value is missing or wrong, or a name with the service's prefix means
                nothing; the message names each variable and what to do.
        """
        given: dict[str, str] = {}
        for name, text in environ.items():
            field = cls._field(name)
            if field is not None and text != "":
                given[field] = text
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise SettingsError(_explained(cls, error)) from None

    @classmethod
    def variable(cls, field: str) -> str:
        """Return the environment variable that *field* is read from."""
        for name, shared in _SHARED_NAMES.items():
            if shared == field:
                return name
        return f"{cls.prefix}{field.upper()}"

    @classmethod
    def _field(cls, name: str) -> str | None:
        """Return the field that the variable *name* fills; None if it is not ours."""
        shared = _SHARED_NAMES.get(name)
        if shared is not None:
            return shared if shared in cls.model_fields else None
        if cls.prefix and name.startswith(cls.prefix):
            return name.removeprefix(cls.prefix).lower()
        return None

    @property
    def kafka(self) -> KafkaAccess:
        """How to reach Kafka, for `Publisher`, `consume` and `topics`."""
        return KafkaAccess(
            bootstrap_servers=self.kafka_bootstrap_servers,
            security_protocol=self.kafka_security_protocol,
            sasl_mechanism=self.kafka_sasl_mechanism,
            sasl_username=self.kafka_sasl_username,
            sasl_password=self.kafka_sasl_password,
            ssl_cafile=self.kafka_ssl_cafile,
        )

    @property
    def clock(self) -> Clock:
        """The clock that these settings describe."""
        return Clock(self.clock_speed, self.clock_offset_s)

    def topic(self, name: str) -> str:
        """Return the real name of the registry's topic *name*."""
        return f"{self.topic_prefix}{name}"


class DatabaseSettings(RuntimeSettings):
    """The settings of a service that owns a schema in PostgreSQL and fills it from topics."""

    database_url: SecretStr = Field(
        description="`postgresql://…`; a Unix socket's folder as `?host=`.",
        examples=["postgresql://tierline@localhost/tierline"],
    )
    share: Literal["group", "all"] = Field(
        default="group",
        description=(
            "`group`: partitions are shared out among the instances. `all`: this instance takes"
            " every partition at once, as one alone may; several remain right, only wasteful."
        ),
    )

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, url: SecretStr) -> SecretStr:
        if urlsplit(url.get_secret_value()).scheme not in {"postgresql", "postgres"}:
            raise ValueError("begin it with postgresql://")
        return url


def _explained(settings: type[RuntimeSettings], error: ValidationError) -> str:
    lines = []
    for flaw in error.errors(include_url=False, include_context=False, include_input=False):
        if not flaw["loc"]:
            lines.append(f"{_said(flaw)}.")
            continue
        field = str(flaw["loc"][0])
        lines.append(f"{settings.variable(field)}: {_remedy(settings, field, flaw)}")
    return "\n".join(lines)


def _remedy(settings: type[RuntimeSettings], field: str, flaw: Any) -> str:
    known = settings.model_fields.get(field)
    if flaw["type"] == "extra_forbidden":
        own = sorted(
            settings.variable(name)
            for name in settings.model_fields
            if settings.variable(name).startswith(settings.prefix)
        )
        return f"no such setting. Remove it, or use one of: {', '.join(own)}."
    about = f" {known.description}" if known is not None and known.description else ""
    if flaw["type"] == "missing":
        return f"it is not set.{about}"
    return f"{_said(flaw)}.{about}"


def _said(flaw: Any) -> str:
    return str(flaw["msg"]).removeprefix("Value error, ")
