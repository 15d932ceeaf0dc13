"""The contract as a page to read: topics, and every message with its keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel

from shared.contract.catalog import MODELS, first_line
from shared.contract.topics import TOPICS

INTRODUCTION: Final = """\
# Topics, events, decisions

Generated from `shared/contract` by `make schemas`; do not edit.

Every record is a [CloudEvent](https://cloudevents.io) 1.0: structured JSON as the value, the
attributes again as `ce_*` headers, the ticket key (`source:ticket`) as the key. Partitions are
chosen by murmur2 of the key. `(source, id)` identifies an event: the same pair again has no
effect. A decision's `causationid` is the id of the event that led to it; what time alone led to
has none. Schemas: `schemas/<topic>/<type>/v1.json`, the envelope `schemas/cloudevent/v1.json`,
everything together `schemas/asyncapi.yaml`.

## What may change

- **Free:** a new type, a new optional key. Readers keep keys that they do not know.
- **A new type `….v2`, with both sent for a while:** removing a key, renaming one, changing what it
  means, making an optional key required, narrowing what it may hold.
- **Takes care:** a new value in a closed list. In events in it is free; in decisions and
  deliveries readers may not know it, so it waits until they do.

A change shows itself as a difference in `schemas/`, in the same commit.
"""

_FORMATS: Final = {"date-time": "time", "uuid": "uuid"}
_HEADINGS: Final = {
    "tickets.events": "Events in",
    "tickets.tier-changes": "Decisions out",
    "notifications.deliveries": "Deliveries",
    "policies": "Policies",
    "hooks.refused": "Webhooks that could not be read",
    "keys.used": "Uses of API keys",
}


def reference() -> str:
    """Return the page, in Markdown."""
    return "\n".join([INTRODUCTION, *_topics(), *_messages()])


def _topics() -> Iterator[str]:
    yield "## Topics\n"
    yield "| topic | key | partitions | written by | read by | old records |"
    yield "|---|---|---|---|---|---|"
    for topic in TOPICS:
        yield (
            f"| `{topic.name}` | {topic.key} | {topic.partitions} | {', '.join(topic.writers)} "
            f"| {', '.join(topic.readers) or 'nobody'} | {topic.cleanup} |"
        )


def _messages() -> Iterator[str]:
    for topic, models in MODELS.items():
        yield f"\n## {_HEADINGS[topic]} (`{topic}`)"
        for name, model in models.items():
            yield f"\n### `{name}`\n\n{first_line(model)}\n"
            yield from _keys(model)


def _keys(model: type[BaseModel]) -> Iterator[str]:
    schema = model.model_json_schema()
    required = schema.get("required", [])
    named = schema.get("$defs", {})
    yield "| key | holds | meaning |"
    yield "|---|---|---|"
    for key, part in schema["properties"].items():
        star = " (required)" if key in required else ""
        yield f"| `{key}`{star} | {_holds(part, named)} | {_cell(part.get('description', ''))} |"


def _holds(part: dict[str, Any], named: dict[str, Any]) -> str:
    if "anyOf" in part:
        return " or ".join(_holds(choice, named) for choice in part["anyOf"])
    if "$ref" in part:
        return _holds(named[part["$ref"].rpartition("/")[2]], named)
    if "enum" in part:
        return ", ".join(f"`{word}`" for word in part["enum"])
    if part.get("type") == "array":
        return f"list of {_holds(part.get('items', {}), named)}"
    if part.get("type") == "object" and "properties" in part:
        return f"{{{', '.join(f'`{key}`' for key in part['properties'])}}}"
    return str(_FORMATS.get(part.get("format", ""), part.get("type", "anything")))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
