"""The chart's pages and schema from values.yaml and the settings: `python -m helm.generate [--check]`.

Written: the settings in values.yaml, values.schema.json, README.md after what README.md.in says, the
dashboard, and docs/alerts.md from the alerts' rules.
"""

import json
import sys
from pathlib import Path

from helm.alerts_page import alerts_page
from helm.chart_settings import config_block
from helm.dashboard import dashboard
from helm.values_file import ValuesFile
from helm.values_page import readme
from helm.values_schema import values_schema

CHART = Path(__file__).parent / "session-consumer"
RULES = CHART / "files" / "rules" / "session-consumer.yaml"
DASHBOARD = CHART / "files" / "dashboards" / "session-consumer.json"
ALERTS_PAGE = CHART.parent.parent / "docs" / "alerts.md"


def generated_texts() -> dict[Path, str]:
    """Every generated file and what has to be in it."""
    path = CHART / "values.yaml"
    text = config_block(path.read_text(encoding="utf-8"))
    values = ValuesFile(text)
    return {
        path: text,
        CHART / "values.schema.json": json.dumps(values_schema(values), indent=2, ensure_ascii=False) + "\n",
        CHART / "README.md": readme((CHART / "README.md.in").read_text(encoding="utf-8"), values),
        DASHBOARD: dashboard(),
        ALERTS_PAGE: alerts_page(RULES.read_text(encoding="utf-8")),
    }


def main(arguments: list[str]) -> int:
    """Write the files; with `--check` only say which are not up to date, and return 1 if any is not."""
    stale = {
        path: text
        for path, text in generated_texts().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    }
    for path, text in stale.items():
        if "--check" in arguments:
            sys.stderr.write(f"{path.name} is not up to date; run make generate\n")
        else:
            path.write_text(text, encoding="utf-8")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
