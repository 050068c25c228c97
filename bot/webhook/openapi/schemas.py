"""JSON Schema: of the types a source names, and of what it says without naming a type. Knows no paths."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import TypeAdapter

from bot.sources import Route, Source

Described = dict[str, Any]  # a part of the document
Shape = Described  # a JSON Schema
_Use = tuple[Any, Literal["validation", "serialization"]]  # a type, and whether it is read or said


class Shapes:
    """The schemas of one source's types; those of `components` are what the others refer to."""

    def __init__(self, source: Source) -> None:
        self._home = source.name
        uses = dict.fromkeys(use for route in source.routes for use in _uses(route))
        self._by_use, named = TypeAdapter.json_schemas(
            [(type_, mode, TypeAdapter(type_)) for type_, mode in uses],
            ref_template=f"#/components/schemas/{source.name}.{{model}}",
        )
        self.components: dict[str, Shape] = {
            f"{source.name}.{name}": shape for name, shape in named.get("$defs", {}).items()
        }

    def read(self, type_: Any) -> Shape:
        """What is accepted as this type."""
        return self._by_use[(type_, "validation")]

    def said(self, type_: Any) -> Shape:
        """What an answer of this type looks like."""
        return self._by_use[(type_, "serialization")]

    def fields(self, model: Any) -> Iterable[tuple[str, Shape, bool]]:
        """Of a model: each field's name, what it accepts, and whether it must be there."""
        whole = self._resolved(self.read(model))
        for name, shape in whole.get("properties", {}).items():
            yield name, shape, name in whole.get("required", ())

    def refusal(self, body: Mapping[str, Any]) -> Shape:
        """That of a refusal's body: the source's usual one by its name."""
        shape = shape_of(body)
        name = f"{self._home}.Refusal"
        if self.components.setdefault(name, shape) == shape:
            return {"$ref": f"#/components/schemas/{name}"}
        return shape

    def _resolved(self, shape: Shape) -> Shape:
        while "$ref" in shape:
            shape = self.components[shape["$ref"].rpartition("/")[2]]
        return shape


def shape_of(value: object) -> Shape:
    """What every value of this one's kind has in common with it; an object's keys are all there."""
    if isinstance(value, Mapping):
        fields = {name: shape_of(item) for name, item in value.items()}
        return {"type": "object", "properties": fields, "required": list(fields)}
    if isinstance(value, list | tuple):
        return {"type": "array", "items": shape_of(value[0]) if value else {}}
    return {"type": _NAMES[type(value)]}


_NAMES = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}


def _uses(route: Route) -> Iterable[_Use]:
    yield route.says, "serialization"
    for type_ in (route.body, route.query, *route.names.values()):
        if type_ is not None:
            yield type_, "validation"
