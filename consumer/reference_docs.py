"""The reference pages in docs/, from the tables: `python -m consumer.reference_docs [--check]`."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from consumer.settings.accounts_file import MAX_ACCOUNTS
from consumer.settings.setting import Setting
from consumer.settings.table import GROUPS, SETTINGS
from consumer.telemetry.event_lines import FIELDS
from consumer.telemetry.names import METRIC_TABLE, MetricInfo

DOCS = Path(__file__).parent.parent / "docs"
LOGS = DOCS / "logs-and-traces.md"
_FIELDS_BEGIN, _FIELDS_END = "<!-- fields: begin -->", "<!-- fields: end -->"

_SETTINGS_HEAD = """\
# Settings

Environment variables, or files of the same name in the directory `CONSUMER_SECRETS_DIR` (a mounted secret).
An empty one counts as not set. One that is set in both places must say the same in both; one line break at
a file's end is taken off. Anything wrong or missing stops the start with every problem listed, and exit
code 2. A variable with our prefix that is no setting is only a warning: Kubernetes injects such names.

Durations are decimal seconds. Sizes are bytes, without a unit.
"""

_ACCOUNTS_FILE = f"""\
## The accounts file

Several Zoho accounts in one deployment: `CONSUMER_ACCOUNTS_FILE` names a YAML file, at most 1 MiB and
{MAX_ACCOUNTS} accounts. Each stands under `accounts` by its name ({{names}}),
with its settings: the names above without `CONSUMER_` and in lower case. A secret never stands in the file;
its key ends in `_file` and names a file that holds it, where a relative path starts at the accounts file's
directory.

```yaml
{{example}}```

- What an account doesn't set comes from the environment and `CONSUMER_SECRETS_DIR`, then from the defaults.
  Topics that neither names are called after the account's own source topic. An account that says where Zoho
  is (`zoho_data_centre`, or both URLs) takes none of the three from the environment.
- An account may set: {{keys}}.
- All other settings are the process's and stay in the environment. `CONSUMER_ACCOUNT` must be unset.
- Values are taken as they are written: `30`, `"30"` and `in` need no care. An empty value or `null` counts as
  not set. Aliases (`*name`), tags and a second document are refused.
- A topic belongs to one account, and so does a refresh token: two accounts with the same one are refused,
  because one Zoho account has one quota. The same OAuth client in two accounts is only a warning: it may
  serve two Zoho accounts.
- Memory: some 60 MiB and 0.2 MiB for each account, and what waits: all accounts share the largest
  `backlog_bytes`, and each may hold an even share of it whatever the others hold, so twice that at most.
- While `run` runs, changed secret files are taken over as those of `CONSUMER_SECRETS_DIR` are. An account
  that is added or removed counts from the next start.
- Every problem is said at once, as `FILE:LINE accounts.NAME.KEY …`, and ends the start with exit code 2.
"""

_EXAMPLE_FILE = Path(__file__).parent.parent / "docs" / "examples" / "accounts.yaml"

_METRICS_HEAD = """\
# Metrics

`GET /metrics` on `CONSUMER_HTTP_PORT`, Prometheus text. Every series whose labels are known is there from the
start, at 0. Beside these there are the Prometheus client's `process_…` metrics.
"""


def settings_page() -> str:
    """docs/settings.md."""
    return "\n".join([_SETTINGS_HEAD, *_settings_sections(), _accounts_file()])


def metrics_page() -> str:
    """docs/metrics.md."""
    rows = [(f"`{info.full_name}`", info.kind, _labels(info), info.meaning) for info in METRIC_TABLE]
    return "\n".join([_METRICS_HEAD, *_table(("metric", "kind", "labels", "meaning"), rows)]) + "\n"


def logs_page() -> str:
    """docs/logs-and-traces.md: prose as it stands there, and the fields of an event's line."""
    head, rest = LOGS.read_text(encoding="utf-8").split(_FIELDS_BEGIN)
    tail = rest.partition(_FIELDS_END)[2]
    rows = [(f"`{name}`", meaning) for name, meaning in FIELDS]
    return "\n".join([head + _FIELDS_BEGIN, *_table(("field", "meaning"), rows), _FIELDS_END + tail])


def pages() -> dict[Path, str]:
    """Every generated page by its path."""
    return {
        DOCS / "settings.md": settings_page(),
        DOCS / "metrics.md": metrics_page(),
        LOGS: logs_page(),
    }


def main(arguments: list[str]) -> int:
    """Write the pages; with `--check` only say which are not up to date, and return 1 if any is not."""
    stale = [
        path
        for path, text in pages().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    if "--check" in arguments:
        for path in stale:
            sys.stderr.write(f"docs/{path.name} is not up to date; run python -m consumer.reference_docs\n")
        return 1 if stale else 0
    DOCS.mkdir(exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
    return 0


def _settings_sections() -> Iterator[str]:
    for group in GROUPS:
        yield f"## {group}\n"
        yield from _table(
            ("setting", "default", "unit", "meaning"),
            [_settings_row(setting) for setting in SETTINGS if setting.group == group],
        )
        yield ""


def _accounts_file() -> str:
    keys = ", ".join(f"`{setting.account_key}`" for setting in SETTINGS if setting.of_account)
    return _ACCOUNTS_FILE.format(
        names="1 to 63 letters, digits, dots, hyphens or underscores",
        example=_EXAMPLE_FILE.read_text(encoding="utf-8"),
        keys=keys,
    )


def _settings_row(setting: Setting) -> tuple[str, ...]:
    meaning = setting.meaning
    if setting.secret:
        meaning += " Secret."
    return f"`{setting.variable}`", _default(setting), setting.unit, meaning


def _default(setting: Setting) -> str:
    if setting.required:
        return "**required**"
    if setting.default_text:
        return setting.default_text
    default = setting.default
    if default is None:
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def _labels(info: MetricInfo) -> str:
    known = {label: ", ".join(f"`{value}`" for value in values) for label, values in info.labels}
    return "; ".join(
        f"`{name}` ({known[name]})" if known.get(name) and name != "account" else f"`{name}`"
        for name in info.label_names
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
