"""What Kafka clients are built with."""

import ssl

import pytest
from pydantic import SecretStr

from shared.runtime.kafka import Publisher
from shared.runtime.kafka.client import client_options
from shared.runtime.settings import KafkaAccess


def test_encrypted_means_that_certificate_and_host_name_are_checked() -> None:
    access = KafkaAccess(
        bootstrap_servers="kafka:9093",
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_username="intake",
        sasl_password=SecretStr("hush"),
    )
    options = client_options(access)
    context = options["ssl_context"]
    assert isinstance(context, ssl.SSLContext)
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert options["sasl_mechanism"] == "SCRAM-SHA-512"
    assert options["sasl_plain_username"] == "intake"
    assert options["sasl_plain_password"] == "hush"  # noqa: S105  given above


def test_plain_means_neither_encryption_nor_password() -> None:
    options = client_options(KafkaAccess(bootstrap_servers="kafka:9092"))
    assert options["security_protocol"] == "PLAINTEXT"
    assert not options.keys() & {"ssl_context", "sasl_mechanism", "sasl_plain_password"}


@pytest.mark.parametrize(
    ("option", "wanted"),
    [("acks", "all"), ("enable_idempotence", True), ("request_timeout_ms", 10_000)],
)
def test_publishing_is_never_less_than_safe(option: str, wanted: object) -> None:
    publisher = Publisher(KafkaAccess(bootstrap_servers="kafka:9092"), client_id="sample")
    assert publisher._options[option] == wanted
