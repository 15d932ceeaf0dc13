"""How a helpdesk is pointed at Tierline, step by step: text for a terminal and for a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from services.intake.core.hooks.facts import implied_by
from services.intake.core.hooks.shape import (
    HookMapping,
    SeverityPlace,
    StatusPlace,
    TruthPlace,
    WrittenMessage,
)
from shared.contract.vocabulary import Implied
from shared.mapping.sections import columns_of

ADDRESS: Final = "https://YOUR-INTAKE/v1/hooks/{source}"
"""Where a helpdesk posts to, where nobody says it better."""

_IMPLIED: Final = {
    Implied.QUESTION: "an agent has asked the customer",
    Implied.REPLY: "an agent has replied",
    Implied.FIRST_REPLY: "an agent has replied, if none has before",
}
_PAUSES: Final = "waiting_customer"


def page(mapping: HookMapping, *, source: str, address: str = ADDRESS) -> str:
    """Return the page of a product, in Markdown.

    Args:
        mapping: Of the product.
        source: How the helpdesk is called here.
        address: Where it posts to; `{source}` stands for the source.
    """
    return "\n".join(_lines(mapping, source, address.replace("{source}", source))) + "\n"


def _lines(mapping: HookMapping, source: str, address: str) -> Iterator[str]:
    name = mapping.mapping.name
    yield f"# {mapping.product}"
    yield ""
    yield f"Made from `deploy/mapping/hooks/{name}.yaml` by `tierline hooks pages`; do not edit."
    yield ""
    yield mapping.about
    yield ""
    yield "## At the helpdesk"
    yield ""
    for number, step in enumerate(mapping.setup.steps, start=1):
        yield f"{number}. {step.replace('{address}', f'`{address}`')}"
    if mapping.setup.template is not None:
        yield ""
        yield "The template to paste:"
        yield ""
        yield f"```{mapping.setup.language}"
        yield mapping.setup.template.rstrip("\n")
        yield "```"
    yield ""
    yield "## At Tierline"
    yield ""
    yield from _here(mapping, source)
    yield ""
    yield "## What is read"
    yield ""
    yield from _read(mapping)
    yield ""
    yield from _words(mapping)
    if mapping.setup.notes:
        yield "## Mind"
        yield ""
        yield from (f"* {note}" for note in mapping.setup.notes)
        yield ""
    yield "## Try it"
    yield ""
    yield f"`tierline hooks test {name} BODY.json` shows which events a body becomes, and what of it is"
    yield f"not read. Once the helpdesk posts, `GET /v1/hooks/{source}/last` shows the last body beside its"
    yield "mapping. [How to change the mapping](../helpdesks.md#a-mapping-of-your-own)."


def _here(mapping: HookMapping, source: str) -> Iterator[str]:
    if mapping.signature is None:
        yield f"{mapping.product} signs nothing, so it shows an [API key](../operations.md#api-keys) for the"
        yield f"source `{source}` with the scope `ingest`: `Authorization: Bearer tl_…`, or as the password of"
        yield "HTTP Basic. There is nothing more to set."
        return
    signature = mapping.signature
    yield "In the file that `INTAKE_HOOKS_FILE` names:"
    yield ""
    yield "```yaml"
    yield "hooks:"
    yield f"  - source: {source}"
    if source != mapping.mapping.name:
        yield f"    mapping: {mapping.mapping.name}"
    yield f"    secrets: [file:/run/secrets/{source}]"
    if "{url}" in signature.signed:
        yield f"    public_url: {ADDRESS.replace('{source}', source)}"
    yield "```"
    yield ""
    window = (
        f" A request is good for 5 minutes from `{signature.timestamp.header}`."
        if signature.timestamp
        else " It bears no time; what is sent again has no second effect."
    )
    yield f"Requests are signed in `{signature.header}` by HMAC-{signature.algorithm.upper()}.{window}"
    yield "Several secrets may be listed while one replaces another. A request that is not signed needs an"
    yield f"[API key](../operations.md#api-keys) for the source `{source}`."


def _read(mapping: HookMapping) -> Iterator[str]:
    rows: list[tuple[str, str]] = [("ticket", mapping.change.ticket)]
    rows += [
        (name, place)
        for name, place in (
            ("which change", mapping.change.revision),
            ("when", mapping.change.written_at),
            ("by whom", mapping.change.written_by),
            ("opened at", mapping.change.opened_at),
        )
        if place is not None
    ]
    rows += [(name, ", ".join(columns_of(one))) for name, one in mapping.facts.items()]
    rows += [(f"customer.{key}", place) for key, place in mapping.customer.items()]
    rows += [
        (name, one.column)
        for name, one in (("customer.plan", mapping.plan), ("customer.vip", mapping.vip))
        if one is not None
    ]
    rows += [("tags", mapping.tags)] if mapping.tags is not None else []
    rows += list(mapping.carried.items())
    yield "| what | where |"
    yield "|---|---|"
    for name, place in rows:
        yield f"| {name} | {_code(place)} |"


def _words(mapping: HookMapping) -> Iterator[str]:
    if mapping.status is not None:
        yield "The status, and what an agent is taken to have done with it:"
        yield ""
        yield "| word | where | status | clocks | means |"
        yield "|---|---|---|---|---|"
        for column, word, status in _chain(mapping.status):
            implied = implied_by(mapping, word)
            clock = "the resolution stands still" if status == _PAUSES else ""
            means = "" if implied is None else _IMPLIED[implied]
            yield f"| `{word}` | {_code(column)} | `{status}` | {clock} | {means} |"
        yield ""
    if mapping.severity is not None:
        yield "The severity:"
        yield ""
        yield from _table(mapping.severity)
        yield ""
    for count, one in mapping.counts.items():
        listed = ", ".join(f"`{word}` is {number}" for word, number in one.words.items())
        yield f"`{count}` from {_code(one.column)}: {listed or 'the number itself'}."
        yield ""
    messages = {one.name: one for one in mapping.written}
    if messages:
        yield "Messages, and who wrote them:"
        yield ""
        for message in messages.values():
            yield from _message(message)
        yield ""
    else:
        yield "Messages are not in the body; who has replied is seen by the status alone."
        yield ""


def _message(message: WrittenMessage) -> Iterator[str]:
    words = _listed(message.author.words)
    where = "" if message.each is None else f" of each in {_code(message.each)}"
    yield f"* `{message.name}`: the author from {_code(message.author.column)}{where} ({words});"
    if isinstance(message.public, TruthPlace):
        seen = _listed(
            {
                word: "public" if is_so else "internal"
                for word, is_so in message.public.words.items()
            }
        )
        yield f"  seen by the customer by {_code(message.public.column)} ({seen})."
    else:
        yield f"  {'always' if message.public else 'never'} seen by the customer."


def _table(chain: SeverityPlace) -> Iterator[str]:
    yield "| word | where | severity |"
    yield "|---|---|---|"
    for column, word, severity in _chain(chain):
        yield f"| `{word}` | {_code(column)} | {severity} |"


def _chain(chain: StatusPlace | SeverityPlace) -> Iterator[tuple[str, str, str]]:
    link: StatusPlace | SeverityPlace | None = chain
    while link is not None:
        for word, meant in link.words.items():
            yield link.column, word, str(meant)
        link = link.otherwise


def _listed(words: Mapping[str, Any]) -> str:
    return ", ".join(f"`{word}` {meant}" for word, meant in words.items())


def _code(place: str) -> str:
    """Return a place as code; alternatives are apart, for a `|` would end a table's cell."""
    return " or ".join(f"`{one.strip()}`" for one in place.split("|"))
