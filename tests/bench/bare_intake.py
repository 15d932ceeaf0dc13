"""The least that takes an event over HTTP into Kafka: what intake is measured against."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

import uvloop
from aiokafka import AIOKafkaProducer
from fastapi import FastAPI, Request

from tests.bench.bare_http import serve


async def main() -> None:
    """Serve one route that publishes the body and answers 202."""
    topic = os.environ["BASELINE_TOPIC"]
    producer = AIOKafkaProducer(bootstrap_servers=os.environ["KAFKA_BOOTSTRAP_SERVERS"])
    await producer.start()
    app = FastAPI()

    @app.post("/v1/events", status_code=202)
    async def post_events(request: Request) -> Any:
        body = await request.body()
        if "batch" in request.headers["content-type"]:
            # The items have to be taken apart; each is sent as it came.
            sent = [
                await producer.send(topic, json.dumps(item).encode()) for item in json.loads(body)
            ]
            landed = await asyncio.gather(*sent)
            return [{"partition": one.partition, "offset": one.offset} for one in landed]
        metadata = await producer.send_and_wait(topic, body)
        return {"partition": metadata.partition, "offset": metadata.offset}

    await serve(app)
    await producer.stop()


if __name__ == "__main__":
    uvloop.run(main())
