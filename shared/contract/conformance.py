"""Whether parsed JSON is an event of the contract, said without making an event of it.

Making objects of the models costs more than looking whether they could be made. Who passes events
on as they came needs only the answer; the models' own schema gives it, without their classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from pydantic import TypeAdapter
from pydantic_core import CoreSchema, SchemaValidator, core_schema

from shared.contract.envelope import ByType
from shared.contract.events import EVENT_MODELS, outside_flaw

Schema = Mapping[str, Any]


def conforms(content: Mapping[str, Any]) -> bool:
    """Return whether *content*, parsed JSON, is surely an event that `validate_event` would return.

    Yes is certain. After no, ask that: it says what is wrong, if anything is.
    """
    return _CONTRACT.isinstance_python(content) and (
        outside_flaw(content["source"], content["subject"]) is None
    )


def for_parsed_json(schema: Schema) -> CoreSchema:
    """Return *schema* for parsed JSON: what are objects there stay so, and lists stay lists.

    Raises:
        TypeError: It asks for something that is not known here, and would be passed over.
    """
    kind = schema["type"]
    if kind in _AS_IT_IS:
        return schema
    if kind not in _ASKED or schema.keys() - _ASKED[kind] - {"type", "metadata"}:
        raise _unknown(schema)
    return _FOR_PARSED_JSON[kind](schema)


def _model(model: Schema) -> CoreSchema:
    config = model["config"]
    is_open = config.get("extra_fields_behavior") == "allow"
    if not (is_open and config.get("strict")) or model["custom_init"]:
        raise _unknown(model)
    fields = model["schema"]
    if fields["type"] != "model-fields" or fields.keys() - _ASKED_OF_FIELDS:
        raise _unknown(fields)
    return core_schema.typed_dict_schema(
        {name: _field(field) for name, field in fields["fields"].items()},
        extra_behavior="ignore",
        config=config,
    )


def _field(field: Schema) -> core_schema.TypedDictField:
    if field.keys() - {"type", "metadata", "schema"}:
        raise _unknown(field)
    schema = field["schema"]
    return core_schema.typed_dict_field(
        for_parsed_json(schema), required=schema["type"] != "default"
    )


def _tuple(items: Schema) -> CoreSchema:
    if len(items["items_schema"]) != 1 or items["variadic_item_index"] != 0:
        raise _unknown(items)
    return core_schema.list_schema(for_parsed_json(items["items_schema"][0]))


def _by_tag(union: Schema) -> CoreSchema:
    choices = {name: for_parsed_json(choice) for name, choice in union["choices"].items()}
    return core_schema.tagged_union_schema(choices, union["discriminator"])


def _unknown(schema: Schema) -> TypeError:
    return TypeError(f"say in {__name__} what parsed JSON must be for {schema}")


_AS_IT_IS: Final = frozenset({"any", "bool", "datetime", "dict", "float", "int", "literal", "str"})
_ASKED: Final[Mapping[str, set[str]]] = {
    "chain": {"steps"},
    "default": {"default", "schema"},
    "enum": {"cls", "members", "ref", "sub_type"},
    "json-or-python": {"json_schema", "python_schema"},
    "model": {"cls", "config", "custom_init", "generic_origin", "ref", "root_model", "schema"},
    "nullable": {"schema"},
    "tagged-union": {"choices", "discriminator"},
    "tuple": {"items_schema", "variadic_item_index"},
}
_ASKED_OF_FIELDS: Final = {"type", "computed_fields", "fields", "model_name"}
_FOR_PARSED_JSON: Final[Mapping[str, Callable[[Schema], CoreSchema]]] = {
    "chain": lambda one: core_schema.chain_schema([for_parsed_json(it) for it in one["steps"]]),
    "default": lambda one: for_parsed_json(one["schema"]),
    "enum": lambda one: core_schema.literal_schema([member.value for member in one["members"]]),
    "json-or-python": lambda one: for_parsed_json(one["json_schema"]),
    "model": _model,
    "nullable": lambda one: core_schema.nullable_schema(for_parsed_json(one["schema"])),
    "tagged-union": _by_tag,
    "tuple": _tuple,
}
_CONTRACT: Final = SchemaValidator(
    for_parsed_json(TypeAdapter(Annotated[Any, ByType(EVENT_MODELS)]).core_schema)
)
