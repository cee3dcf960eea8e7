#!/usr/bin/env bash
# Checks what is under deploy/: the chart, the base for kustomize, the commands
# and files of deploy/README.md, the Dockerfile, and the workflows. Needs no
# cluster. A check whose tool is missing is skipped, and this is printed;
# tests/deploy/tools.sh installs them.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: tests/deploy/check.sh [--missing]
  --missing   print the names of the tools that are missing, and check nothing
USAGE
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$root/tests/deploy
chart=$root/deploy/helm/tenure

has() { command -v "$1" >/dev/null; }

# A Python that can read YAML: that of the tools, or the system's.
find_python() {
  local candidate
  for candidate in "$(dirname "$(readlink -f "$(command -v kubernetes-validate || true)")")/python" python3; do
    if has "$candidate" && "$candidate" -c 'import yaml, tomllib' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
}

# The modules of the Go program are downloaded at its first build.
has_operator_types() { has go && (cd "$here/operator" && go mod download >/dev/null 2>&1); }

missing_tools() {
  local tool
  for tool in helm kubectl kubernetes-validate yamllint hadolint actionlint; do has "$tool" || echo "$tool"; done
  [[ -n $(find_python) ]] || echo pyyaml
  has_operator_types || echo operator-types
}

case ${1:-} in
'') ;;
--missing)
  missing_tools
  exit
  ;;
*)
  usage >&2
  exit 2
  ;;
esac

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python=$(find_python)
program=${CARGO_TARGET_DIR:-$root/target}/debug/tenure
failures=0

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  failures=$((failures + 1))
}

# passes COMMAND…: prints its output, without its information, if it fails.
passes() {
  "$@" >"$scratch/output" 2>&1 && return
  grep -v -e 'found symbolic link' -e '^INFO ' "$scratch/output" >&2 || true
  fail "$*"
}

# need TOOL: whether it is there; says that its checks are skipped otherwise.
need() {
  has "$1" && return
  printf 'skipped: the checks with %s (tests/deploy/tools.sh)\n' "$1"
  return 1
}

# The releases have the names of their files.
render() { helm template "$(basename "$1" .yaml)" "$chart" --values "$1" "${@:2}"; }

# refuses WORDS VALUES…: a rendering fails, and its message has the words.
refuses() {
  local words=$1 output
  shift
  if output=$(render "$here/values/minimal.yaml" "$@" 2>&1); then
    fail "accepted: $*"
  elif [[ $output != *"$words"* ]]; then
    fail "$*: the message lacks \"$words\": $output"
  fi
}

