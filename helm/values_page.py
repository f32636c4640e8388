"""The chart's README.md: what stands here, and every value of values.yaml."""

import json
from collections.abc import Iterator

from consumer.settings.setting import Setting
from helm.chart_settings import ACCOUNT_CONFIG, CONFIG, SET_BY_CHART, explained, key, yaml_text
from helm.values_file import Value, ValuesFile


def readme(head: str, values: ValuesFile) -> str:
    """The whole page: `head`, which people write, and the values."""
    return "\n".join([head, *_sections(values)])


def _sections(values: ValuesFile) -> Iterator[str]:
    yield "## Values\n"
    yield f"{values.head}\n"
    yield from _table(value for value in values.values if not value.children and value.name != "config")
    for value in values.values:
        if value.name == "config":
            yield f"### `config`\n\n{value.comment}\n"
            yield from _settings()
        elif value.children:
            yield f"### `{value.name}`\n\n{value.comment}\n"
            yield from _table(_leaves(value))


def _leaves(value: Value) -> Iterator[Value]:
    for child in value.children:
        if child.children:
            yield from _leaves(child)
        else:
            yield child


def _table(values: Iterator[Value]) -> Iterator[str]:
    yield "| value | default | what |\n|---|---|---|"
    for value in values:
        default = json.dumps(value.default, ensure_ascii=False)
        yield f"| `{value.path}` | `{_cell(default)}` | {_cell(value.comment)} |"
    yield ""


def _settings() -> Iterator[str]:
    yield "| key | variable | default | what |\n|---|---|---|---|"
    for setting in CONFIG:
        yield (
            f"| `{key(setting)}`{' ·' if setting in ACCOUNT_CONFIG else ''} | `{setting.variable}` "
            f"| {_default(setting)} | {_cell(explained(setting))} |"
        )
    names = ", ".join(f"`CONSUMER_{name}`" for name in sorted(SET_BY_CHART))
    yield f"\n· an account of `accounts` may set it too. The chart sets {names} itself.\n"


def _default(setting: Setting) -> str:
    if setting.required:
        return "**required**"
    return setting.default_text if setting.default is None else f"`{yaml_text(setting.default)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
