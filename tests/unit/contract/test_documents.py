"""The published documents are as the code says, and hang together."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel
from ruamel.yaml import YAML
from typer.testing import CliRunner

from cli.schemas import app, documents
from shared.contract.catalog import MODELS, asyncapi, json_schemas, schema_file
from shared.contract.topics import TOPICS
from tests.support.messages import instances

ROOT = Path(__file__).parents[3]
DOCUMENT = asyncapi("0")
GENERATED = documents()
SCHEMAS = json_schemas()
EVERY_MODEL = [
    pytest.param(topic, name, model, id=f"{topic}/{name}")
    for topic, models in MODELS.items()
    for name, model in models.items()
]
REFERENCE = {
    "type": "object",
    "properties": {"$ref": {"type": "string", "pattern": "^#/"}},
    "required": ["$ref"],
    "additionalProperties": False,
}
# What AsyncAPI 3.0 asks of the parts that we use.
ASYNCAPI = {
    "type": "object",
    "required": ["asyncapi", "info", "channels", "operations", "components"],
    "properties": {
        "asyncapi": {"const": "3.0.0"},
        "info": {
            "type": "object",
            "required": ["title", "version"],
            "properties": {"title": {"type": "string"}, "version": {"type": "string"}},
        },
        "defaultContentType": {"type": "string"},
        "channels": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {
                "type": "object",
                "required": ["address", "messages", "bindings"],
                "properties": {
                    "address": {"type": "string"},
                    "description": {"type": "string"},
                    "messages": {"type": "object", "additionalProperties": REFERENCE},
                    "bindings": {
                        "type": "object",
                        "properties": {
                            "kafka": {
                                "type": "object",
                                "properties": {
                                    "topic": {"type": "string"},
                                    "partitions": {"type": "integer", "minimum": 1},
                                    "topicConfiguration": {
                                        "type": "object",
                                        "properties": {
                                            "cleanup.policy": {
                                                "type": "array",
                                                "items": {"enum": ["compact", "delete"]},
                                            },
                                            "max.message.bytes": {"type": "integer"},
                                        },
                                        "additionalProperties": False,
                                    },
                                    "bindingVersion": {"const": "0.5.0"},
                                },
                                "additionalProperties": False,
                            }
                        },
                        "additionalProperties": False,
                    },
                },
                "additionalProperties": False,
            },
        },
        "operations": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["action", "channel"],
                "properties": {"action": {"enum": ["send", "receive"]}, "channel": REFERENCE},
                "additionalProperties": False,
            },
        },
        "components": {
            "type": "object",
            "properties": {
                "messages": {
                    "type": "object",
                    "propertyNames": {"pattern": r"^[\w\d.\-_]+$"},
                    "additionalProperties": {
                        "type": "object",
                        "required": ["name", "payload"],
                        "properties": {
                            "name": {"type": "string"},
                            "summary": {"type": "string", "minLength": 1},
                            "contentType": {"type": "string"},
                            "payload": {"type": "object"},
                            "bindings": {"type": "object"},
                        },
                        "additionalProperties": False,
                    },
                },
                "schemas": {
                    "type": "object",
                    "propertyNames": {"pattern": r"^[\w\d.\-_]+$"},
                    "additionalProperties": {"type": "object"},
                },
            },
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for part in node.values():
            yield from references(part)
    elif isinstance(node, list):
        for part in node:
            yield from references(part)


def resolved(reference: str) -> Any:
    node: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        node = node[step]
    return node


@pytest.mark.parametrize("path", [pytest.param(path, id=str(path)) for path in GENERATED])
def test_a_document_on_disk_is_as_the_code_says(path: Path) -> None:
    assert (ROOT / path).read_text("utf-8") == GENERATED[path], "run `make schemas`"


def test_check_is_content_with_the_repository() -> None:
    assert CliRunner().invoke(app, ["check", "--root", str(ROOT)]).exit_code == 0


def test_check_notices_and_write_mends_what_is_missing_changed_or_left_over(tmp_path: Path) -> None:
    run = CliRunner()
    assert run.invoke(app, ["write", "--root", str(tmp_path)]).exit_code == 0
    left_over, changed = tmp_path / "schemas/old/v1.json", tmp_path / "docs/events.md"
    left_over.parent.mkdir()
    left_over.write_text("{}", "utf-8")
    changed.write_text("", "utf-8")
    (tmp_path / "schemas/cloudevent/v1.json").unlink()
    stale = run.invoke(app, ["check", "--root", str(tmp_path)])
    assert stale.exit_code == 1
    assert stale.output.count("stale: ") == 3
    assert run.invoke(app, ["write", "--root", str(tmp_path)]).exit_code == 0
    assert run.invoke(app, ["check", "--root", str(tmp_path)]).exit_code == 0
    assert not left_over.exists()


@pytest.mark.parametrize("path", list(SCHEMAS))
def test_a_schema_is_a_json_schema(path: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[path])


@cache
def allowed(path: str) -> st.SearchStrategy[Any]:
    return instances(SCHEMAS[path])


@pytest.mark.parametrize(("topic", "name", "model"), EVERY_MODEL)
@settings(max_examples=25)  # times some fifty message types
@given(draw=st.data())
def test_what_the_schema_allows_the_code_accepts_and_writes_back_as_the_schema_allows(
    topic: str, name: str, model: type[BaseModel], draw: st.DataObject
) -> None:
    path = schema_file(topic, name)
    validator = Draft202012Validator(SCHEMAS[path])
    data = draw.draw(allowed(path))
    validator.validate(data)
    read = model.model_validate_json(json.dumps(data))
    validator.validate(read.model_dump(mode="json", exclude_unset=True, by_alias=True))


def test_the_asyncapi_document_has_the_shape_of_asyncapi() -> None:
    Draft202012Validator(ASYNCAPI).validate(DOCUMENT)


def test_every_reference_leads_somewhere() -> None:
    dangling = [one for one in references(DOCUMENT) if not isinstance(resolved(one), dict)]
    assert not dangling
    assert len(list(references(DOCUMENT))) > 100


def test_every_schema_of_the_asyncapi_document_is_used() -> None:
    used = set(references(DOCUMENT))
    assert {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]} <= used


def test_the_asyncapi_file_reads_back_as_the_document() -> None:
    text = (ROOT / "schemas/asyncapi.yaml").read_text("utf-8")
    read = YAML(typ="safe", pure=True).load(text)
    assert read == asyncapi(read["info"]["version"])


def test_every_topic_has_its_messages_described() -> None:
    for topic in TOPICS:
        assert set(topic.messages) == set(MODELS[topic.name])


def test_the_page_names_every_topic_and_type() -> None:
    page = (ROOT / "docs/events.md").read_text("utf-8")
    for topic, models in MODELS.items():
        assert f"`{topic}`" in page
        for name in models:
            assert f"### `{name}`" in page