check_chart() {
  local values
  passes helm lint --strict "$chart" --values "$here/values/minimal.yaml"
  mkdir "$scratch/rendered"
  for values in "$here"/values/*.yaml; do
    passes helm lint --strict "$chart" --values "$values"
    render "$values" 2>/dev/null >"$scratch/rendered/$(basename "$values")" || fail "rendering of $values"
  done
  refuses "'replica' not allowed" --set replica=3
  refuses "'broker' not allowed" --set settings.kafka.broker=kafka:9092
  refuses "'custmer_id' not allowed" --set 'settings.input[0].topic=a,settings.input[0].mapping.custmer_id=a'
  refuses "'password' not allowed" --set settings.kafka.security.password=secret
  refuses "invalid propertyName 'sasl.password'" --set 'settings.kafka.properties.sasl\.password=secret'
  refuses "/settings/store/memory" --set settings.store.memory=1Gi
  refuses 'settings.kafka.app is required' --set settings.kafka.app=
  refuses 'settings.kafka.brokers is required' --set settings.kafka.brokers=
  refuses 'a model is required' --set models.files=null
  refuses 'needs a Secret with the password' --set settings.kafka.security.protocol=sasl_ssl
  refuses 'set either files or existingConfigMap' --set models.existingConfigMap=a
  refuses 'b.yaml is not in models.files' --set 'models.names={b.yaml}'
  refuses 'workers: 0 means the cores' --set settings.runtime.workers=0
  refuses 'set memory instead' --set resources.limits.memory=1Gi
  check_package
  check_roll
  check_notes
}

# A package has the files behind the links, and renders the same.
check_package() {
  passes helm package "$chart" --destination "$scratch/package"
  local content=$scratch/package/content
  mkdir -p "$content"
  tar -xzmf "$scratch"/package/*.tgz -C "$content"
  cmp "$content/tenure/files/rules.yaml" "$root/deploy/prometheus/rules.yaml" || fail 'rules in the package'
  [[ -z $(find "$content" -type l -o -name '*.toml') ]] || fail 'links or descriptions in the package'
  helm template secured "$content/tenure" --values "$here/values/secured.yaml" 2>/dev/null |
    cmp - "$scratch/rendered/secured.yaml" || fail 'the package renders something else'
}

# The annotations by which changed settings and models restart the pods.
check_roll() {
  local -A sums
  local name
  sums[same]=$(roll_sums)
  [[ $(wc -l <<<"${sums[same]}") == 2 ]] || fail "checksums: ${sums[same]}"
  sums[settings]=$(roll_sums --set settings.time.lateness=1s)
  sums[models]=$(roll_sums --set-string 'models.files.more\.yaml=text')
  for name in settings models; do
    [[ $(comm -13 <(sort <<<"${sums[same]}") <(sort <<<"${sums[$name]}")) == *"checksum/$name: "* ]] ||
      fail "a change of $name does not restart the pods"
  done
  [[ $(roll_sums --set reload.enabled=true) != *checksum/models* ]] || fail 'reload and restart at once'
}

roll_sums() { render "$here/values/minimal.yaml" "$@" 2>/dev/null | grep -o 'checksum/.*'; }

check_notes() {
  local name notes hint=group.consumer.session.timeout.ms
  if [[ $(helm version --template '{{.Version}}') == v3.* ]]; then
    echo 'skipped: the notes of the chart, for which Helm 3 needs a cluster'
    return
  fi
  for name in minimal reload; do
    notes=$(helm install shop "$chart" --namespace crm --values "$here/values/$name.yaml" --dry-run=client 2>/dev/null) ||
      fail "installation of $name"
    [[ $notes == *'kubectl -n crm exec shop-tenure-0 -- tenure state'* ]] || fail "notes of $name"
    # Where the brokers decide about the session timeout.
    [[ $name == reload && $notes == *"$hint"* || $name != reload && $notes != *"$hint"* ]] || fail "$hint in $name"
  done
}

check_base() {
  "$root/deploy/kustomize/render.sh" 2>/dev/null | diff - "$root/deploy/kustomize/base/tenure.yaml" ||
    fail 'the base is not rendered from the chart: deploy/kustomize/render.sh > deploy/kustomize/base/tenure.yaml'
  cp "$root/deploy/kustomize/base/tenure.yaml" "$scratch/rendered/base.yaml"
}

# Runs the commands of the part on Kubernetes in deploy/README.md, with its
# files: helm renders instead of installing, and commands that need a cluster
# are only parsed.
check_readme() {
  local folder=$scratch/readme name
  mkdir -p "$folder"
  cp -a "$root/deploy" "$root/config" "$folder"
  (cd "$folder" && write_blocks <"$root/deploy/README.md")
  mkdir "$folder/bin"
  for name in helm kubectl tenure; do cp "$here/stand-in.sh" "$folder/bin/$name"; done
  if ! (cd "$folder" && HELM=$(command -v helm) KUBECTL=$(command -v kubectl) PATH=$folder/bin:$PATH \
    bash -xeuo pipefail commands.sh) >"$scratch/output" 2>&1; then
    tail -n 5 "$scratch/output" >&2
    fail 'the commands of deploy/README.md'
  fi
  helm template shop "$chart" --values "$folder/shop.yaml" --set-file "models.files.retail\.yaml=$folder/retail.yaml" \
    >"$scratch/rendered/readme.yaml" 2>/dev/null || fail 'shop.yaml of deploy/README.md'
  passes kubectl kustomize "$root/deploy/kustomize/base"
  kubectl kustomize "$folder/deploy/kustomize/shop" >"$scratch/rendered/overlay.yaml" || fail 'the overlay'
  for name in 'image: registry.example.com/tenure:0.1.0' 'replicas: 3' 'namespace: shop' 'app = "shop"'; do
    grep -q "$name" "$scratch/rendered/overlay.yaml" || fail "the overlay lacks $name"
  done
}

# Writes the fenced blocks of the part on Kubernetes: those of shell commands
# into commands.sh, others into the file that their first line names.
write_blocks() {
  awk '
    /^## / { on = $0 == "## Kubernetes" }
    !on { next }
    /^```$/ { file = ""; next }
    /^```sh$/ { file = "commands.sh"; next }
    /^```/ { file = "?"; next }
    file == "?" { file = $2; folder = file; if (sub("/[^/]*$", "", folder)) system("mkdir -p " folder) }
    file { print > file }'
}

check_manifests() {
  local files=("$scratch"/rendered/*.yaml)
  if need kubernetes-validate; then
    local version
    # The oldest version of the chart, and the newest.
    for version in "$(sed -n 's/^kubeVersion: ">=\([0-9]*\.[0-9]*\).*/\1/p' "$chart/Chart.yaml")" 1.37; do
      passes kubernetes-validate --strict --kubernetes-version "$version" "${files[@]}"
      # Unknown kinds are only a warning: those of the operator are checked below.
      grep 'find schema' "$scratch/output" | grep -v 'monitoring.coreos.com' >&2 && fail 'kinds without a schema'
    done
  fi
  if [[ -n $python ]]; then
    local -a arguments=()
    if [[ -x $program ]]; then arguments=(--program "$program"); else
      echo 'skipped: the settings are not loaded by the program (cargo build)'
    fi
    passes "$python" "$here/manifests.py" "${arguments[@]}" "${files[@]}"
  else
    echo 'skipped: the assertions on manifests (no Python with PyYAML)'
  fi
  if has_operator_types; then
    local found
    found=$(cat "${files[@]}" | (cd "$here/operator" && go run .)) || fail "the operator's types"
    [[ $found == '3 custom resources' ]] || fail "the operator's types: $found"
  else
    echo "skipped: the operator's types (no Go, or its modules cannot be downloaded)"
  fi
}

