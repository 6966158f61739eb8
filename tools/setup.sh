# SPDX-License-Identifier: Apache-2.0
# Sourced by quickstart, test and the benches: what they need of Debian, and the machine's abilities.

packages_build="g++ cmake ninja-build ccache pkg-config ca-certificates git libtomlplusplus-dev
  liburing-dev libjemalloc-dev libcurl4-openssl-dev libssl-dev librocksdb-dev libxxhash-dev libprotobuf-dev
  protobuf-compiler libcli11-dev libfmt-dev libexpat1-dev nlohmann-json3-dev libcpp-httplib-dev
  libboost-dev zlib1g-dev libgrpc++-dev protobuf-compiler-grpc python3"
packages_tests="libgtest-dev libbenchmark-dev erofs-utils curl openssl
  python3-yaml python3-jsonschema golang-go golang-github-masterminds-sprig-dev golang-gopkg-yaml.v3-dev"
packages_csi="python3-grpcio python3-protobuf protobuf-compiler openssl ca-certificates"  # kubelet, in the tests
packages_containers="crun iproute2 curl"  # of the test that plays a node
packages_peers="s3fs rclone fuse3 wrk squashfs-tools e2fsprogs"
packages_hosts="debootstrap dpkg-dev lintian mandoc zsh systemd bsdextrautils"  # of the packages test

say() { printf '%s\n' "$*"; }
die() { printf '%s\n' "$*" >&2; exit 1; }

# need_packages NAME...: installs what is missing, or says what is and how to get it.
need_packages() {
  local missing=() name
  for name in "$@"; do
    dpkg-query -W -f='${db:Status-Abbrev}' "$name" 2>/dev/null | grep -q '^ii' || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  command -v apt-get >/dev/null ||
    die "This needs Debian 12's packages, and there is no apt-get here. Missing: ${missing[*]}"
  [ "$(id -u)" = 0 ] ||
    die "Missing packages: ${missing[*]}. Install them as root: apt-get install ${missing[*]}"
  say "installing from Debian: ${missing[*]}"
  local log; log=$(mktemp)
  if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
         "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    die "apt-get could not install: ${missing[*]}. Check the network and /etc/apt/sources.list. Log: $log"
  fi
  rm -f "$log"
}

# build_shoal DIR PRESET TARGET...: configures once, builds the targets (all without any).
build_shoal() {
  local root=$1 preset=$2; shift 2
  local build=$root/build/$preset log=$root/build/$preset.log
  mkdir -p "$root/build"
  say "building $preset in $build (log: $log)"
  if ! { cmake -S "$root" --preset "$preset" && ninja -C "$build" -k 20 ${NINJA_FLAGS:--j$(nproc)} "$@"; } \
       >"$log" 2>&1; then
    grep -E 'error|FAILED|CMake Error' "$log" | head -n 20 >&2
    die "the build failed; whole log: $log"
  fi
}

# Says why this machine cannot mount; empty when it can.
why_no_mount() {
  [ "$(id -u)" = 0 ] || { echo "not root: mounting EROFS needs it"; return; }
  [ -c /dev/fuse ] || modprobe fuse 2>/dev/null || true
  [ -c /dev/fuse ] || { echo "no /dev/fuse: load the fuse module, or start the container with --device /dev/fuse"; return; }
  grep -qw erofs /proc/filesystems || modprobe erofs 2>/dev/null || true
  grep -qw erofs /proc/filesystems || { echo "the kernel has no EROFS: load the erofs module, or use a kernel with CONFIG_EROFS_FS"; return; }
}

# free_port: a TCP port of 127.0.0.1 nobody listens on, outside the usual ephemeral range.
free_port() {
  python3 - <<'PY'
import random, socket
while True:
    port = random.randint(20000, 29999)
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        print(port)
        break
PY
}

# find_promtool DIR: prints the path of promtool, the judge of what Prometheus can read: the machine's, or
# one taken out of Debian's package into DIR/promtool. The package is not installed: it would start a
# server. Nothing when there is none to be had.
find_promtool() {
  local own=$1/promtool found
  found=$(command -v promtool) && { echo "$found"; return; }
  if [ ! -x "$own/usr/bin/promtool" ]; then
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 0
    mkdir -p "$own" || return 0
    ( cd "$own" && { apt-get download prometheus || { apt-get update && apt-get download prometheus; }; } &&
      dpkg-deb -x prometheus_*.deb . && rm -f prometheus_*.deb ) >"$own/log" 2>&1
  fi
  [ -x "$own/usr/bin/promtool" ] && echo "$own/usr/bin/promtool"
  return 0
}
