"""The OpenAPI document of a service, in which every error is the problem that is answered."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from typing_extensions import override

from shared.runtime.problems import PROBLEM_JSON

_TEXT: Final = {"type": "string"}
_PROBLEM: Final[dict[str, Any]] = {
    "title": "Problem",
    "description": "An error as RFC 9457 writes it; more members may follow.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "do"],
    "properties": {
        "type": {**_TEXT, "description": "`urn:tierline:problem:` and the code."},
        "title": {**_TEXT, "description": "What kind of problem it is."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {**_TEXT, "description": "What is wrong in this case."},
        "code": {**_TEXT, "description": "A word for programs; stable."},
        "do": {**_TEXT, "description": "What the sender should do."},
        "flaws": {
            "type": "array",
            "description": "Where the request is wrong, and how.",
            "items": {
                "type": "object",
                "properties": {"path": _TEXT, "problem": _TEXT, "do": _TEXT},
            },
        },
    },
}
_SCHEMA: Final = {"$ref": "#/components/schemas/Problem"}
_OTHERWISE: Final = {"$ref": "#/components/responses/Problem"}
_FRAMEWORKS: Final = ("HTTPValidationError", "ValidationError")
"""How the framework would answer what is invalid, if nobody answered it in its place."""


class Application(FastAPI):
    """An application whose document says how its errors look."""

    @override
    def openapi(self) -> dict[str, Any]:
        """Return the document, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = _with_problems(super().openapi())
        return self.openapi_schema


def _with_problems(document: dict[str, Any]) -> dict[str, Any]:
    for routes in document.get("paths", {}).values():
        for operation in routes.values():
            responses = operation["responses"]
            for status, response in responses.items():
                if int(status) >= 400:  # noqa: PLR2004  the first status of an error
                    _say_problem(response)
            responses["default"] = _OTHERWISE
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in _FRAMEWORKS:
        schemas.pop(name, None)
    schemas["Problem"] = _PROBLEM
    components["responses"] = {
        "Problem": {
            "description": "Any other error, such as 404, 405, 413, 500 and 503.",
            "content": {PROBLEM_JSON: {"schema": _SCHEMA}},
        }
    }
    return document


def _say_problem(response: dict[str, Any]) -> None:
    """Say that *response* is a problem, unless its route says that it is something else."""
    content = response.get("content", {})
    if str(content.get("application/json", {}).get("schema", {}).get("$ref", "")).endswith(
        _FRAMEWORKS
    ):
        content = {}
    content = content or {PROBLEM_JSON: {}}
    if PROBLEM_JSON in content:
        content[PROBLEM_JSON]["schema"] = _SCHEMA
    response["content"] = content
