#!/usr/bin/env bash
# Prints the manifests of base/tenure.yaml, rendered from the chart:
#
#   deploy/kustomize/render.sh > deploy/kustomize/base/tenure.yaml
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")"
echo '# Rendered by deploy/kustomize/render.sh from the chart. Change it there.'
helm template tenure ../helm/tenure --values values.yaml |
  sed -e '/^$/d' -e '/^# Source: /d' -e '/ helm\.sh\/chart: /d' -e '/ app\.kubernetes\.io\/managed-by: /d'
