"""values.yaml with its comments: each value, what is said above it, and the schema that its comment gives.

Above a value stand comment lines that say what it is. One may be `# schema: …`, JSON Schema as YAML, for what
the default can't tell; `external`, `accounts` name a schema of `values_schema`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

_SCHEMA = "schema: "


@dataclass(frozen=True, slots=True)
class Value:
    """One value: its dotted path, default, comment, and the values in it where the chart names them."""

    path: str
    default: Any
    comment: str
    schema: Any
    children: tuple["Value", ...] = ()

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]


@dataclass(slots=True)
class ValuesFile:
    """All top-level values of a values.yaml, in its order. Raises ValueError where one says nothing."""

    text: str
    values: tuple[Value, ...] = field(init=False)

    def __post_init__(self) -> None:
        root = yaml.compose(self.text, Loader=yaml.SafeLoader)
        assert isinstance(root, yaml.MappingNode)  # noqa: S101  (narrows the type)
        self.values = tuple(self._values(root, ""))

    @property
    def head(self) -> str:
        """What the file says of itself."""
        return "\n".join(_taken_while_comment(self.text.splitlines()))

    def _values(self, mapping: yaml.MappingNode, prefix: str) -> Iterator[Value]:
        for key, node in mapping.value:
            path = f"{prefix}{key.value}"
            comment, schema = self._said_above(key)
            if not comment:
                raise ValueError(f"values.yaml: nothing is said of {path}")
            opened = isinstance(node, yaml.MappingNode) and node.value and schema is None
            children = tuple(self._values(node, f"{path}.")) if opened and path != "config" else ()
            yield Value(path, _constructed(node), comment, schema, children)

    def _said_above(self, key: yaml.Node) -> tuple[str, Any]:
        lines = self.text.splitlines()[: key.start_mark.line]
        indent = " " * key.start_mark.column
        above: list[str] = []
        for line in reversed(lines):
            if not line.startswith(f"{indent}#"):
                break
            above.insert(0, line.removeprefix(f"{indent}#").strip())
        schemas = [yaml.safe_load(line.removeprefix(_SCHEMA)) for line in above if line.startswith(_SCHEMA)]
        text = " ".join(line for line in above if not line.startswith(_SCHEMA))
        return text, schemas[0] if schemas else None


def _constructed(node: yaml.Node) -> Any:
    return yaml.SafeLoader("").construct_document(node)


def _taken_while_comment(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if not line.startswith("#"):
            return
        yield line.removeprefix("#").strip()
