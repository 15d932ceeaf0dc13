"""Gates in Postgres: rates and circuit breakers, shared by all instances."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.core.flow import Gate
from services.notifier.tables import gate

_SAVE = text(
    """
    UPDATE gate SET tokens = given.tokens, refilled_at = given.refilled_at,
        failures = given.failures, open_until = given.open_until, pause = given.pause,
        gone = given.gone
    FROM unnest(
        CAST(:names AS text[]), CAST(:tokens AS float8[]), CAST(:refilled_at AS timestamptz[]),
        CAST(:failures AS int[]), CAST(:open_until AS timestamptz[]), CAST(:pause AS interval[]),
        CAST(:gone AS boolean[])
    ) AS given (name, tokens, refilled_at, failures, open_until, pause, gone)
    WHERE gate.gate = given.name
    """
)


async def lock_gates(conn: AsyncConnection, names: Iterable[str]) -> dict[str, Gate]:
    """Return the gates called *names*, locked in the order of their names."""
    found = await conn.execute(
        select(gate).where(gate.c.gate.in_(sorted(names))).order_by(gate.c.gate).with_for_update()
    )
    return {row["gate"]: gate_from(row) for row in found.mappings()}


async def save_gates(conn: AsyncConnection, gates: Iterable[Gate]) -> None:
    """Keep *gates* as they are now."""
    saved = list(gates)
    if not saved:
        return
    given = {
        "names": [one.name for one in saved],
        "tokens": [one.tokens for one in saved],
        "refilled_at": [one.refilled_at for one in saved],
        "failures": [one.failures for one in saved],
        "open_until": [one.open_until for one in saved],
        "pause": [one.pause for one in saved],
        "gone": [one.gone for one in saved],
    }
    await conn.execute(_SAVE, given)


def gate_from(row: Mapping[Any, Any]) -> Gate:
    """Return a row of ``gate`` as the core knows it."""
    return Gate(
        name=row["gate"],
        tokens=row["tokens"],
        refilled_at=row["refilled_at"],
        failures=row["failures"],
        open_until=row["open_until"],
        pause=row["pause"],
        gone=row["gone"],
    )
