"""The schemas that kubeconform judges by: Kubernetes's own, from a pinned package, and the CRDs in crds/."""

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

CRDS = Path(__file__).parent / "crds"
_BUILT_IN = {
    "ConfigMap": "configmap-v1",
    "Deployment": "deployment-apps-v1",
    "Pod": "pod-v1",
    "Job": "job-batch-v1",
    "NetworkPolicy": "networkpolicy-networking-v1",
    "PodDisruptionBudget": "poddisruptionbudget-policy-v1",
    "ServiceAccount": "serviceaccount-v1",
}


def write_schemas(directory: Path, kubernetes: str) -> str:
    """Write them for a version such as 1.34; the location as kubeconform wants it."""
    source = files("kubernetes_validate") / "kubernetes-json-schema" / f"v{kubernetes}.0-local-strict"
    definitions = json.loads((source / "_definitions.json").read_text())["$defs"]
    for name in _BUILT_IN.values():
        schema = json.loads((source / f"{name}.json").read_text())
        (directory / f"{name}.json").write_text(json.dumps(_inlined(schema, definitions)))
    for name, schema in custom_schemas().items():
        (directory / f"{name}.json").write_text(json.dumps(schema))
    return f"{directory}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json"


@cache
def custom_schemas() -> dict[str, Any]:
    """By kubeconform's name, strict: an API server would drop what a CRD doesn't know, without a word."""
    schemas = {}
    for path in CRDS.glob("*.yaml"):
        spec = yaml.safe_load(path.read_text())["spec"]
        for version in spec["versions"]:
            name = f"{spec['names']['kind'].lower()}-{spec['group'].split('.')[0]}-{version['name']}"
            schemas[name] = _strict(version["schema"]["openAPIV3Schema"])
    return schemas


def _inlined(node: Any, definitions: dict[str, Any]) -> Any:
    """Without references, which kubeconform can't follow, and without what makes it look for them."""
    if isinstance(node, list):
        return [_inlined(each, definitions) for each in node]
    if not isinstance(node, dict):
        return node
    if isinstance(reference := node.get("$ref"), str):
        return _inlined(definitions[reference.rpartition("/")[2]], definitions)
    return {
        name: _inlined(each, definitions) for name, each in node.items() if name not in {"$id", "$schema"}
    }


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(each) for each in node]
    if not isinstance(node, dict):
        return node
    made = {name: _strict(each) for name, each in node.items()}
    if node.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    if isinstance(node.get("properties"), dict) and "additionalProperties" not in node:
        metadata = set(node["properties"]) == {"metadata"}
        made["additionalProperties"] = bool(metadata or node.get("x-kubernetes-preserve-unknown-fields"))
    return made
