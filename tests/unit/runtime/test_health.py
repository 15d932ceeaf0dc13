"""What every service answers over HTTP beside its own routes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import httpx2
import pytest
from fastapi import Depends, FastAPI, Query
from fastapi.responses import StreamingResponse

from shared.contract.errors import Reason, TransientError
from shared.runtime.clock import monotonic
from shared.runtime.health import Problem, serve, service_app
from shared.runtime.problems import PROBLEM_JSON
from shared.runtime.questions import only_known

Open = Annotated[bool | None, Query(alias="open")]


class AwayError(TransientError):
    reason = Reason.DATABASE_UNAVAILABLE


@pytest.fixture
def needs() -> dict[str, bool]:
    return {"kafka": True, "database": True}


@pytest.fixture
def app(needs: dict[str, bool]) -> FastAPI:
    async def ready() -> dict[str, bool]:
        return needs

    app = service_app("sample", ready=ready, max_body_bytes=1000)

    @app.get("/v1/numbers/{number}")
    async def read_number(number: int, limit: int = Query(default=1, le=10)) -> dict[str, int]:
        if number == 0:
            raise Problem(
                status=409, code="zero", title="Zero", detail="0 is none", do="Take another.",
                extra={"allowed": [1, 2]},
            )  # fmt: skip
        if number == 1:
            raise AwayError("postgresql://user:hush@db is away")
        if number == 2:
            msg = "hush"
            raise ZeroDivisionError(msg)
        return {"number": number, "limit": limit}

    @app.post("/v1/numbers")
    async def post_number(body: dict[str, int]) -> dict[str, int]:
        return body

    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://sample") as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/numbers/0", 409, "zero"),
        ("GET", "/v1/numbers/1", 503, "database_unavailable"),
        ("GET", "/v1/numbers/2", 500, "internal_error"),
        ("GET", "/v1/numbers/x", 422, "invalid_request"),
        ("GET", "/v1/numbers/5?limit=11", 422, "invalid_request"),
        ("GET", "/v1/nothing", 404, "not_found"),
        ("DELETE", "/v1/numbers", 405, "method_not_allowed"),
    ],
)
async def test_every_error_is_a_problem_that_says_what_to_do(
    client: httpx2.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == PROBLEM_JSON
    problem = answer.json()
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["type"] == f"urn:tierline:problem:{code}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["do"].endswith(".")
    assert "hush" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_what_is_invalid_is_named_by_its_path(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/v1/numbers/x?limit=11")
    assert [flaw["path"] for flaw in answer.json()["flaws"]] == ["path.number", "query.limit"]


async def test_a_parameter_that_a_route_does_not_take_is_named() -> None:
    async def ready() -> dict[str, bool]:
        return {}

    async def paged(limit: int = 1) -> int:
        return limit

    app = service_app("sample", ready=ready)

    @app.get("/v1/numbers", dependencies=[Depends(only_known)])
    async def numbers(limit: Annotated[int, Depends(paged)], is_open: Open = None) -> list[int]:
        return [limit]

    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://sample") as client:
        assert (await client.get("/v1/numbers?limit=2&open=true")).json() == [2]
        answer = await client.get("/v1/numbers?limt=2&is_open=true")
    assert answer.status_code == 422
    assert answer.json()["flaws"] == [
        {"path": "query.limt", "problem": "There is no such parameter; did you mean limit?"},
        {"path": "query.is_open", "problem": "There is no such parameter; did you mean open?"},
    ]


async def test_a_problem_may_say_more(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/v1/numbers/0")).json()["allowed"] == [1, 2]


async def test_what_is_away_may_be_asked_again(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/v1/numbers/1")
    assert 1 <= int(answer.headers["retry-after"]) <= 5


async def pieces() -> AsyncIterator[bytes]:
    for _ in range(11):
        yield b"x" * 100


async def test_a_body_beyond_the_bound_is_413(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/v1/numbers", content=b"x" * 1001)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_a_body_that_grows_beyond_the_bound_is_413(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/v1/numbers", content=pieces())
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_ready_is_what_it_needs(
    client: httpx2.AsyncClient, app: FastAPI, needs: dict[str, bool]
) -> None:
    assert (await client.get("/health/ready")).json()["status"] == "ready"
    needs["kafka"] = False
    unready = await client.get("/health/ready")
    assert (unready.status_code, unready.json()["code"]) == (503, "not_ready")
    assert "kafka" in unready.json()["detail"]
    needs["kafka"] = True
    app.state.draining = True
    assert (await client.get("/health/ready")).json()["code"] == "draining"
    assert (await client.get("/health/live")).status_code == 200


@pytest.mark.parametrize(
    "path", ["/v1/numbers/5", "/v1/numbers/0", "/v1/nothing", "/health/live", "/metrics", "/docs"]
)
async def test_head_is_answered_as_get_without_the_body(
    client: httpx2.AsyncClient, path: str
) -> None:
    whole, alone = await client.get(path), await client.head(path)
    assert (alone.status_code, alone.content) == (whole.status_code, b"")
    assert alone.headers["content-type"] == whole.headers["content-type"]


async def test_head_posts_nothing(client: httpx2.AsyncClient) -> None:
    assert (await client.head("/v1/numbers")).status_code == 405


async def test_metrics_are_for_prometheus(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "python_info" in answer.text


async def test_the_document_says_that_every_error_is_a_problem(app: FastAPI) -> None:
    @app.get("/page", responses={404: {"content": {"text/html": {}}}})
    async def page() -> dict[str, int]:
        return {}

    document = app.openapi()
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    number = document["paths"]["/v1/numbers/{number}"]["get"]["responses"]
    assert number["422"]["content"] == problem
    assert document["paths"]["/health/ready"]["get"]["responses"]["503"]["content"] == problem
    assert document["paths"]["/page"]["get"]["responses"]["404"]["content"] == {"text/html": {}}
    assert number["default"] == {"$ref": "#/components/responses/Problem"}
    assert document["components"]["responses"]["Problem"]["content"] == problem
    assert document["components"]["schemas"].keys() == {"Problem"}


async def test_the_problem_of_the_document_is_what_is_answered(
    client: httpx2.AsyncClient, app: FastAPI
) -> None:
    schema = app.openapi()["components"]["schemas"]["Problem"]
    answered = (await client.get("/v1/numbers/x")).json()
    assert set(schema["required"]) < answered.keys() <= schema["properties"].keys()


async def test_the_documentation_may_load_its_scripts(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/docs")
    assert answer.status_code == 200
    assert "content-security-policy" not in answer.headers
    assert (await client.get("/openapi.json")).json()["info"]["title"] == "Tierline sample"


async def test_draining_answers_what_is_under_way_and_then_stops_listening() -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def ready() -> dict[str, bool]:
        return {}

    app = service_app("sample", ready=ready)

    @app.get("/slow")
    async def slow() -> dict[str, bool]:
        entered.set()
        await leave.wait()
        return {"answered": True}

    stop = asyncio.Event()
    port = await free_port()
    serving = asyncio.create_task(
        serve(app, host="127.0.0.1", port=port, stop=stop, drain_delay_s=0.05)
    )
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        await until_live(client)
        asking = asyncio.create_task(client.get("/slow"))
        await entered.wait()
        began = monotonic()
        stop.set()
        await asyncio.sleep(0.1)
        assert not serving.done()
        leave.set()
        assert (await asking).json() == {"answered": True}
        await asyncio.wait_for(serving, 10)
        assert monotonic() - began < 10
        with pytest.raises(httpx2.ConnectError):
            await client.get("/health/live")


async def test_head_ends_a_stream_that_never_ends(app: FastAPI) -> None:
    hung_up = asyncio.Event()

    async def for_ever() -> AsyncIterator[str]:
        try:
            while True:
                yield "again"
                await asyncio.sleep(0.01)
        finally:
            hung_up.set()

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(for_ever())

    stop = asyncio.Event()
    port = await free_port()
    serving = asyncio.create_task(
        serve(app, host="127.0.0.1", port=port, stop=stop, drain_delay_s=0)
    )
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        await until_live(client)
        assert (await client.head("/stream")).status_code == 200
        await asyncio.wait_for(hung_up.wait(), 10)
    stop.set()
    await asyncio.wait_for(serving, 10)


async def free_port() -> int:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = int(server.sockets[0].getsockname()[1])
    server.close()
    await server.wait_closed()
    return port


async def until_live(client: httpx2.AsyncClient) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                await client.get("/health/live")
            except httpx2.ConnectError:
                await asyncio.sleep(0.02)
            else:
                return


async def test_a_taken_port_is_an_error() -> None:
    async def ready() -> dict[str, bool]:
        return {}

    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        with pytest.raises(OSError, match="in use"):
            await serve(
                service_app("sample", ready=ready),
                host="127.0.0.1",
                port=port,
                stop=asyncio.Event(),
            )
    finally:
        server.close()
        await server.wait_closed()
