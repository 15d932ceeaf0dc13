"""One PostgreSQL schema, and transactions in it that are never left half done.

A task that is cancelled inside a transaction must not leave its connection in an unknown state:
beginning and ending are shielded, and a connection whose statement was interrupted is thrown away,
which makes the server roll back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Final, Self, TypeVar, cast

import asyncpg
import structlog
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection as Connection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.contract.errors import Reason, TransientError
from shared.runtime.clock import Clock, backoff_s
from shared.runtime.telemetry import DATABASE_FAILURES

__all__ = ["Connection", "Database", "DatabaseUnavailableError", "open_database", "retrying"]

T = TypeVar("T")
log = structlog.get_logger()

_ROLLBACK_S: Final = 5.0
_CONNECT_S: Final = 5.0
# SQLSTATE classes and codes after which the same transaction may well succeed.
_PASSING_CLASSES: Final = ("08", "40", "53", "57", "58")
_PASSING_CODES: Final = frozenset({"25006", "25P03", "55P03"})


class DatabaseUnavailableError(TransientError):
    """PostgreSQL is away, overloaded or gave up on us; whether a commit took place is unknown.

    Read the position of record again before anything is repeated.
    """

    reason = Reason.DATABASE_UNAVAILABLE


class Database:
    """Connections to one schema; made by `open_database`.

    Attributes:
        schema: The schema that every connection's ``search_path`` is set to.
        engine: The pool beneath, for what no transaction serves (migrations, tests).
    """

    def __init__(self, engine: AsyncEngine, schema: str) -> None:
        self.engine = engine
        self.schema = schema

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Give a connection inside a transaction: committed at the end, or as if never begun.

        Cancelled inside, the connection is thrown away and the server rolls back; cancelled while
        beginning or committing, that step is finished first.

        Raises:
            DatabaseUnavailableError: PostgreSQL was away, timed out, chose us as a deadlock's
                victim or shut down; the transaction may be tried again.
        """
        conn = await _finished(self._begin(), undo=_throw_away)
        try:
            yield conn
        except BaseException as error:
            await _finished(_undo(conn, error))
            if (lasting := unavailable(error)) is not None:
                raise lasting from error
            raise
        await _finished(_commit(conn))

    async def ready(self) -> bool:
        """Return whether the database answers now."""
        try:
            async with self.transaction() as conn:
                await conn.execute(text("SELECT 1"))
        except DatabaseUnavailableError:
            return False
        return True

    async def close(self) -> None:
        """Close all connections."""
        with suppress(SQLAlchemyError, OSError):
            await _finished(self.engine.dispose())

    async def _begin(self) -> Connection:
        conn = self.engine.connect()
        try:
            await conn.start()
            await conn.begin()
        except (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            with suppress(SQLAlchemyError, OSError):
                await conn.close()
            if (lasting := unavailable(error)) is not None:
                raise lasting from error
            raise
        return conn


def open_database(
    url: str,
    *,
    schema: str,
    clock: Clock,
    pool_size: int = 5,
    statement_timeout_s: float = 15.0,
    idle_timeout_s: float = 15.0,
) -> Database:
    """Return the database at *url*, seen through *schema*; nothing is connected yet.

    Args:
        url: ``postgresql://…`` as libpq reads it: Unix sockets by ``?host=``, ``sslmode=``.
        schema: The service's own schema.
        clock: Speed and offset for the schema's ``clock()``.
        pool_size: The most connections at a time.
        statement_timeout_s: After this many seconds the server gives up on a statement.
        idle_timeout_s: After this many seconds it gives up on a transaction that asks for nothing.
    """
    settings = connection_settings(schema, clock, statement_timeout_s, idle_timeout_s)

    async def connect() -> Any:
        return await asyncpg.connect(
            dsn=url,
            timeout=_CONNECT_S,
            command_timeout=statement_timeout_s + _CONNECT_S,
            server_settings=settings,
        )

    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        pool_use_lifo=True,
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    return Database(engine, schema)


def connection_settings(
    schema: str, clock: Clock, statement_timeout_s: float, idle_timeout_s: float
) -> dict[str, str]:
    """Return what the server is told of every connection."""
    return {
        "application_name": f"tierline/{schema}",
        "search_path": schema,
        "timezone": "UTC",
        "jit": "off",
        "statement_timeout": f"{round(statement_timeout_s * 1000)}ms",
        "lock_timeout": "5s",
        "idle_in_transaction_session_timeout": f"{round(idle_timeout_s * 1000)}ms",
        "tierline.clock_speed": repr(clock.speed),
        "tierline.clock_offset_s": repr(clock.offset_s),
    }


async def retrying(
    work: Callable[[], Awaitable[T]], *, stop: asyncio.Event, what: str, cap_s: float = 5.0
) -> T:
    """Return what *work* returns, tried again with jittered pauses while things are away.

    Args:
        work: What to do; it must be safe to do twice.
        stop: Once set, nothing is tried again.
        what: A few words for the log: ``"publish the outbox"``.
        cap_s: The longest pause, seconds.

    Raises:
        TransientError: The last failure, once *stop* is set. Other errors at once.
    """
    attempt = 0
    while True:
        try:
            return await work()
        except TransientError as error:
            if stop.is_set():
                raise
            attempt += 1
            pause = backoff_s(attempt, cap_s=cap_s)
            log.warning("trying again", what=what, why=error.reason, error=str(error), in_s=pause)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await stop.wait()


def unavailable(error: BaseException) -> DatabaseUnavailableError | None:
    """Return *error* as what it means for us; None where trying again would not help."""
    if isinstance(error, PoolTimeoutError | OSError | TimeoutError):
        passing = True
    elif isinstance(error, DBAPIError):
        code = str(getattr(error.orig, "sqlstate", None) or "")
        passing = (
            error.connection_invalidated
            or isinstance(error, InterfaceError)
            or _cut_in_two(error)
            or _passes(code)
        )
    elif isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError):
        code = str(getattr(error, "sqlstate", None) or "")
        passing = isinstance(error, asyncpg.InterfaceError) or _passes(code)
    else:
        return None
    if not passing:
        return None
    DATABASE_FAILURES.labels(type(error).__name__).inc()
    first_line = (str(error).splitlines() or [""])[0]
    return DatabaseUnavailableError(first_line or type(error).__name__)


