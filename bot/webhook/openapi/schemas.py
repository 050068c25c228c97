"""JSON Schemas of the types that operations name, and of example bodies that have no type."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import TypeAdapter

from bot.sources.contract import Operation

OpenApiNode = dict[str, Any]  # a part of the document
JsonSchema = OpenApiNode
_TypeUse = tuple[Any, Literal["validation", "serialization"]]  # a type, and whether it is parsed or sent


class SchemaRegistry:
    """The schemas of some operations' types; `components` are those that others refer to, by name."""

    def __init__(self, owner: str, operations: Iterable[Operation]) -> None:
        """`owner` is the first part of each component's name."""
        self._owner = owner
        uses = dict.fromkeys(use for operation in operations for use in _used_types(operation))
        self._schemas, definitions = TypeAdapter.json_schemas(
            [(type_, mode, TypeAdapter(type_)) for type_, mode in uses],
            ref_template=f"#/components/schemas/{owner}.{{model}}",
        )
        self.components: dict[str, JsonSchema] = {
            f"{owner}.{name}": schema for name, schema in definitions.get("$defs", {}).items()
        }

    def request_schema(self, type_: Any) -> JsonSchema:
        """What is accepted as this type."""
        return self._schemas[(type_, "validation")]

    def response_schema(self, type_: Any) -> JsonSchema:
        """What a response of this type looks like."""
        return self._schemas[(type_, "serialization")]

    def fields(self, model: Any) -> Iterable[tuple[str, JsonSchema, bool]]:
        """Of a model: each field's name, its schema, and whether it is required."""
        schema = self._resolve_ref(self.request_schema(model))
        for name, field_schema in schema.get("properties", {}).items():
            yield name, field_schema, name in schema.get("required", ())

    def error_schema(self, body: Mapping[str, Any]) -> JsonSchema:
        """The schema of an error's body; the usual one is the component `<owner>.Error`."""
        schema = infer_schema(body)
        name = f"{self._owner}.Error"
        if self.components.setdefault(name, schema) == schema:
            return {"$ref": f"#/components/schemas/{name}"}
        return schema

    def _resolve_ref(self, schema: JsonSchema) -> JsonSchema:
        while "$ref" in schema:
            schema = self.components[schema["$ref"].rpartition("/")[2]]
        return schema


def infer_schema(value: object) -> JsonSchema:
    """The schema of every value like this one; all keys of an object are required."""
    if isinstance(value, Mapping):
        properties = {name: infer_schema(item) for name, item in value.items()}
        return {"type": "object", "properties": properties, "required": list(properties)}
    if isinstance(value, list | tuple):
        return {"type": "array", "items": infer_schema(value[0]) if value else {}}
    return {"type": _JSON_TYPES[type(value)]}


_JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}


def _used_types(operation: Operation) -> Iterable[_TypeUse]:
    for type_ in (operation.response, *operation.other_responses.values()):
        if type_ is not None:
            yield type_, "serialization"
    for type_ in (operation.body, operation.query, *operation.path_params.values()):
        if type_ is not None:
            yield type_, "validation"
