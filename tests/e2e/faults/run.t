#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Goal: whatever happens to the bucket, the network, the processes, the disk and the volume's files, a
# reader gets the right bytes or an error, soon, and what is broken says so and can be cleaned up.
# Method: the real program on real mounts over the dev bucket, which is shaped, stopped and killed;
# objects are put through its API, so their ETags are MD5s as a service's are.
set -u
. "$(dirname "$0")/../lib.sh"
pass() { cases_passed=$((cases_passed + 1)); echo " $(date +%T.%N | cut -c1-11) PASS $1"; }; e2e_begin
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY # the bucket then takes unsigned requests
faults=$here/faults

tree=$lab/tree
mkdir -p "$tree" "$lab/buckets/b"
"$bin/shoal-make-dataset" "$tree" --symbols 10 --days 30 --logs 5 >/dev/null || die "no data set"
head -c 20000003 /dev/urandom > "$tree/large"
objects=$(find "$tree" -type f -size +0 | wc -l)
mnt=$lab/mnt; mkdir -p "$mnt"
lab_bucket "$lab/buckets"
python3 "$faults/put.py" "$endpoint" b "$tree" || die "cannot fill the bucket"

bucket_again() { # [flag...]: another dev bucket for the same objects, on the same port
  kill -9 "$lab_bucket_pid" 2>/dev/null; wait "$lab_bucket_pid" 2>/dev/null
  "$bin/shoal-devbucket" "$lab/buckets" --port "${endpoint##*:}" --port-file "$lab/again" "$@" >>"$lab/devbucket.log" 2>&1 &
  lab_bucket_pid=$!; lab_pids+=($!)
  until [ -s "$lab/again" ]; do kill -0 "$lab_bucket_pid" || die "the bucket did not start again"; read -rt 0.02 <> <(:); done
  rm "$lab/again"
}
volume=$lab/v
mount_b() { lab_mount_shoal s3://b/data "$mnt" --volume "$volume" --no-sign-request "$@"; }
umount_b() { "$shoal" umount "$mnt"; }
status_of() { "$shoal" status "$mnt" --json > "$lab/status.json" && json "$lab/status.json" "d['mounts'][0]$1"; }
stat_of() { status_of "['stats']['$1']"; }
drop_caches() { echo 3 > /proc/sys/vm/drop_caches; }
same() { diff -r "$tree" "$mnt"; }
forget_cache() { rm -rf "$volume/cache"; }
# at_most NAME LIMIT VALUE, at_least NAME LIMIT VALUE
at_most() { [ "$3" -le "$2" ] && pass "$1" || miss "$1" "$3, expected at most $2"; }
at_least() { [ "$3" -ge "$2" ] && pass "$1" || miss "$1" "$3, expected at least $2"; }
nothing_left() { ! grep -q "$lab" /proc/mounts && [ -z "$(pgrep -f "shoal serve .*$lab")" ]; }
ends_soon() { local i; for ((i = 0; i < 400; i++)); do "$@" && return 0; read -rt 0.05 <> <(:); done; return 1; }
# Right bytes or an error: cmp says 1 for other bytes, 2 for an error.
never_wrong() {
  local file wrong=0
  while IFS= read -r -d '' file; do
    cmp -s "$tree/$file" "$mnt/$file"
    [ $? = 1 ] && { echo "other bytes: $file"; wrong=1; }
  done < <(cd "$tree" && find . -type f -print0)
  return "$wrong"
}

# ---- a bad network
read_with() { # NAME BUCKET_FLAG...
  local name=$1 gets; shift
  bucket_again "$@"
  mount_b >/dev/null || miss "mount with $name"
  lab_reset
  check "with $name every byte is right" same
  read -r gets _ < <(lab_requests)
  at_most "with $name requests stay bounded" $((objects * 13 / 10 + 40)) "$gets"
  umount_b; forget_cache
}
read_with "connection resets" --get-reset 0.05
read_with "answers cut short" --get-truncate 0.05
read_with "server errors" --get-error 0.1
read_with "throttling" --get-throttle-rate 200
read_with "200 ms of latency" --get-latency-ms 200
rm -rf "$volume"
read_with "empty, failing and broken list pages" --list-empty-page 0.5 --list-error 0.2 --list-reset 0.2 --list-truncate 0.2
bucket_again --get-corrupt 0.05
mount_b >/dev/null
check "bits flipped on the way are never served" never_wrong
at_least "status counts the bodies that did not fit their MD5" 1 "$(stat_of misfit_bodies)"
umount_b; forget_cache

# ---- the bucket stops answering, and goes away
bucket_again
mount_b --io-timeout 3 --no-prefetch >/dev/null
kill -STOP "$lab_bucket_pid"
SECONDS=0
check "a silent bucket is a read error" bash -c "! cat '$mnt'/*/2026-01-05.csv >/dev/null 2>&1 || ! cat '$mnt/large' >/dev/null 2>&1"
check "status answers meanwhile" status_of "['server_pid']"
kill -CONT "$lab_bucket_pid"
check "reads work again when it answers" same
umount_b; forget_cache
mount_b --io-timeout 3 --max-requests 1 >/dev/null
kill -9 "$lab_bucket_pid"
check "a dead bucket is a read error" bash -c "! cat '$mnt/large' >/dev/null 2>&1"
bucket_again
check "reads recover when it is back" same
drop_caches; forget_cache
kill -STOP "$lab_bucket_pid"
cat "$mnt/large" >/dev/null 2>&1 & reader=$!
check "umount --force ends a mount with a reader that waits" "$shoal" umount --force "$mnt"
wait "$reader"
kill -CONT "$lab_bucket_pid"
check "nothing is left of it" ends_soon nothing_left

# ---- processes die
bucket_again --get-latency-ms 10
forget_cache; mount_b >/dev/null
parallel() { (cd "$tree" && find . -type f -print0) | xargs -0 -P 8 -I{} cmp "$tree/{}" "$mnt/{}"; }
kill_while_reading() {
  ( for _ in 1 2 3 4 5 6 7 8 9 10; do kill -9 "$(status_of "['server_pid']")"; sleep 0.2; done ) & # tidy-ok: the pace of the kills
  local killer=$! i
  for i in 1 2 3; do parallel || return 1; drop_caches; done
  wait "$killer"
}
check "ten kill -9 of the server under eight readers: no error" kill_while_reading
keeper=$(status_of "['keeper_pid']"); server=$(status_of "['server_pid']")
kill -9 "$keeper"
check "without its keeper the mount goes on" same
check "status says that the keeper is dead" bash -c "'$shoal' status '$mnt' | grep -q 'keeper.*dead'"
drop_caches; kill -9 "$server"
check "with both dead a reader gets an error, not a hang" bash -c "! timeout 20 cat '$mnt'/*/* >/dev/null 2>&1"
check "umount cleans up after both" umount_b
check "nothing is left of them" nothing_left
mount_b >/dev/null; server=$(status_of "['server_pid']")
( kill -9 "$server" ) & check "the server killed during umount" umount_b
check "nothing is left of that" ends_soon nothing_left
mount_b >/dev/null
check "umount(8) ends the mount" umount "$mnt"
check "and what served it" ends_soon nothing_left
mount_b >/dev/null
exec 9< "$mnt/large"
check "umount -l" umount -l "$mnt"
check "an open file reads on after umount -l" bash -c "cmp -n 1000000 - '$tree/large' <&9"
exec 9<&-
check "and then everything ends" ends_soon nothing_left
mount_b >/dev/null
rm -rf --one-file-system "$SHOAL_RUNTIME" 2>/dev/null
check "reads go on without the runtime directory" same
umount "$mnt"
check "umount(8) ends such a mount" ends_soon nothing_left
"$shoal" mount s3://b/data "$mnt" --volume "$volume" --no-sign-request --endpoint "$endpoint" --foreground >/dev/null 2>&1 & foreground=$!
ends_soon mountpoint -q "$mnt"
kill -HUP "$foreground"; wait "$foreground"
check "a closed terminal ends a foreground mount" nothing_left

# ---- the disk is full
bucket_again
truncate -s 24M "$lab/disk"; mkfs.ext4 -q -O ^has_journal "$lab/disk" && mkdir -p "$lab/small" && mount -o loop "$lab/disk" "$lab/small" || die "no small disk"
volume=$lab/small/v
mount_b >/dev/null
check "on a disk smaller than the data every byte is right" same
at_least "the cache leaves room for others (KiB)" 2048 "$(df --output=avail -k "$lab/small" | tail -n 1)"
dd if=/dev/zero of="$lab/small/filler" bs=4k 2>/dev/null
drop_caches
check "on a full disk every byte is right" same
kill -9 "$(status_of "['server_pid']")"; drop_caches
check "the server starts again on a full disk" timeout 30 diff -r "$tree" "$mnt"
umount_b
dd if=/dev/zero of="$lab/small/filler2" bs=1k 2>/dev/null
expect_failure "a mount from a full disk says so" 1 "no space|free" "$shoal" mount s3://b/data "$mnt" --volume "$volume" --no-sign-request --endpoint "$endpoint"
umount "$lab/small"

# ---- files of the volume are damaged
volume=$lab/v; forget_cache
mount_b >/dev/null
same >/dev/null; truncate -s 0 "$volume/cache/data"; drop_caches
check "the cache file emptied while mounted" same
umount_b; rm "$volume/cache/data"; mount_b >/dev/null
check "the cache file deleted while not mounted" same
at_most "a deleted cache is no damaged one" 0 "$(stat_of cache_checksum_failures)"
umount_b; truncate -s 8192 "$volume/image/1.erofs"; mount_b >/dev/null
check "a truncated image is written again" same
umount_b; cp -a "$volume" "$lab/damaged"; rm "$lab/damaged/index/CURRENT"
expect_failure "a damaged index says what to do" 1 "corrupt.*build it again" "$shoal" mount s3://b/data "$mnt" --volume "$lab/damaged" --no-sign-request --endpoint "$endpoint"

# ---- limits
forget_cache; mount_b --buffer-size 64M --cache-size 8M >/dev/null
many() {
  local i pids=()
  for i in $(seq 64); do cmp -n 4000000 -i $((i * 200000)) "$tree/large" "$mnt/large" & pids+=($!); done
  for i in "${pids[@]}"; do wait "$i" || return 1; done
}
check "64 readers with small buffers and a small cache" many
at_most "the server's memory keeps to its bound (KiB)" 358400 "$(awk '/VmHWM/ {print $2}' "/proc/$(status_of "['server_pid']")/status")"
umount_b; forget_cache
(ulimit -n 1024; mount_b --cache-size 0 --max-requests 1 >/dev/null)
check "no cache, one request at a time, 1,024 descriptors" same
check "mappings, single bytes and many descriptors" python3 "$faults/read.py" "$tree/large" "$mnt/large"
umount_b; forget_cache
mount_b --max-bandwidth 10M >/dev/null; lab_reset
before=$(date +%s%N); cmp "$tree/large" "$mnt/large"; took_ms=$((($(date +%s%N) - before) / 1000000))
at_least "20 MB at --max-bandwidth 10M take their time (ms)" 1200 "$took_ms"
umount_b
for flag in "--io-timeout 0" "--io-timeout -1" "--cache-size -1" "--cache-size 99999999999G" "--buffer-size 1" \
            "--max-requests 0" "--max-qps -3" "--max-qps nan" "--max-bandwidth -5M" "--umask 999"; do
  # shellcheck disable=SC2086 # two words
  expect_failure "$flag is refused" 2 "." "$shoal" mount s3://b/data "$mnt" --endpoint "$endpoint" $flag
done

# ---- places
mount_on() {
  mkdir -p "$1"
  "$shoal" mount s3://b/data "$1" --volume "$volume" --no-sign-request --endpoint "$endpoint" >/dev/null &&
    cmp "$tree/large" "$1/large" && "$shoal" status "$1" >/dev/null && "$shoal" umount "$1"
}
cd "$lab" || die "no lab"
mkdir -p linked; ln -s linked link
for place in "größe-数据" "with space" $'new\nline' 'back\slash' "relative/../relative" "trailing///" link/; do
  check "mounts on $(printf %q "$place")" mount_on "$place"
done
mkdir -p "$mnt/inner"
expect_failure "a mount that would hide its own volume" 1 "hidden by the mount" "$shoal" mount s3://b/data "$mnt" --volume "$mnt/inner" --endpoint "$endpoint"
expect_failure "a mount over everything" 1 "hidden by the mount" "$shoal" mount s3://b/data / --endpoint "$endpoint"
rmdir "$mnt/inner"
mkdir -p mnt2
both_same() { local first; same & first=$!; diff -r "$tree" mnt2 && wait "$first"; }
mount_b >/dev/null
lab_mount_shoal s3://b/data mnt2 --volume "$lab/v2" --no-sign-request >/dev/null
check "two volumes at the same time" both_same
"$shoal" umount "$mnt" mnt2

# ---- keys that are no file names
listed=$(python3 "$faults/put.py" "$endpoint" b KEYS)
lab_mount_shoal s3://b/odd "$mnt" --no-sign-request >/dev/null 2>&1
"$shoal" index report s3://b/odd --endpoint "$endpoint" --no-sign-request --json > "$lab/report.json"
check "every odd key is shown or reported" python3 "$faults/odd.py" "$mnt" "$shoal" s3://b/odd "$endpoint" "$listed" "$lab/report.json"
umount_b
check "ls of a whole bucket" bash -c "'$shoal' ls s3://b --endpoint $endpoint --no-sign-request | grep -q data"

# ---- a build is killed
bucket_again --invent big:100000:tree:1KiB-16KiB
build() { "$shoal" index build s3://big --volume "$1" --endpoint "$endpoint" --no-sign-request --json; }
build "$lab/whole" >/dev/null
for delay in 0.1 0.3 0.5 0.2 0.7; do
  "$shoal" index build s3://big --volume "$lab/resumed" --endpoint "$endpoint" --no-sign-request >/dev/null 2>&1 & builder=$!
  sleep "$delay" # tidy-ok: the moment of the kill
  kill -9 "$builder" 2>/dev/null; wait "$builder" 2>/dev/null
done
check "a build killed five times ends" build "$lab/resumed"
report() { "$shoal" index report "$1" --json | grep -vE '"(listed_at|listing_seconds|list_requests)"'; }
check "and reports what an uninterrupted one does" diff <(report "$lab/whole") <(report "$lab/resumed")
e2e_end
