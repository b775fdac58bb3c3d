"""``python -m tests.compose.subset SWAGGER CRD... > FILE``: the schemas of the kinds we use.

Of Kubernetes' OpenAPI document (``api/openapi-spec/swagger.json``) and of custom resource
definitions, the kinds of `compose.kubernetes` and what they refer to, as one JSON schema without
descriptions. Objects take no property that they do not name, as the API server with
``--validate=strict`` sees it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

import yaml

__all__ = ["KINDS"]

KINDS: Final = (
    *("ConfigMap", "Deployment", "Job", "NetworkPolicy", "PodDisruptionBudget", "Service"),
    *("ServiceAccount", "PrometheusRule", "ServiceMonitor"),
)
_KEY: Final = "x-kubernetes-group-version-kind"
_TEXT_OR_NUMBER: Final = "x-kubernetes-int-or-string"


def _strict(schema: Any) -> Any:
    """Without descriptions, and closed to what is not named."""
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get(_TEXT_OR_NUMBER) or schema.get("format") == "int-or-string":
        return {"type": ["integer", "string"]}
    held = {
        key: {name: _strict(one) for name, one in value.items()}
        if key == "properties"
        else _strict(value)
        for key, value in schema.items()
        if key not in ("description", "default", "example") and not key.startswith("x-kubernetes-")
    }
    if "properties" in held and "additionalProperties" not in held:
        held["additionalProperties"] = False
    return held


def _reached(name: str, all_of_them: dict[str, Any], found: dict[str, Any]) -> None:
    if name not in found:
        # A quantity may be written as a number, and the document says text alone.
        quantity = name.endswith(".Quantity")
        found[name] = {"type": ["string", "number"]} if quantity else _strict(all_of_them[name])
        for other in _references(found[name]):
            _reached(other, all_of_them, found)


def _references(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return set().union(*map(_references, schema))
    if not isinstance(schema, dict):
        return set()
    own = schema.get("$ref")
    named = {own.rpartition("/")[2]} if isinstance(own, str) else set()
    return named.union(*map(_references, schema.values()))


def subset(swagger: Path, resources: list[Path]) -> dict[str, Any]:
    """Return one JSON schema: ``kinds`` leads from "apiVersion/kind" to its definition."""
    all_of_them = json.loads(swagger.read_bytes())["definitions"]
    kinds: dict[str, Any] = {}
    definitions: dict[str, Any] = {}
    for name, one in all_of_them.items():
        for key in one.get(_KEY, ()):
            version = f"{key['group']}/{key['version']}".lstrip("/")
            if key["kind"] in KINDS and key["version"] == "v1" and len(one[_KEY]) == 1:
                kinds[f"{version}/{key['kind']}"] = {"$ref": f"#/definitions/{name}"}
                _reached(name, all_of_them, definitions)
    meta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
    for file in resources:
        spec = yaml.safe_load(file.read_text(encoding="utf-8"))["spec"]
        kind, (version,) = spec["names"]["kind"], spec["versions"]
        schema = _strict(version["schema"]["openAPIV3Schema"])
        schema["properties"]["metadata"] = {"$ref": f"#/definitions/{meta}"}
        kinds[f"{spec['group']}/{version['name']}/{kind}"] = schema
    return {"kinds": kinds, "definitions": definitions}


if __name__ == "__main__":
    made = subset(Path(sys.argv[1]), [Path(one) for one in sys.argv[2:]])
    sys.stdout.write(json.dumps(made, sort_keys=True, separators=(",", ":")) + "\n")
