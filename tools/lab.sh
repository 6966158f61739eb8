# SPDX-License-Identifier: Apache-2.0
# Sourced by quickstart, benches and end-to-end scripts, after setup.sh: a dev bucket, mounts of Shoal
# and of its peers on it, and a clean-up that leaves nothing behind however the script ends.
#
#   lab_begin BIN_DIR            makes $lab (a directory) and the clean-up trap
#   lab_bucket DIR [flag...]     serves DIR; sets $endpoint; the keys are in the environment
#   lab_requests                 "get head list other" counts since the last lab_reset
#   lab_reset
#   lab_mount_shoal URL DIR [flag...], lab_mount_s3fs BUCKET DIR, lab_mount_rclone BUCKET/PREFIX DIR
#   lab_umount DIR
#   lab_walk DIR SECONDS_MAX     runs shoal-walk; sets $files $seconds $rate $checksum $complete $errors

lab_begin() {
  bin=$1
  lab=$(mktemp -d "${TMPDIR:-/tmp}/shoal-lab.XXXXXX") || die "no directory for temporary files"
  lab_mounts=(); lab_pids=()
  trap lab_end EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  export SHOAL_VOLUMES=$lab/volumes SHOAL_RUNTIME=$lab/run
  export AWS_ACCESS_KEY_ID=shoal-lab-key AWS_SECRET_ACCESS_KEY=shoal-lab-secret AWS_REGION=us-east-1
  export AWS_EC2_METADATA_DISABLED=true
  : > "$lab/shoal.toml"
  export SHOAL_CONFIG=$lab/shoal.toml # not this machine's settings
  unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL AWS_CA_BUNDLE
}

lab_end() {
  local status=$? i
  trap - EXIT
  trap '' INT TERM
  for ((i = ${#lab_mounts[@]} - 1; i >= 0; i--)); do lab_umount_quiet "${lab_mounts[i]}"; done
  for i in "${lab_pids[@]}"; do
    kill "$i" 2>/dev/null && timeout 10 tail --pid="$i" -f /dev/null 2>/dev/null
    kill -9 "$i" 2>/dev/null
  done
  wait 2>/dev/null
  [ -n "${lab:-}" ] && rm -rf --one-file-system "$lab"
  exit "$status"
}

lab_bucket() {
  local dir=$1; shift
  local port_file=$lab/port.$RANDOM
  "$bin/shoal-devbucket" "$dir" --port 0 --port-file "$port_file" "$@" >>"$lab/devbucket.log" 2>&1 &
  lab_pids+=($!); lab_bucket_pid=$!
  local i
  for ((i = 0; i < 100; i++)); do
    [ -s "$port_file" ] && break
    kill -0 "$lab_bucket_pid" 2>/dev/null || { cat "$lab/devbucket.log" >&2; die "the dev bucket did not start"; }
    sleep 0.05
  done
  endpoint=http://127.0.0.1:$(cat "$port_file")
}

lab_reset() { curl -fsS -X POST "$endpoint/-/reset" >/dev/null; }
lab_requests() { curl -fsS "$endpoint/-/stats" | python3 "$(dirname "${BASH_SOURCE[0]}")/lab_requests.py"; }

lab_mount_shoal() {
  local url=$1 dir=$2; shift 2
  mkdir -p "$dir"
  # Registered before it is there: a signal may come while it is being made.
  lab_mounts+=("$dir")
  "$bin/shoal" mount "$url" "$dir" --endpoint "$endpoint" "$@"
}
lab_mount_s3fs() {
  mkdir -p "$2"
  (umask 077; echo "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" > "$lab/s3fs.keys")
  lab_mounts+=("$2")
  s3fs "$1" "$2" -o url="$endpoint",use_path_request_style,ro,passwd_file="$lab/s3fs.keys"
}
lab_mount_rclone() {
  mkdir -p "$2"
  RCLONE_CONFIG=$lab/rclone.conf
  printf '[lab]\ntype = s3\nprovider = Other\naccess_key_id = %s\nsecret_access_key = %s\nendpoint = %s\n' \
    "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" "$endpoint" > "$RCLONE_CONFIG"
  lab_mounts+=("$2")
  rclone mount "lab:$1" "$2" --config "$RCLONE_CONFIG" --read-only --daemon --daemon-wait 20s \
    --cache-dir "$lab/rclone-cache" --log-file "$lab/rclone.log"
}

lab_umount_quiet() {
  mountpoint -q "$1" || return 0
  if [ "$(stat -f -c %T "$1" 2>/dev/null)" = fuseblk ] || grep -q " $1 fuse" /proc/mounts; then
    fusermount3 -u "$1" 2>/dev/null || umount -l "$1" 2>/dev/null
  else
    "$bin/shoal" umount "$1" >/dev/null 2>&1 || "$bin/shoal" umount --force "$1" >/dev/null 2>&1
  fi
}
lab_umount() {
  lab_umount_quiet "$1"
  local kept=() dir
  for dir in "${lab_mounts[@]}"; do [ "$dir" = "$1" ] || kept+=("$dir"); done
  lab_mounts=("${kept[@]}")
}

lab_walk() {
  local line
  line=$("$bin/shoal-walk" "$1" --seconds-max "$2" --json "${@:3}") || say "reading $1 failed: $line"
  read -r files seconds rate checksum complete errors < <(python3 -c '
import json, sys
walk = json.loads(sys.argv[1])
print(walk["files"], walk["seconds"], walk["files_per_second"], walk["checksum"], walk["complete"], walk["errors"])
' "$line")
}

# ratio A B [DIGITS]: A/B
ratio() { python3 -c 'import sys; a, b = float(sys.argv[1]), float(sys.argv[2]); print(f"{a / b:.{int(sys.argv[3])}f}" if b else "-")' "$1" "$2" "${3:-2}"; }
