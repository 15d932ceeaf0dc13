"""The handbook as a site: accessible pages, one style, one script, one index to search in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from html import unescape
from itertools import count
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown import Markdown
from pydantic_core import to_json

from cli.handbook.filling import filler
from cli.handbook.sources import REVIEWED_EVERY, Source
from cli.training.cover import Seat
from services.notifier.core.roster import Roster, TicketFacts
from shared.contract.sentences import words
from shared.policy.document import Policy
from shared.runtime.clock import real_now

_HERE: Final = Path(__file__).parent
_ASSETS: Final = ("handbook.css", "search.js")
_TAG: Final = re.compile(r"<[^>]+>")
_HEADING: Final = re.compile(r'<h([23]) id="([^"]+)">(.*?)</h\1>', re.DOTALL)
_LINK: Final = re.compile(r'href="([\w-]+)\.md(#[\w-]+)?"')
_TABLE: Final = re.compile(r"<table>.*?</table>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Page:
    """One finished page: its source, and the HTML of what it says."""

    source: Source
    body: str

    @property
    def address(self) -> str:
        """Its file in the site."""
        return f"{self.source.name}.html"

    def anchors(self) -> set[str]:
        """Return every place in it that a link can lead to."""
        return set(re.findall(r' id="([^"]+)"', self.body))

    def links(self) -> Iterator[tuple[str, str]]:
        """Yield every link inside the handbook: page (`""` is this one) and anchor."""
        yield from re.findall(r'href="([\w-]+\.html)?(?:#([\w-]+))?"', self.body)


def pages(
    sources: Sequence[Source], policy: Policy, roster: Roster, seats: Sequence[Seat] = ()
) -> list[Page]:
    """Return *sources* as pages, with the numbers of *policy* and the names of *roster*.

    *seats* is who holds which certificate; empty where no records are known.

    Raises:
        UnreadablePageError: A page names what the policy does not have.
    """
    fill = filler(policy, roster, seats)
    return [Page(one, _html(fill(f"{one.name}.md", one.text))) for one in sources]


def broken_links(built: Sequence[Page]) -> list[str]:
    """Return every link of the handbook that leads nowhere, with the page it is on."""
    anchors = {one.address: one.anchors() for one in built}
    return [
        f"{one.source.name}.md links to {page or one.address}#{anchor}".rstrip("#")
        for one in built
        for page, anchor in one.links()
        if (page or one.address) not in anchors
        or (anchor and anchor not in anchors[page or one.address])
    ]


def write(
    built: Sequence[Page], out: Path, *, policy: Policy, roster: Roster, today: date
) -> list[Path]:
    """Write the site into *out* and return its files; what is there already is written anew."""
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["words"] = words
    template = environment.get_template("page.html")
    frame: Mapping[str, Any] = {
        "contents": built,
        "policy": policy.reference,
        "today": today,
        "due": lambda one: one.reviewed + REVIEWED_EVERY,
        "holder": lambda role: _holder(role, roster),
    }
    out.mkdir(parents=True, exist_ok=True)
    files = {one.address: template.render(page=one, **frame).encode() for one in built}
    files["search.html"] = (
        environment.get_template("search.html").render(page=None, **frame).encode()
    )
    files["search.json"] = to_json(list(index(built)))
    files |= {name: (_HERE / "assets" / name).read_bytes() for name in _ASSETS}
    for name, content in files.items():
        (out / name).write_bytes(content)
    return [out / name for name in files]


def index(built: Sequence[Page]) -> Iterator[dict[str, str]]:
    """Yield what can be found: each section with its page, its heading and its text."""
    for one in built:
        found = list(_HEADING.finditer(one.body))
        first = one.body[: found[0].start()] if found else one.body
        yield {"page": one.address, "title": one.source.title, "text": _text(first)}
        for n, hit in enumerate(found):
            end = found[n + 1].start() if n + 1 < len(found) else len(one.body)
            yield {
                "page": f"{one.address}#{hit[2]}",
                "title": f"{one.source.title}: {_text(hit[3])}",
                "text": _text(one.body[hit.end() : end]),
            }


def _html(text: str) -> str:
    converter = Markdown(
        extensions=["tables", "toc", "attr_list", "sane_lists"], output_format="html"
    )
    html = _LINK.sub(lambda hit: f'href="{hit[1]}.html{hit[2] or ""}"', converter.convert(text))
    # A wide table scrolls by itself, by keyboard too, and not the page with it.
    numbers = count(1)
    return _TABLE.sub(
        lambda hit: (
            f'<div class="wide" tabindex="0" role="region" aria-label="Table {next(numbers)}">'
            f"{_headed(hit[0])}</div>"
        ),
        html,
    )


def _headed(table: str) -> str:
    """Say of each heading of *table* what it heads; an empty one is no heading."""
    table = table.replace("<th></th>", "<td></td>")
    table = re.sub(r"<th>", '<th scope="col">', table)
    head = re.search(r"<thead>.*?</thead>", table, re.DOTALL)
    blank = head is not None and not _text(head[0])
    return table.replace(head[0], "") if blank and head is not None else table


def _text(html: str) -> str:
    return " ".join(unescape(_TAG.sub(" ", html)).split())


def _holder(role: str, roster: Roster) -> str:
    contact = roster.seated(role, tier=1, facts=TicketFacts(), at=real_now())
    return words(role) if contact is None else contact.name