check_yaml() {
  local rules='{extends: default, rules: {document-start: disable, line-length: {max: 200},
    indentation: {indent-sequences: false}, comments: {min-spaces-from-content: 1}, truthy: {check-keys: false}}}'
  passes yamllint --strict --config-data "$rules" "$chart"/{Chart,values}.yaml "$here/values" "$root/deploy/kustomize"
}

check_documentation() {
  # Every value has a comment `# -- `, or is below one.
  awk '
    /^ *#/ { has_comment = has_comment || /# -- /; next }
    /^ *[A-Za-z]+:/ {
      match($0, /^ */)
      documented[RLENGTH] = has_comment || (RLENGTH && documented[RLENGTH - 2])
      if (!/:$/ && !documented[RLENGTH]) { print FILENAME ":" FNR ": no comment `# -- `: " $0; bad = 1 }
    }
    { has_comment = 0 }
    END { exit bad }' "$chart/values.yaml" || fail 'undocumented values'
}

check_documentation
if need helm; then
  check_chart
  check_base
  if need kubectl; then check_readme; fi
  check_manifests
fi
if need yamllint; then check_yaml; fi
if [[ -e $root/deploy/Dockerfile ]] && need hadolint; then passes hadolint "$root/deploy/Dockerfile"; fi
if compgen -G "$root/.github/workflows/*.yml" >/dev/null && need actionlint; then
  passes actionlint "$root"/.github/workflows/*.yml
fi

if ((failures)); then
  echo "$failures checks of deploy/ failed" >&2
  exit 1
fi
