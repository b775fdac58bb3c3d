#!/usr/bin/env bash
# Makes the JSON schemas of this folder anew from Grafana's TypeScript types; needs node, npm and the network.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here"/{package.json,tsconfig.json,types.ts} "$work"
cd "$work"
npm install --ignore-scripts --no-audit --no-fund --no-package-lock --silent
for type in $(sed -nE 's/^export (interface|type) ([A-Za-z]+).*/\2/p' types.ts); do
  # Unknown keys are refused, which is the point: no --additional-properties.
  npx ts-json-schema-generator --path types.ts --tsconfig tsconfig.json --type "$type" \
    --no-type-check --jsDoc none --out "$here/$type.json"
  echo "$type.json"
done