def _refuse_closed(conn: Any, *_: object) -> None:
    """Have the pool open another connection in place of one that the server has closed meanwhile.

    The driver hears of that by itself; to ask the server would be three more round trips for each
    transaction, where most have five.
    """
    if conn.driver_connection.is_closed():
        raise DisconnectionError


def _cut_in_two(error: DBAPIError) -> bool:
    """Whether the server went away in mid-answer, which leaves the client's protocol in between."""
    return error.orig is not None and isinstance(error.orig.__cause__, asyncpg.InternalClientError)


def _passes(sqlstate: str) -> bool:
    return sqlstate[:2] in _PASSING_CLASSES or sqlstate in _PASSING_CODES


async def _commit(conn: Connection) -> None:
    try:
        await conn.commit()
    except BaseException as error:
        await _throw_away(conn)
        if (lasting := unavailable(error)) is not None:
            raise lasting from error
        raise
    await conn.close()


async def _undo(conn: Connection, error: BaseException) -> None:
    # A cancellation or a time limit may have cut a statement in two.
    if isinstance(error, Exception) and not isinstance(error, TimeoutError):
        try:
            async with asyncio.timeout(_ROLLBACK_S):
                await conn.rollback()
        except (SQLAlchemyError, asyncpg.InterfaceError, OSError, TimeoutError):
            await _throw_away(conn)
        else:
            await conn.close()
        return
    await _throw_away(conn)


async def _throw_away(conn: Connection) -> None:
    with suppress(SQLAlchemyError, asyncpg.InterfaceError, OSError):
        raw = await conn.get_raw_connection()
        cast("asyncpg.Connection[Any]", raw.driver_connection).terminate()
    with suppress(SQLAlchemyError, asyncpg.InterfaceError, OSError):
        await conn.invalidate()
    with suppress(SQLAlchemyError, asyncpg.InterfaceError, OSError):
        await conn.close()


async def _finished(
    step: Coroutine[Any, Any, T], *, undo: Callable[[T], Awaitable[None]] | None = None
) -> T:
    """Run *step* to its end whoever cancels meanwhile; then let the cancellation go on.

    Args:
        step: What must not be cut in two.
        undo: What to do with its result if the caller is gone by then.
    """
    task = asyncio.create_task(step)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is None:
        return task.result()
    if task.exception() is None and undo is not None:
        await _finished(cast("Coroutine[Any, Any, None]", undo(task.result())))
    raise cancelled
