#!/usr/bin/env bash
# Builds the image of deploy/Dockerfile and runs it against a real Kafka, without a container engine: buildah builds it,
# umoci unpacks it, runc runs it on the machine's network.
#
#   tests/deploy/image.sh           the runtime stage, with the program that the tests run
#   tests/deploy/image.sh --full    both stages, with the release build: half an hour and more
#
# Machines that run tests may reach no registry of images. So the bases are made here, of the Debian packages that those
# named in the Dockerfile consist of.
#
# Needs root, Java, the Debian packages buildah, curl, jq, mmdebstrap, runc and umoci, and in TENURE_KAFKA_LIBS the
# folder with the jars of tests/kafka/pom.xml. Ends with 77 if one of them is missing.
set -euo pipefail

# The packages of cc-debian13 that have libraries.
base_suite=trixie
base_packages=libc6,libgcc-s1,libgomp1,libssl3t64,libstdc++6,libzstd1,zlib1g

say() { printf 'image: %s\n' "$*"; }

fail() {
  printf 'image: FAILED: %s\n' "$*" >&2
  exit 1
}

# expect WHAT WANTED FOUND
expect() { [[ $3 == "$2" ]] || fail "$1: expected $2, found $3"; }

require_tools() {
  local tool
  local -a missing=()
  for tool in buildah curl java jq mmdebstrap runc umoci; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
  ((EUID == 0)) || missing+=('root')
  [[ -e ${TENURE_KAFKA_LIBS:-}/pom.xml ]] || missing+=('the jars in TENURE_KAFKA_LIBS')
  ((${#missing[@]})) || return 0
  say "skipped, because of what is missing: ${missing[*]}"
  exit 77
}

# Below the ephemeral ports.
free_port() {
  local port
  while port=$((20000 + RANDOM % 12000)); do
    (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

# wait_until SECONDS WHAT COMMAND...: fails when the command has not succeeded by then.
wait_until() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    ((SECONDS < deadline)) || fail "waited for this in vain: $what"
    sleep 0.2
  done
}

store() { buildah --root "$work/storage" --runroot "$work/storage-run" --storage-driver vfs "$@"; }

# make_base NAME TAR OPTION...: an image of this name with these files; the options are those of `buildah config`.
make_base() {
  local name=$1 tar=$2 container
  shift 2
  container=$(store from scratch)
  store add --quiet "$container" "$tar" / >/dev/null
  store config "$@" "$container"
  store commit --quiet --rm "$container" "$name" >/dev/null
}

make_runtime_base() {
  # shellcheck disable=SC2016 # expanded by the hook's shell
  mmdebstrap --quiet --variant=extract --include="$base_packages" \
    --extract-hook='ln -s usr/lib usr/lib64 "$1/"' "$base_suite" "$work/runtime.tar"
  make_base localhost/runtime "$work/runtime.tar" --env SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
  rm "$work/runtime.tar"
}

# As the official image of Rust: Debian with a C compiler and a toolchain, here that of this machine.
make_build_base() {
  local container rust
  rust=$(rustc --print sysroot)
  mmdebstrap --quiet --variant=minbase --include=ca-certificates,gcc,libc6-dev bookworm "$work/build.tar"
  make_base localhost/debian "$work/build.tar"
  rm "$work/build.tar"
  container=$(store from --pull-never localhost/debian)
  store add --quiet "$container" "$rust/bin" /usr/local/rust/bin >/dev/null
  store add --quiet "$container" "$rust/lib" /usr/local/rust/lib >/dev/null
  # A machine that reaches registries through a proxy trusts its certificates.
  store add --quiet "$container" /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ >/dev/null
  store config --env CARGO_HOME=/usr/local/cargo \
    --env PATH=/usr/local/cargo/bin:/usr/local/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    "$container"
  store commit --quiet --rm "$container" localhost/build >/dev/null
}

build_image() {
  local -a stages=(--build-arg BUILD_BASE=localhost/build)
  if ((full)); then
    make_build_base
  else
    TENURE_REVISION=$revision cargo build --locked --features crash-points --bin tenure
    mkdir -p "$work/build/image/state"
    cp "${CARGO_TARGET_DIR:-target}/debug/tenure" "$work/build/image/"
    # This takes the place of the stage.
    stages=(--build-context "build=$work/build")
  fi
  store bud --isolation chroot --pull-never --file deploy/Dockerfile "${stages[@]}" \
    --build-arg RUNTIME_BASE=localhost/runtime --build-arg REVISION="$revision" \
    --build-arg TARGETARCH="$(dpkg --print-architecture)" --tag localhost/tenure . >"$work/build.log" 2>&1 ||
    fail "$(tail -n 30 "$work/build.log")"
  store push --quiet localhost/tenure "oci:$work/oci:tenure"
  umoci unpack --image "$work/oci:tenure" "$work/bundle" >/dev/null
  # A volume begins as the folder of the image.
  cp -a "$work/bundle/rootfs/var/lib/tenure" "$work/state"
}

# run NAME ARGUMENT...: as `docker run --read-only --cap-drop ALL --network host`, with a volume for the state, the
# variables in `environment`, and the folder `settings` on /etc/tenure if there is one.
run() {
  local name=$1 bundle=$work/containers/$1
  shift
  mkdir -p "$bundle"
  jq --arg state "$work/state" --arg settings "$settings" --arg root "$work/bundle/rootfs" \
    --arg environment "$(printf '%s\n' "${environment[@]}")" --arg arguments "$(printf '%s\n' "$@")" '
      def lines: split("\n") | map(select(. != ""));
      def bind($source; $destination; $mode):
        if $source == "" then empty else {type: "bind", $source, $destination, options: ["rbind", $mode]} end;
      .root = {path: $root, readonly: true}
      | .process.terminal = false
      | .process.capabilities = {}
      | .process.env += ($environment | lines)
      | .process.args = .process.args[:1] + ($arguments | lines)
      | .linux.namespaces |= map(select(.type != "network"))
      | .mounts |= map(select(.destination != "/var/lib/tenure"))
          + [bind($state; "/var/lib/tenure"; "rw"), bind($settings; "/etc/tenure"; "ro")]
    ' "$work/bundle/config.json" >"$bundle/config.json"
  runc --root "$work/runc" run --bundle "$bundle" "$name"
}

start_broker() {
  local -a java=(java -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$TENURE_KAFKA_LIBS/*")
  cat >"$work/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:$broker_port,CONTROLLER://127.0.0.1:$controller_port
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:$controller_port
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$work/kafka
auto.create.topics.enable=false
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
PROPERTIES
  "${java[@]}" kafka.tools.StorageTool format -t MkU3OEVBNTcwNTJENDM2Qg \
    -c "$work/server.properties" >"$work/broker.log" 2>&1 || fail "$(tail -n 20 "$work/broker.log")"
  "${java[@]}" kafka.Kafka "$work/server.properties" >>"$work/broker.log" 2>&1 &
  broker=$!
  wait_until 60 'the broker starts' grep -q 'Kafka Server started' "$work/broker.log"
}

# The events of deploy/compose, for long enough that customers sign up.
produce_events() {
  { timeout 30 awk -f deploy/compose/events.awk || (($? == 124)); } |
    java -cp "$TENURE_KAFKA_LIBS/*" org.apache.kafka.tools.ConsoleProducer \
      --bootstrap-server "127.0.0.1:$broker_port" --topic events --reader-property parse.key=true >/dev/null 2>&1
}

daemon_answers() {
  kill -0 "$daemon" 2>/dev/null || fail "the daemon has ended: $(tail -n 20 "$work/daemon.log")"
  [[ $(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$http_port/$1") == 200 ]]
}

# metric NAME: the sum of its series.
metric() {
  curl -s "http://127.0.0.1:$http_port/metrics" |
    awk -v name="$1" '$1 ~ "^" name "({|$)" { sum += $2 } END { print sum + 0 }'
}

has_transitions() { (($(metric tenure_transitions_total) > 0)); }

check_what_is_in_it() {
  local defaults library
  expect 'the toolchain in the Dockerfile' \
    "$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)" \
    "$(sed -n 's/^ARG BUILD_BASE=.*rust:\([0-9.]*\)-.*/\1/p' deploy/Dockerfile)"
  expect 'the user' 65532:65532 "$(jq -r '.process.user | "\(.uid):\(.gid)"' "$work/bundle/config.json")"
  expect 'the owner of the state' 65532:65532 "$(stat -c %u:%g "$work/state")"
  [[ ! -e $work/bundle/rootfs/bin/sh && ! -e $work/bundle/rootfs/usr/bin/sh ]] || fail 'the image has a shell'
  for library in $(ldd "$work/bundle/rootfs/usr/local/bin/tenure" | awk '/=>/ { print $1 }'); do
    compgen -G "$work/bundle/rootfs/usr/lib/*/$library" >/dev/null || fail "the base has no $library"
  done
  expect 'the label of the revision' "$revision" \
    "$(store inspect --type image localhost/tenure | jq -r '.OCIv1.config.Labels["org.opencontainers.image.revision"]')"

  expect 'tenure --version' "tenure $(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1) ($revision)" \
    "$(run version --version)"
  defaults=$(run config config --format json)
  expect 'http.listen' 0.0.0.0:8080 "$(jq -r .http.listen <<<"$defaults")"
  expect 'store.path' /var/lib/tenure "$(jq -r .store.path <<<"$defaults")"
  # The models of the default settings are where these name them.
  run models check "$(jq -r '.models[0]' <<<"$defaults")"
}

check_the_daemon() {
  local started outcome=0
  environment=(
    "TENURE__KAFKA__BROKERS=127.0.0.1:$broker_port"
    "TENURE__HTTP__LISTEN=0.0.0.0:$http_port"
    "TENURE__HTTP__ADMIN=127.0.0.1:$admin_port"
  )
  settings=$PWD/deploy/compose/tenure
  start_broker
  run topics topics create --config /etc/tenure/tenure.toml --partitions 4
  run daemon run --config /etc/tenure/tenure.toml >"$work/daemon.log" 2>&1 &
  daemon=$!
  wait_until 60 '/readyz is 200' daemon_answers readyz
  say 'the daemon is ready'
  local process
  process=$(runc --root "$work/runc" state daemon | jq .pid)
  expect 'the user of the process' '65532 65532 65532 65532' \
    "$(awk '/^Uid:/ { print $2, $3, $4, $5 }' "/proc/$process/status")"
  expect 'its capabilities' 0000000000000000 "$(awk '/^CapEff:/ { print $2 }' "/proc/$process/status")"
  expect 'the mode of its root' ro "$(awk '$5 == "/" { print $6 }' "/proc/$process/mountinfo" | cut -d , -f 1)"

  produce_events
  wait_until 60 'events make transitions' has_transitions
  expect 'rejected records' 0 "$(metric tenure_rejected_records_total)"
  say "$(metric tenure_records_total) records made $(metric tenure_transitions_total) transitions"

  started=$SECONDS
  runc --root "$work/runc" kill daemon TERM
  wait "$daemon" || outcome=$?
  daemon=
  expect 'the exit code after SIGTERM' 0 "$outcome"
  ((SECONDS - started <= 25)) || fail "the daemon took $((SECONDS - started)) s to end"
  say "the daemon ended with 0 after $((SECONDS - started)) s"
  [[ -n $(ls "$work/state") ]] || fail 'the volume has no state'
}

end() {
  trap - EXIT INT TERM
  [[ -z $daemon ]] || runc --root "$work/runc" kill daemon KILL 2>/dev/null || true
  [[ -z $broker ]] || kill "$broker" 2>/dev/null || true
  wait
  runc --root "$work/runc" delete --force daemon 2>/dev/null || true
  rm -rf "$work"
}

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
case $#,${1:-} in
0,) full=0 ;;
1,--full) full=1 ;;
*)
  echo 'usage: tests/deploy/image.sh [--full]' >&2
  exit 2
  ;;
esac
require_tools

revision=$(git rev-parse HEAD)
work=$(mktemp -d)
broker='' daemon='' settings='' environment=()
trap end EXIT
trap 'exit 130' INT TERM
broker_port=$(free_port) controller_port=$(free_port) http_port=$(free_port) admin_port=$(free_port)

say 'making the base'
make_runtime_base
say 'building'
build_image
check_what_is_in_it
check_the_daemon
