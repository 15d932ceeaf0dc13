"""Gates in Postgres: rates and circuit breakers, shared by all instances."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.core.flow import Gate
from services.notifier.tables import gate

SAVE_GATES: Final = """
    UPDATE gate SET tokens = changed.tokens, refilled_at = changed.refilled_at,
        failures = changed.failures, open_until = changed.open_until, pause = changed.pause,
        gone = changed.gone
    FROM unnest(
        CAST(:names AS text[]), CAST(:tokens AS float8[]), CAST(:refilled_at AS timestamptz[]),
        CAST(:failures AS int[]), CAST(:open_until AS timestamptz[]), CAST(:pause AS interval[]),
        CAST(:gone AS boolean[])
    ) AS changed (name, tokens, refilled_at, failures, open_until, pause, gone)
    WHERE gate.gate = changed.name
"""
"""Keeps gates as `gates_given` gives them; alone, or as part of a larger statement."""

_SAVE: Final = text(SAVE_GATES)


async def lock_gates(conn: AsyncConnection, names: Iterable[str]) -> dict[str, Gate]:
    """Return the gates called *names*, locked in the order of their names."""
    found = await conn.execute(
        select(gate).where(gate.c.gate.in_(sorted(names))).order_by(gate.c.gate).with_for_update()
    )
    return {row["gate"]: gate_from(row) for row in found.mappings()}


async def save_gates(conn: AsyncConnection, gates: Sequence[Gate]) -> None:
    """Keep *gates* as they are now."""
    if gates:
        await conn.execute(_SAVE, gates_given(gates))


def gates_given(gates: Sequence[Gate]) -> dict[str, list[Any]]:
    """Return *gates* as the parameters of `SAVE_GATES`."""
    return {
        "names": [one.name for one in gates],
        "tokens": [one.tokens for one in gates],
        "refilled_at": [one.refilled_at for one in gates],
        "failures": [one.failures for one in gates],
        "open_until": [one.open_until for one in gates],
        "pause": [one.pause for one in gates],
        "gone": [one.gone for one in gates],
    }


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
