"""Talks to Tierline: sends events and acts so that they count once, and reads what became of them.

    async with Client("http://localhost:8081", key="tl_…", tracker="http://localhost:8084") as tierline:
        await tierline.send({"type": "ticket.opened", "source": "desk", "subject": "INC7", "data": {…}})
        act = await tierline.act("desk:INC7", "escalation.acknowledged", by="tess", role="t2_specialist")
        fate = await tierline.fate(act)

What the tracker answers is typed in `tierline.client.replies`. `BlockingClient` is the same for programs without an event loop.
"""

from tierline.client.answers import ActReceipt, Fate, Receipt, Refusal
from tierline.client.blocking import BlockingClient
from tierline.client.client import Client
from tierline.client.errors import (
    AnswerError,
    ClientError,
    GaveUpError,
    Problem,
    RefusedError,
)
from tierline.client.listening import Told

__all__ = [
    "ActReceipt",
    "AnswerError",
    "BlockingClient",
    "Client",
    "ClientError",
    "Fate",
    "GaveUpError",
    "Problem",
    "Receipt",
    "Refusal",
    "RefusedError",
    "Told",
]
