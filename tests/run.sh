#!/usr/bin/env bash
# Runs all tests, also on a fresh machine: installs the packages that the build
# needs, runs the groups below in order, and prints the time of each with its
# budget. CARGO_TARGET_DIR is Cargo's build folder; the default is target/.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: tests/run.sh [--long]
  --long   many more cases, seeds and kills, the slowest broker tests, every
           mutation, a minute of fuzzing for each target, and the container image
USAGE
}

# The groups in order, each with its budget in minutes on a warm build. Group
# NAME is the function group_NAME.
groups=(compile:5 lint:2 suite:5 deploy:2 broker:14)
long_groups=(mutations:20 fuzz:12 deny:2 image:5)

# Everything is compiled with the crash points at which tests kill the daemon.
features=(--features crash-points)

group_compile() {
  cargo test --locked "${features[@]}" --no-run
}

group_lint() {
  local rc=0
  if cargo fmt --version >/dev/null 2>&1; then
    cargo fmt --check || rc=1
  else
    echo 'skipped: cargo fmt (rustfmt is not installed)'
    skipped+=(fmt)
  fi
  if cargo clippy --version >/dev/null 2>&1; then
    cargo clippy --locked "${features[@]}" --all-targets -- -D warnings || rc=1
  else
    echo 'skipped: cargo clippy (clippy is not installed)'
    skipped+=(clippy)
  fi
  RUSTDOCFLAGS='-D warnings -A rustdoc::private-intra-doc-links' \
    cargo doc --locked --quiet --no-deps --lib --document-private-items || rc=1
  # The fuzz targets compile the core on their own.
  cargo check --locked --quiet --manifest-path tests/fuzz/Cargo.toml || rc=1
  return "$rc"
}

group_suite() {
  local -a more=("TENURE_SEEDS=${TENURE_SEEDS:-10000}")
  if ! command -v promtool >/dev/null; then
    echo 'skipped: promtool check metrics (promtool is not on PATH)'
    skipped+=(promtool)
  fi
  ((!long)) || more=(PROPTEST_CASES=20000 "TENURE_SEEDS=${TENURE_SEEDS:-100000}")
  # Cargo does not run documentation tests together with other targets.
  env "${more[@]}" cargo test --locked "${features[@]}" --lib --bins --test suite --test mutations &&
    cargo test --locked "${features[@]}" --doc
}

# Chart, manifests, and the commands of deploy/README.md, without a cluster.
group_deploy() {
  local -a missing
  mapfile -t missing < <(tests/deploy/check.sh --missing)
  skipped+=("${missing[@]}")
  tests/deploy/check.sh
}

# Do the tests find defects? Compiles the package once for each mutation.
group_mutations() {
  cargo test --locked "${features[@]}" --test mutations -- --ignored
}

# Licences, sources and banned crates of all dependencies (deny.toml).
group_deny() {
  if ! cargo deny --version >/dev/null 2>&1; then
    echo 'skipped: cargo deny (cargo install --locked cargo-deny)'
    skipped+=(deny)
    return 0
  fi
  cargo deny --locked check licenses bans sources
}

# Fuzzes each target for a minute. The suite replays the inputs found so far.
group_fuzz() {
  tests/fuzz/run.sh 60
}

# Against a real Kafka broker, which the tests start and stop themselves.
group_broker() {
  get_kafka || return
  local -a more=() arguments=()
  if ((long)); then
    more=("TENURE_KILLS=${TENURE_KILLS:-200}")
    # With the tests that wait longest for time to pass.
    arguments=(-- --include-ignored)
  fi
  # Two at a time: each test runs a daemon, and most share one broker.
  env "${more[@]}" RUST_TEST_THREADS="${RUST_TEST_THREADS:-2}" \
    cargo test --locked "${features[@]}" --test broker "${arguments[@]}"
}

# Builds the container image and runs it.
group_image() {
  local rc=0
  { get_kafka && tests/deploy/image.sh; } || rc=$?
  if ((rc == 77)); then
    skipped+=(image)
    rc=0
  fi
  return "$rc"
}

# Downloads the broker's jars into the folder TENURE_KAFKA_LIBS, which it sets. The pom is copied last: an equal
# copy in the folder means that the jars are complete and of this pom, and nothing is downloaded.
get_kafka() {
  local folder pom=tests/kafka/pom.xml
  folder=$(realpath -m "${TENURE_KAFKA_LIBS:-${CARGO_TARGET_DIR:-target}/kafka-libs}")
  export TENURE_KAFKA_LIBS=$folder
  setup broker || return
  ! cmp -s "$pom" "$folder/pom.xml" || return 0
  echo "fetching the jars of Apache Kafka into $folder"
  rm -f "$folder/pom.xml" "$folder"/*.jar
  mvn -q -B -f "$pom" dependency:copy-dependencies -DoutputDirectory="$folder" &&
    cp "$pom" "$folder/pom.xml"
}

# Seconds as minutes with one decimal.
minutes() { printf '%d.%d' $(($1 / 60)) $(($1 % 60 / 6)); }

# run_group NAME BUDGET: adds NAME to passed or failed, and to over.
run_group() {
  local name=$1 budget=$2 start=$SECONDS outcome=passed took
  printf '\n== %s (budget %d min)\n' "$name" "$budget"
  if "group_$name"; then passed+=("$name"); else
    outcome=FAILED
    failed+=("$name")
  fi
  took=$((SECONDS - start))
  printf '== %s %s: %s min of %d min\n' "$name" "$outcome" "$(minutes "$took")" "$budget"
  if ((took > budget * 60)); then
    over+=("$name")
    printf 'WARNING: %s took more than its %d min (the budget is for a warm build)\n' \
      "$name" "$budget"
  fi
}

long=0
for arg in "$@"; do
  case $arg in
  --long) long=1 ;;
  -h | --help)
    usage
    exit 0
    ;;
  *)
    usage >&2
    exit 2
    ;;
  esac
done

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/setup.sh
. deploy/setup.sh
setup

((!long)) || groups+=("${long_groups[@]}")
passed=() failed=() over=() skipped=()
for group in "${groups[@]}"; do
  run_group "${group%%:*}" "${group##*:}"
  if [[ ${failed[*]} == compile ]]; then
    echo 'compilation failed: the other groups are skipped'
    break
  fi
done

printf '\n'
((${#over[@]} == 0)) || echo "over budget: ${over[*]}"
summary="passed: ${passed[*]:-none}"
((${#skipped[@]} == 0)) || summary+="; skipped: ${skipped[*]}"
summary+=" ($(minutes "$SECONDS") min)"
if ((${#failed[@]})); then
  echo "FAILED: ${failed[*]}; $summary"
  exit 1
fi
echo "$summary"
