"""What the pages load: own files and vendored ones, each under an address that names its content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Response

from shared.runtime.health import Problem

_FOLDER: Final = Path(__file__).parent / "assets"
_TYPES: Final[Mapping[str, str]] = {".css": "text/css", ".js": "text/javascript"}
_FOREVER: Final = {"cache-control": "public, max-age=31536000, immutable"}

VENDORED: Final[Mapping[str, str]] = {
    "htmx": "vendor/htmx-4.0.1.min.js",
    "uplot": "vendor/uplot-1.6.32.min.js",
    "uplot_style": "vendor/uplot-1.6.32.min.css",
}
"""What others have written, unchanged: NOTICE names them, a test holds their checksums."""

OWN: Final[Mapping[str, str]] = {"style": "tracker.css", "script": "tracker.js"}
"""What is ours."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: its content, its type, and the address that changes when it does."""

    content: bytes
    media_type: str
    address: str


def read_assets() -> dict[str, Asset]:
    """Return every asset by the name that the templates call it."""
    found = {}
    for name, path in {**OWN, **VENDORED}.items():
        file = _FOLDER / path
        content = file.read_bytes()
        version = sha256(content).hexdigest()[:12]
        found[name] = Asset(content, _TYPES[file.suffix], f"/assets/{path}?v={version}")
    return found


def asset_routes(assets: Mapping[str, Asset]) -> APIRouter:
    """Return the route that serves *assets* to anybody: they tell of no ticket."""
    router = APIRouter(include_in_schema=False)
    by_path = {one.address.partition("?")[0]: one for one in assets.values()}

    @router.get("/assets/{path:path}")
    async def asset(path: str) -> Response:
        found = by_path.get(f"/assets/{path}")
        if found is None:
            raise Problem(
                status=404,
                code="not_found",
                title="No such file",
                detail=f"there is no asset {path!r}",
                do="Load the page anew; it names the files that there are.",
            )
        return Response(found.content, media_type=found.media_type, headers=_FOREVER)

    return router
