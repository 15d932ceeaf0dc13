"""The contract as documents: JSON Schemas of every message, and the AsyncAPI 3.0 description."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from shared.contract.decisions import DECISION_MODELS
from shared.contract.deliveries import DELIVERY_MODELS
from shared.contract.envelope import CONTENT_TYPE, CloudEvent
from shared.contract.events import EVENT_MODELS
from shared.contract.policies import POLICY_MODELS
from shared.contract.refusals import REFUSAL_MODELS
from shared.contract.topics import (
    DELIVERIES,
    KEYS_USED,
    POLICIES,
    REFUSED_HOOKS,
    TICKET_EVENTS,
    TIER_CHANGES,
    TOPICS,
    Topic,
)
from shared.contract.uses import USE_MODELS
from shared.contract.vocabulary import Fact

Document = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
ENVELOPE_FILE: Final = "cloudevent/v1.json"

MODELS: Final[Mapping[str, Mapping[str, type[BaseModel]]]] = MappingProxyType(
    {
        TICKET_EVENTS: EVENT_MODELS,
        TIER_CHANGES: DECISION_MODELS,
        DELIVERIES: DELIVERY_MODELS,
        POLICIES: POLICY_MODELS,
        REFUSED_HOOKS: REFUSAL_MODELS,
        KEYS_USED: USE_MODELS,
    }
)
"""The data models of each topic, by type."""


def schema_file(topic: str, event_type: str) -> str:
    """Return where the schema of a type's data lies inside `schemas/`.

    The topic is part of it because `escalation.acknowledged` is said on two of them: asked for on
    one, taken note of on the other.
    """
    return f"{topic}/{event_type}/v1.json"


def json_schemas() -> dict[str, Document]:
    """Return every schema file: path inside `schemas/` to its content."""
    return {ENVELOPE_FILE: {"$schema": DIALECT, **_envelope()}} | {
        schema_file(topic, event_type): {"$schema": DIALECT, **model.model_json_schema()}
        for topic, models in MODELS.items()
        for event_type, model in models.items()
    }


def asyncapi(version: str) -> Document:
    """Return the AsyncAPI 3.0 document; *version* is the product's."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Tierline",
            "version": version,
            "description": (
                "What Tierline hears, decides and delivers. Every record is a CloudEvent in "
                "structured JSON with `ce_*` headers; its key is the ticket key."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": dict(_operations()),
        "components": {"messages": dict(_messages()), "schemas": _schemas()},
    }


def _envelope() -> Document:
    schema = CloudEvent[Fact].model_json_schema()
    schema["properties"]["data"] = {"description": "What happened; its schema goes by `type`."}
    schema.pop("$defs", None)
    return schema | {"title": "CloudEvent"}


def _channel(topic: Topic) -> Document:
    return {
        "address": topic.name,
        "description": f"Keyed by {topic.key}; {topic.cleanup}.",
        "messages": {
            name: {"$ref": f"#/components/messages/{topic.name}.{name}"} for name in topic.messages
        },
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "cleanup.policy": [topic.config["cleanup.policy"]],
                    "max.message.bytes": int(topic.config["max.message.bytes"]),
                },
                "bindingVersion": "0.5.0",
            }
        },
    }


def _operations() -> Iterator[tuple[str, Document]]:
    for topic in TOPICS:
        for action, services in (("send", topic.writers), ("receive", topic.readers)):
            for service in services:
                yield (
                    f"{service}.{action}.{topic.name}",
                    {"action": action, "channel": {"$ref": f"#/channels/{topic.name}"}},
                )


def _messages() -> Iterator[tuple[str, Document]]:
    for topic in TOPICS:
        for name in topic.messages:
            model = MODELS[topic.name][name]
            own = {
                "type": {"const": name},
                "data": {"$ref": f"#/components/schemas/{model.__name__}"},
            }
            yield (
                f"{topic.name}.{name}",
                {
                    "name": name,
                    "summary": first_line(model),
                    "contentType": CONTENT_TYPE,
                    "payload": {
                        "allOf": [
                            {"$ref": "#/components/schemas/CloudEvent"},
                            {"type": "object", "properties": own},
                        ]
                    },
                    "bindings": {
                        "kafka": {
                            "key": {"type": "string", "description": topic.key},
                            "bindingVersion": "0.5.0",
                        }
                    },
                },
            )


def _schemas() -> Document:
    every = [model for models in MODELS.values() for model in models.values()]
    _, definitions = models_json_schema(
        [(model, "validation") for model in every], ref_template="#/components/schemas/{model}"
    )
    return {"CloudEvent": _envelope(), **definitions["$defs"]}


def first_line(model: type[BaseModel]) -> str:
    """Return the first sentence of a model's docstring."""
    return (model.__doc__ or "").strip().partition("\n")[0]
