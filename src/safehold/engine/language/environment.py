"""What an expression may name, told to CEL's own checker.

An object becomes a protobuf message type made on the spot, so that `actor.age` is a typed field access: the checker
finds misspelt fields at their column, and `has()` means presence. (Dotted variable names, the other way to type
leaves, make cel-expr-python read `has(actor.age)` as the variable itself.)
"""

import re
from collections.abc import Mapping
from functools import cache

from cel_expr_python import cel
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, duration_pb2, struct_pb2, timestamp_pb2

from safehold.engine.language.types import Type

_PACKAGE = "safehold.types"
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_WELL_KNOWN = (any_pb2, duration_pb2, struct_pb2, timestamp_pb2)
_FIELD = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "bool": _FIELD.TYPE_BOOL,
    "int": _FIELD.TYPE_INT64,
    "uint": _FIELD.TYPE_UINT64,
    "double": _FIELD.TYPE_DOUBLE,
    "string": _FIELD.TYPE_STRING,
    "bytes": _FIELD.TYPE_BYTES,
}
_MESSAGES = {
    "timestamp": "google.protobuf.Timestamp",
    "duration": "google.protobuf.Duration",
    "list": "google.protobuf.ListValue",
    "map": "google.protobuf.Struct",
}


#: By cel-cpp's names (env/env_std_extensions.cc).
EXTENSIONS = (
    "bindings", "encoders", "lists", "math", "optional", "regex", "sets", "strings", "two-var-comprehensions",
)  # fmt: skip


@cache
def _extensions() -> cel.EnvConfig:
    return cel.NewEnvConfigFromYaml("extensions:\n" + "".join(f"- name: {name}\n" for name in EXTENSIONS))


class Environment:
    """The variables of an expression and CEL's checker for them.

    Beside CEL's standard functions, expressions have EXTENSIONS: all that cel-expr-python has but `proto`, which is about
    protobuf messages.
    Fields whose names are not identifiers cannot be written in CEL and are left out.
    """

    def __init__(self, variables: Mapping[str, Type]) -> None:
        self.variables = variables
        pool = descriptor_pool.DescriptorPool()
        for module in _WELL_KNOWN:
            known = descriptor_pb2.FileDescriptorProto()
            module.DESCRIPTOR.CopyToProto(known)
            pool.Add(known)
        self.objects: dict[str, Type] = {}
        self._file = descriptor_pb2.FileDescriptorProto(
            name="safehold/types.proto",
            package=_PACKAGE,
            syntax="proto3",
            dependency=[module.DESCRIPTOR.name for module in _WELL_KNOWN],
        )
        declared = {name: self._cel_type(kind) for name, kind in variables.items()}
        pool.Add(self._file)
        self.checker = cel.NewEnv(
            pool,
            variables={name: cel.Type(kind) if isinstance(kind, str) else kind for name, kind in declared.items()},
            config=_extensions(),
        )

    def object_named(self, message: str) -> Type | None:
        """The object behind a message type's name."""
        return self.objects.get(message)

    def _cel_type(self, kind: Type) -> cel.Type | str:
        """CEL's type; for an object its message name, because the type can be made only once the pool knows it."""
        if kind.name == "object":
            return self._message(kind)
        if kind.name == "list":
            return cel.Type.List(self._part(kind.parameters[0]))
        if kind.name == "map":
            return cel.Type.Map(self._part(kind.parameters[0]), self._part(kind.parameters[1]))
        if kind.name == "optional":
            return cel.Type.DYN  # no variable of a policy is one; an editor declares what a macro goes over
        simple: cel.Type = getattr(cel.Type, kind.name.upper())
        return simple

    def _part(self, kind: Type) -> cel.Type:
        part = self._cel_type(kind)
        return cel.Type.DYN if isinstance(part, str) else part

    def _message(self, kind: Type) -> str:
        name = f"T{len(self.objects)}"
        full_name = f"{_PACKAGE}.{name}"
        self.objects[full_name] = kind
        message = descriptor_pb2.DescriptorProto(name=name)
        names = [name for name in kind.fields if _IDENTIFIER.fullmatch(name)]
        for number, field_name in enumerate(names, start=1):
            field = message.field.add(
                name=field_name, json_name=f"f{number}", number=number, label=_FIELD.LABEL_OPTIONAL
            )
            self._describe(field, kind.fields[field_name].type, message)
            if field.type != _FIELD.TYPE_MESSAGE and field.label == _FIELD.LABEL_OPTIONAL:
                field.proto3_optional = True
                field.oneof_index = len(message.oneof_decl)
                message.oneof_decl.add(name=f"_o{number}")
        self._file.message_type.append(message)
        return full_name

    def _describe(
        self, field: descriptor_pb2.FieldDescriptorProto, kind: Type, owner: descriptor_pb2.DescriptorProto
    ) -> None:
        item = kind.parameters[0].name if kind.name == "list" else ""
        if kind.name in _SCALARS:
            field.type = _SCALARS[kind.name]
        elif kind.name == "object":
            field.type, field.type_name = _FIELD.TYPE_MESSAGE, f".{self._message(kind)}"
        elif item and item not in ("list", "map", "dyn", "null"):
            self._describe(field, kind.parameters[0], owner)
            field.label = _FIELD.LABEL_REPEATED
        elif kind.name == "map" and kind.parameters[1].name in _SCALARS:
            self._map_entry(field, kind, owner)
        else:
            field.type = _FIELD.TYPE_MESSAGE
            field.type_name = f".{_MESSAGES.get(kind.name, 'google.protobuf.Value')}"

    def _map_entry(
        self, field: descriptor_pb2.FieldDescriptorProto, kind: Type, owner: descriptor_pb2.DescriptorProto
    ) -> None:
        """A map field is a repeated nested message, named as protobuf names it (descriptor.proto, `map_entry`)."""
        camel = "".join(part[:1].upper() + part[1:] for part in field.name.split("_"))
        entry = owner.nested_type.add(name=f"{camel}Entry")
        entry.options.map_entry = True
        for number, (name, part) in enumerate(zip(("key", "value"), kind.parameters, strict=True), start=1):
            entry.field.add(name=name, number=number, label=_FIELD.LABEL_OPTIONAL, type=_SCALARS[part.name])
        field.type, field.label = _FIELD.TYPE_MESSAGE, _FIELD.LABEL_REPEATED
        field.type_name = f".{_PACKAGE}.{owner.name}.{entry.name}"
