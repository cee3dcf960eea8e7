#!/usr/bin/env bash
# Demonstrates Tenure, also on a fresh machine: installs the build dependencies,
# builds, and runs the daemon with a cluster inside the process. Arguments are
# those of the demo: --duration 1m, --seed 7, --speed 10, --events FILE.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/setup.sh
. deploy/setup.sh
setup
cargo build --locked --bin tenure
exec "${CARGO_TARGET_DIR:-target}/debug/tenure" demo "$@"
