#!/usr/bin/env bash
# Shows Tenure at work, on a fresh machine too: installs what the build needs,
# builds, and runs the whole daemon on a cluster inside the process. Arguments
# go to the demo: --duration 1m, --seed 7, --speed 10, --events FILE.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/setup.sh
. deploy/setup.sh
setup
cargo build --locked --bin tenure
exec "${CARGO_TARGET_DIR:-target}/debug/tenure" demo "$@"
