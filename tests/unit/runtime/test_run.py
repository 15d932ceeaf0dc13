"""Tasks that run together end together."""

import asyncio

import pytest

from shared.runtime.progress import StaleDataError
from shared.runtime.run import TaskEndedError, stopped_within, together


async def test_all_run_until_told_to_stop() -> None:
    stop = asyncio.Event()
    both = asyncio.Barrier(3)

    async def work() -> None:
        await both.wait()
        await stop.wait()

    async def stop_both() -> None:
        await both.wait()
        stop.set()

    async with asyncio.timeout(5):
        await together(stop, work(), work(), stop_both())


async def test_the_first_error_ends_the_others() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def fail() -> None:
        raise StaleDataError("not this Kafka")

    with pytest.raises(ExceptionGroup) as caught:
        await together(asyncio.Event(), work(), fail())
    assert caught.group_contains(StaleDataError)
    assert ended.is_set()


async def test_a_task_that_returns_unasked_is_an_error() -> None:
    async def work() -> None:
        return

    with pytest.raises(ExceptionGroup) as caught:
        await together(asyncio.Event(), work())
    assert caught.group_contains(TaskEndedError, match="work ended by itself")


async def test_waiting_for_the_end_ends_with_it() -> None:
    stop = asyncio.Event()
    assert not await stopped_within(stop, 0.01)
    stop.set()
    assert await stopped_within(stop, 60)
