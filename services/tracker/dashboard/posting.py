"""What every form of the pages goes through, before it is handed on and once it is in the log."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from fastapi import Request
from fastapi.responses import RedirectResponse

from shared.runtime.problems import Problem


async def filled_in(request: Request) -> dict[str, str]:
    """Return the fields of the form in *request*, which one of our own pages has sent.

    Raises:
        Problem: 403 where another site has sent it in the name of somebody who is signed in here.
    """
    _only_from_here(request)
    form = await request.form(max_fields=40, max_files=0)
    return {name: text for name, text in form.items() if isinstance(text, str)}


def back_with(act_id: str, after: str | None, here: str) -> RedirectResponse:
    """Return the way back to the page *here*, which then says what became of the act *act_id*.

    The page waits until the tracker has read the place *after*.
    """
    return RedirectResponse(f"{did_here(act_id, here)}&after={after}", status_code=303)


def did_here(act_id: str, here: str) -> str:
    """Return the address at which the page *here* says what became of the act *act_id*."""
    return f"{here}?did={quote(act_id, safe='')}"


def _only_from_here(request: Request) -> None:
    origin = request.headers.get("origin")
    fetched = request.headers.get("sec-fetch-site")
    here = request.headers.get("host")
    # Browsers say where a form comes from; those that do not say at least its origin.
    foreign = origin is not None and urlsplit(origin).netloc != here
    if foreign if fetched is None else fetched not in {"same-origin", "none"}:
        raise Problem(
            status=403,
            code="foreign_form",
            title="The form was sent from another site",
            detail=f"its origin is {origin!r}",
            do="Send it from the page that it is on.",
        )
