# SPDX-License-Identifier: Apache-2.0
# Sourced by the end-to-end scripts: finds the programs, makes the lab, and counts cases.
#
#   e2e_begin            needs SHOAL_PROGRAM (set by CTest); skips the script (77) when it cannot mount
#   e2e_begin_unmounted  the same for scripts that mount nothing
#   check NAME COMMAND   PASS or FAIL with the command's output
#   e2e_end              prints the count, exits

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
root=$(cd "$here/../.." && pwd -P)
. "$root/tools/setup.sh"
. "$root/tools/lab.sh"

cases_passed=0; cases_failed=0

e2e_program() {
  : "${SHOAL_PROGRAM:=$root/build/release/bin/shoal}"
  [ -x "$SHOAL_PROGRAM" ] || die "no program at $SHOAL_PROGRAM: run this through tools/test, or set SHOAL_PROGRAM"
  shoal=$SHOAL_PROGRAM
}
e2e_begin_unmounted() { e2e_program; lab_begin "$(dirname "$SHOAL_PROGRAM")"; }
e2e_begin() {
  e2e_program
  local reason; reason=$(why_no_mount)
  [ -z "$reason" ] || { echo "SKIP $(basename "$(dirname "$0")"): $reason"; exit 77; }
  lab_begin "$(dirname "$SHOAL_PROGRAM")"
}

pass() { cases_passed=$((cases_passed + 1)); echo "PASS $1"; }
miss() { cases_failed=$((cases_failed + 1)); echo "FAIL $1"; [ -z "${2:-}" ] || printf '%s\n' "$2" | sed 's/^/    /' | head -n 40; }

check() {
  local name=$1 output; shift
  if output=$("$@" 2>&1); then pass "$name"; else miss "$name" "$output"; fi
}

# expect_failure NAME CODE PATTERN COMMAND...: it must exit with CODE, and say PATTERN (extended
# regular expression, case-insensitive) on standard error.
expect_failure() {
  local name=$1 code=$2 pattern=$3 output status; shift 3
  output=$(timeout 90 "$@" 2>&1 >/dev/null); status=$?
  if [ "$status" != "$code" ]; then miss "$name" "exit code $status, expected $code: $output"
  elif ! grep -qiE -- "$pattern" <<<"$output"; then miss "$name" "no /$pattern/ in: $output"
  else pass "$name"; fi
}

e2e_end() {
  echo "$cases_passed passed, $cases_failed failed"
  [ "$cases_failed" = 0 ]
  exit
}

# json FILE_OR_- EXPRESSION: evaluates a Python expression over the document, as `d`.
json() { python3 -c 'import json, sys; d = json.load(open(sys.argv[1]) if sys.argv[1] != "-" else sys.stdin); print(eval(sys.argv[2]))' "$1" "$2"; }
