"""`python -m tests.chart.crds FILE < upstream.yaml`: a CRD as upstream publishes it, without its prose."""

import sys
from pathlib import Path
from typing import Any

import yaml


def without_prose(node: Any) -> Any:
    """The same without descriptions, which are most of it. A property may be called `description`, too."""
    if isinstance(node, list):
        return [without_prose(each) for each in node]
    if isinstance(node, dict):
        return {
            name: without_prose(each)
            for name, each in node.items()
            if name != "description" or not isinstance(each, str)
        }
    return node


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(yaml.safe_dump(without_prose(yaml.safe_load(sys.stdin)), sort_keys=False))
