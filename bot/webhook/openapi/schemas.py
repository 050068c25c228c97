"""JSON Schema: of the types a source names, and of what it says without naming a type. Knows no paths."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import TypeAdapter

from bot.sources.contract import Operation, Source

OpenApiNode = dict[str, Any]  # a part of the document
JsonSchema = OpenApiNode  # a JSON Schema
_TypeUse = tuple[Any, Literal["validation", "serialization"]]  # a type, and whether it is read or said


class SchemaRegistry:
    """The schemas of one source's types; those of `components` are what the others refer to."""

    def __init__(self, source: Source) -> None:
        self._source_name = source.name
        uses = dict.fromkeys(use for route in source.operations for use in _used_types(route))
        self._schemas, named = TypeAdapter.json_schemas(
            [(type_, mode, TypeAdapter(type_)) for type_, mode in uses],
            ref_template=f"#/components/schemas/{source.name}.{{model}}",
        )
        self.components: dict[str, JsonSchema] = {
            f"{source.name}.{name}": shape for name, shape in named.get("$defs", {}).items()
        }

    def request_schema(self, type_: Any) -> JsonSchema:
        """What is accepted as this type."""
        return self._schemas[(type_, "validation")]

    def response_schema(self, type_: Any) -> JsonSchema:
        """What an answer of this type looks like."""
        return self._schemas[(type_, "serialization")]

    def fields(self, model: Any) -> Iterable[tuple[str, JsonSchema, bool]]:
        """Of a model: each field's name, what it accepts, and whether it must be there."""
        whole = self._resolve_ref(self.request_schema(model))
        for name, shape in whole.get("properties", {}).items():
            yield name, shape, name in whole.get("required", ())

    def error_schema(self, body: Mapping[str, Any]) -> JsonSchema:
        """That of a refusal's body: the source's usual one by its name."""
        shape = infer_schema(body)
        name = f"{self._source_name}.Refusal"
        if self.components.setdefault(name, shape) == shape:
            return {"$ref": f"#/components/schemas/{name}"}
        return shape

    def _resolve_ref(self, schema: JsonSchema) -> JsonSchema:
        while "$ref" in schema:
            schema = self.components[schema["$ref"].rpartition("/")[2]]
        return schema


def infer_schema(value: object) -> JsonSchema:
    """What every value of this one's kind has in common with it; an object's keys are all there."""
    if isinstance(value, Mapping):
        fields = {name: infer_schema(item) for name, item in value.items()}
        return {"type": "object", "properties": fields, "required": list(fields)}
    if isinstance(value, list | tuple):
        return {"type": "array", "items": infer_schema(value[0]) if value else {}}
    return {"type": _JSON_TYPES[type(value)]}


_JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}


def _used_types(route: Operation) -> Iterable[_TypeUse]:
    yield route.response, "serialization"
    for type_ in (route.body, route.query, *route.path_params.values()):
        if type_ is not None:
            yield type_, "validation"
