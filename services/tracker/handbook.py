"""The handbook beside the board: the folder that `tierline handbook build` wrote, as it is."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Annotated, Final

from fastapi import APIRouter, HTTPException, Path
from fastapi.responses import FileResponse, RedirectResponse

_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self';"
    " connect-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    # A folder that is built anew shows at once.
    "cache-control": "no-cache",
}
_NAME: Final = r"^[a-z0-9][a-z0-9-]{0,63}\.(html|css|js|json)$"


def handbook(folder: FilePath | None) -> APIRouter:
    """Return the routes of the handbook in *folder*; None where it is not served here."""
    router = APIRouter(include_in_schema=False)
    if folder is None:
        return router

    @router.get("/handbook")
    @router.get("/handbook/")
    async def first() -> RedirectResponse:
        return RedirectResponse("/handbook/index.html")

    @router.get("/handbook/{name}")
    async def page(name: Annotated[str, Path(pattern=_NAME)]) -> FileResponse:
        file = folder / name
        if not file.is_file():
            raise HTTPException(404, "The handbook has no such page.")
        return FileResponse(file, headers=_HEADERS)

    return router
