"""Settings are read once, typed, and refused where they mean nothing."""

from datetime import timedelta

import pytest
from pydantic import Field

from shared.runtime.settings import DatabaseSettings, RuntimeSettings, SettingsError

GIVEN = {
    "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092",
    "DATABASE_URL": "postgresql://tierline:hush@db/tierline?host=/run/pg",
}


class Settings(DatabaseSettings):
    prefix = "SAMPLE_"

    every: timedelta = Field(default=timedelta(seconds=1), description="How often.")


def test_shared_names_and_own_names_are_read() -> None:
    settings = Settings.from_env(
        GIVEN
        | {
            "TIERLINE_TOPIC_PREFIX": "test.",
            "TIERLINE_CLOCK_SPEED": "3600",
            "TIERLINE_CLOCK_OFFSET_S": "-5",
            "SAMPLE_EVERY": "PT30S",
            "SAMPLE_HTTP_PORT": "8089",
            "HOME": "/root",
            "OTHER_EVERY": "nonsense",
        }
    )
    assert settings.kafka.bootstrap_servers == "kafka:9092"
    assert settings.topic("tickets.events") == "test.tickets.events"
    assert (settings.clock.speed, settings.clock.offset_s) == (3600.0, -5.0)
    assert settings.every == timedelta(seconds=30)
    assert settings.http_port == 8089


def test_an_empty_value_is_none_at_all() -> None:
    assert Settings.from_env(GIVEN | {"SAMPLE_EVERY": ""}).every == timedelta(seconds=1)


def test_a_service_without_a_database_does_not_mind_that_there_is_one() -> None:
    assert RuntimeSettings.from_env(GIVEN).kafka_bootstrap_servers == "kafka:9092"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"DATABASE_URL": ""}, "DATABASE_URL: it is not set"),
        ({"DATABASE_URL": "mysql://x"}, "begin it with postgresql://"),
        ({"KAFKA_BOOTSTRAP_SERVERS": ""}, "KAFKA_BOOTSTRAP_SERVERS: it is not set"),
        ({"SAMPLE_EVRY": "PT1S"}, "SAMPLE_EVRY: no such setting.*SAMPLE_EVERY"),
        ({"SAMPLE_EVERY": "soon"}, "SAMPLE_EVERY: .*How often"),
        ({"SAMPLE_HTTP_PORT": "99999"}, "SAMPLE_HTTP_PORT"),
        ({"TIERLINE_CLOCK_SPEED": "0"}, "TIERLINE_CLOCK_SPEED"),
        ({"TIERLINE_TOPIC_PREFIX": "a b"}, "TIERLINE_TOPIC_PREFIX"),
        ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, "KAFKA_SECURITY_PROTOCOL"),
    ],
)
def test_what_cannot_be_is_refused_by_name(changes: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Settings.from_env(GIVEN | changes)


def test_secrets_are_never_printed() -> None:
    settings = Settings.from_env(
        GIVEN | {"KAFKA_SASL_PASSWORD": "hush", "KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}
    )
    assert "hush" not in f"{settings!r} {settings} {settings.kafka!r} {settings.model_dump_json()}"


def test_a_refused_secret_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(GIVEN | {"DATABASE_URL": "mysql://root:hush@db/x"})
    assert "hush" not in str(caught.value)
