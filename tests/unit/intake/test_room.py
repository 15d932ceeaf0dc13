"""Memory is bounded by the bytes of bodies under way."""

from __future__ import annotations

import asyncio

import pytest
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from services.intake.room import Room

SCOPE = {"type": "http"}


class Reader:
    """An application that reads the body whole, and answers when it may."""

    def __init__(self) -> None:
        self.read = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body", False):
            pass
        self.read.set()
        await self.may_answer.wait()


def sent(*parts: bytes) -> Receive:
    messages: list[Message] = [
        {"type": "http.request", "body": part, "more_body": number < len(parts)}
        for number, part in enumerate(parts, 1)
    ]

    async def receive() -> Message:
        return messages.pop(0)

    return receive


async def unheard(_: Message) -> None:
    raise AssertionError


async def test_a_body_that_does_not_fit_is_refused_and_the_rest_goes_on() -> None:
    reader = Reader()
    room = Room(reader, most_bytes=10)
    first = asyncio.create_task(room(SCOPE, sent(b"1234", b"567"), unheard))
    await reader.read.wait()
    assert room.held_bytes == 7
    with pytest.raises(HTTPException) as caught:
        await room(SCOPE, sent(b"12", b"34"), unheard)
    assert caught.value.status_code == 503
    assert caught.value.headers is not None
    assert 1 <= int(caught.value.headers["retry-after"]) <= 5
    # What was refused has left nothing behind.
    assert room.held_bytes == 7
    reader.may_answer.set()
    await first
    assert room.held_bytes == 0
    await room(SCOPE, sent(b"1234567890"), unheard)


async def test_a_body_that_breaks_off_gives_its_room_back() -> None:
    async def broken_off() -> Message:
        raise ConnectionResetError

    room = Room(Reader(), most_bytes=10)
    with pytest.raises(ConnectionResetError):
        await room(SCOPE, broken_off, unheard)
    assert room.held_bytes == 0
