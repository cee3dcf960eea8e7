#!/usr/bin/env bash
# Fuzzes: builds the core with coverage counters and lets libFuzzer look for
# inputs that break a target's promises. Needs no nightly and no cargo-fuzz.
# What it finds stays beside the build, for the next time to go on from.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: tests/fuzz/run.sh SECONDS [TARGET...]
  fuzzes each target (without a name: all of them) for so many seconds
USAGE
}

seconds=${1-}
if [[ ! $seconds =~ ^[1-9][0-9]*$ ]]; then
  usage >&2
  exit 2
fi
shift

cd "$(dirname "${BASH_SOURCE[0]}")"
build=$(realpath -m "${CARGO_TARGET_DIR:-../../target}/fuzz")
host=$(rustc -vV | sed -n 's/^host: //p')
flags='-Cpasses=sancov-module'
for option in level=4 inline-8bit-counters pc-table trace-compares; do
  flags+=" -Cllvm-args=-sanitizer-coverage-$option"
done
# With --target the flags are not for build scripts and macros, which would not link.
RUSTFLAGS=$flags CARGO_TARGET_DIR=$build \
  cargo build --quiet --locked --release --target "$host"

# fuzz TARGET: prints where libFuzzer began and ended, or what it tripped over.
fuzz() {
  local target=$1 log=$build/found/$1.log rc=0
  mkdir -p "$build/found/$target"
  printf -- '-- %s\n' "$target"
  FUZZ_TARGET=$target "$build/$host/release/fuzz" \
    "$build/found/$target" "corpus/$target" -artifact_prefix="$build/found/$target-" \
    -seed=1 -max_total_time="$seconds" -timeout=10 -max_len=8192 -dict=words.dict \
    >"$log" 2>&1 || rc=$?
  if ((rc)); then
    grep -E -A 3 'panicked at|ERROR|SUMMARY|Test unit' "$log" || tail -n 20 "$log"
  else
    grep -E '^#[0-9]+\s+(INITED|DONE)' "$log"
  fi
  return "$rc"
}

(($#)) || set -- corpus/*
failed=()
for target in "${@##*/}"; do
  fuzz "$target" || failed+=("$target")
done
if ((${#failed[@]})); then
  echo "broken: ${failed[*]}"
  exit 1
fi
