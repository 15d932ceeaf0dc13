"""The keys over HTTP: which are known here, and when each was last used. Never a key itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from services.intake.access import Access
from services.intake.uses import Uses
from shared.access.keys import Scope

_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    401: {"description": "No known API key or token."},
    403: {"description": "Not the scope `admin`."},
    429: {"description": "Too many guesses."},
    503: {"description": "Kafka does not tell the last uses just now; try again."},
}


class KnownKey(BaseModel):
    """One API key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(description="The first 12 digits of its SHA-256.")
    name: str
    source: str | None = Field(description="The only source that it speaks for; null for any.")
    scopes: list[Scope]
    roles: list[str] | None = Field(description="The roles of its acts; null for any.")
    created: datetime | None
    expires: datetime | None
    last_used: datetime | None = Field(
        description="As told by all instances, up to ten minutes late; null: not that is known."
    )


def key_routes(access: Access, uses: Uses) -> APIRouter:
    """Return the route of keys."""
    router = APIRouter(prefix="/v1", tags=["keys"])

    @router.get("/keys", responses=_ANSWERS)
    async def keys(request: Request) -> list[KnownKey]:
        """List the API keys that are known here, expired ones too, by name and age."""
        authorization = request.headers.get("authorization")
        await access.admit(authorization, request.scope["client"], Scope.ADMIN)
        if access.keys is None:
            return []
        used = await uses.latest()
        found = [
            KnownKey(
                id=one.id,
                name=one.name,
                source=one.source,
                scopes=sorted(one.scopes),
                roles=None if one.roles is None else sorted(one.roles),
                created=one.created,
                expires=one.expires,
                last_used=used.get(one.id),
            )
            for one in access.keys.all()
        ]
        return sorted(found, key=lambda one: (one.name, str(one.created or ""), one.id))

    return router
