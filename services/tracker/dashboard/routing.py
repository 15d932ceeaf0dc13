"""How a page is asked for: by a browser, which sends empty fields and wants a page in any case."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from typing_extensions import override

from services.tracker.dashboard.site import Site
from shared.runtime.problems import Problem, invalid


def page_route(site: Site) -> type[APIRoute]:
    """Return the class of routes whose errors are pages of *site*, too."""

    class PageRoute(APIRoute):
        """A route of a page."""

        @override
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def handled(request: Request) -> Response:
                try:
                    return await handle(_filled_in(request))
                except RequestValidationError as error:
                    return await _refused(site, request.url.path, invalid(error))

            return handled

    return PageRoute


def _filled_in(request: Request) -> Request:
    """Return *request* without the fields of its form that were left empty: they ask for nothing."""
    given = [(name, text) for name, text in request.query_params.multi_items() if text.strip()]
    return Request({**request.scope, "query_string": urlencode(given).encode()}, request.receive)


async def _refused(site: Site, here: str, problem: Problem) -> Response:
    async def answer() -> tuple[dict[str, Any], None]:
        raise Problem(
            status=problem.status,
            code=problem.code,
            title="This page cannot answer that",
            detail=problem.detail,
            do="Correct the address or the form, and ask again.",
        )

    return await site.page("problem.html", answer, here=here)
