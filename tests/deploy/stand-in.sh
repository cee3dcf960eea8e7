#!/usr/bin/env bash
# Stands in for helm, kubectl and tenure while check.sh runs the commands of
# deploy/README.md, under their names: helm renders instead of installing, and
# what needs a cluster is only parsed (--help fails on an unknown flag).
set -euo pipefail

case ${0##*/} in
helm)
  if [[ $1 == upgrade && $2 == --install ]]; then
    exec "$HELM" template "${@:3}" >/dev/null
  fi
  exec "$HELM" "$@" --help
  ;;
kubectl)
  [[ $1 != kustomize ]] || exec "$KUBECTL" "$@"
  words=()
  for word; do
    [[ $word != -- ]] || break
    words+=("$word")
  done
  exec "$KUBECTL" "${words[@]}" --help
  ;;
tenure) ;; # The suite checks these commands.
esac
