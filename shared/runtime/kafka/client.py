"""What every Kafka client of ours is built with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Final

from aiokafka.errors import KafkaError
from aiokafka.helpers import create_ssl_context

from shared.runtime.settings import KafkaAccess

START_S: Final = 30.0
"""A client that has not started after this many seconds is given up."""

STOP_S: Final = 5.0
"""A client that has not stopped after this many seconds is abandoned."""

REQUEST_TIMEOUT_MS: Final = 10_000


def client_options(access: KafkaAccess) -> dict[str, Any]:
    """Return the arguments that every aiokafka client takes."""
    options: dict[str, Any] = {
        "bootstrap_servers": access.bootstrap_servers,
        "security_protocol": access.security_protocol,
        "request_timeout_ms": REQUEST_TIMEOUT_MS,
    }
    if access.security_protocol.endswith("SSL"):
        cafile = None if access.ssl_cafile is None else str(access.ssl_cafile)
        options["ssl_context"] = create_ssl_context(cafile=cafile)
    if access.security_protocol.startswith("SASL"):
        password = access.sasl_password
        options |= {
            "sasl_mechanism": access.sasl_mechanism,
            "sasl_plain_username": access.sasl_username,
            "sasl_plain_password": None if password is None else password.get_secret_value(),
        }
    return options


async def let_go(stopping: Awaitable[Any]) -> bool:
    """Wait for a client to stop, but not for ever; return whether it has.

    Stopping may hang while Kafka is away.
    """
    try:
        async with asyncio.timeout(STOP_S):
            await stopping
    except (KafkaError, OSError, TimeoutError, RuntimeError):
        return False
    return True
