#!/usr/bin/env bash
# Checks the system packages that Tenure needs and installs the missing ones
# (Debian 12 or newer, Ubuntu 22.04 or newer; root or sudo).
#
#   deploy/setup.sh           the build dependencies
#   deploy/setup.sh broker    also Java 17 or newer and Maven
#
# A script can also source this file and call `setup` with the same arguments.
# If nothing is missing it calls no package manager and needs no network.

setup_java_major=17
setup_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

setup_say() { printf 'setup: %s\n' "$*" >&2; }

setup_has() { command -v "$1" >/dev/null 2>&1; }

# True when dpkg lists a package of this name (or glob) as installed. Without
# dpkg it assumes so: the compiler reports a missing library.
setup_installed() {
  setup_has dpkg-query || return 0
  dpkg-query -W -f '${db:Status-Abbrev}\n' "$1" 2>/dev/null | grep -q '^ii'
}

# The major version of the Java on PATH, 0 when there is none.
setup_java_found() {
  local major=''
  if setup_has java; then
    major=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)
  fi
  echo "${major:-0}"
}

setup_java_package() {
  # Ubuntu 22.04 is the one supported release whose default is older than 17.
  if grep -qs '^UBUNTU_CODENAME=jammy' /etc/os-release; then
    echo "openjdk-$setup_java_major-jre-headless"
  else
    echo default-jre-headless
  fi
}

# The names of the missing packages, one a line.
setup_missing() {
  setup_has cc && setup_has c++ || echo build-essential
  setup_has make || echo make
  setup_has pkg-config || echo pkg-config
  setup_has perl || echo perl
  # bindgen loads libclang.so; a versioned package (libclang-16-dev) has it too.
  setup_installed libclang-dev || setup_installed 'libclang-[0-9]*-dev' || echo libclang-dev
  setup_installed libssl-dev || echo libssl-dev
  setup_installed zlib1g-dev || echo zlib1g-dev
  setup_installed ca-certificates || echo ca-certificates
  if [[ $1 == broker ]]; then
    (($(setup_java_found) >= setup_java_major)) || setup_java_package
    setup_has mvn || echo maven
  fi
}

# Runs apt-get quietly as root, directly or through sudo.
setup_apt() {
  local -a as_root=()
  ((EUID == 0)) || as_root=(sudo)
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 "$@" >/dev/null
}

# True when apt-get can be run as root, asking for a password at most at a terminal.
setup_may_install() {
  setup_has apt-get || return 1
  ((EUID == 0)) && return 0
  setup_has sudo && { sudo -n true 2>/dev/null || [[ -t 0 && -t 2 ]]; }
}

setup_packages() {
  local -a missing
  mapfile -t missing < <(setup_missing "$1")
  ((${#missing[@]})) || return 0
  if ! setup_may_install; then
    setup_say 'missing, and neither root nor sudo with apt-get is available. As root, run:'
    setup_say "  apt-get update && apt-get install -y ${missing[*]}"
    return 1
  fi
  setup_say "installing ${missing[*]}"
  setup_apt update || setup_say 'apt-get update failed; trying the existing package lists'
  if ! setup_apt install -y --no-install-recommends "${missing[@]}"; then
    setup_say "apt-get could not install ${missing[*]}"
    return 1
  fi
  hash -r
  mapfile -t missing < <(setup_missing "$1")
  ((${#missing[@]})) || return 0
  setup_say "installed, but still not usable from PATH: ${missing[*]}"
  return 1
}

# Cargo must be installed, and not older than the rust-version in Cargo.toml.
setup_rust() {
  local want have=''
  want=$(sed -n 's/^rust-version *= *"\([^"]*\)".*/\1/p' "$setup_root/Cargo.toml")
  if ! setup_has cargo && [[ -r ${HOME:-}/.cargo/env ]]; then
    # shellcheck source=/dev/null
    . "$HOME/.cargo/env"
  fi
  if setup_has cargo; then
    have=$(cd "$setup_root" && cargo --version 2>/dev/null | cut -d ' ' -f 2) || have=''
  fi
  if [[ -n $have ]] && printf '%s\n' "$want" "$have" | sort -V -C; then
    return 0
  fi
  setup_say "Rust $want or newer is needed, found ${have:-none}. To get it, run:"
  setup_has curl || setup_say '  apt-get install -y curl    (as root)'
  setup_say "  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y"
  # shellcheck disable=SC2016 # printed for the reader's shell to expand
  setup_say '  . "$HOME/.cargo/env"'
  return 1
}

# setup [broker]: returns 2 for an unknown argument, 1 when something is missing.
setup() {
  local group=${1:-build} failed=0
  if (($# > 1)) || [[ $group != build && $group != broker ]]; then
    echo 'usage: deploy/setup.sh [broker]' >&2
    return 2
  fi
  setup_packages "$group" || failed=1
  setup_rust || failed=1
  return "$failed"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  set -euo pipefail
  setup "$@"
fi
