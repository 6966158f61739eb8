#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts single test cases behind a ctest run: GoogleTest cases, script lines PASS/FAIL/SKIP, and
programs that print neither. Usage: count_tests.py CTEST_OUTPUT LAST_TEST_LOG"""
import re
import sys


def main(ctest_output, last_log):
    ctest_text = open(ctest_output, errors="replace").read()
    try:
        log = open(last_log, errors="replace").read()
    except FileNotFoundError:
        log = ""
    passed = failed = skipped = 0
    reasons = []
    results = dict(re.findall(r"^ *\d+/\d+ Test +#\d+: (\S+) \.*[ *]*(\w[\w ]*?) +[\d.]+ sec", ctest_text, re.M))
    blocks = re.split(r"^\d+/\d+ Testing: ", log, flags=re.M)[1:]
    for block in blocks:
        name = block.split("\n", 1)[0].strip()
        ok = len(re.findall(r"^\[       OK \]|^PASS ", block, re.M))
        bad = len(re.findall(r"^\[  FAILED  \] \S+ \(\d+ ms\)$|^FAIL ", block, re.M))
        skips = re.findall(r"^\[  SKIPPED \] (\S+) \(\d+ ms\)$|^SKIP (.*)$", block, re.M)
        result = results.get(name, "")
        if ok + bad + len(skips) == 0:  # a program without cases of its own
            if result.startswith("Passed"):
                ok = 1
            elif result.startswith("Skipped") or "Skipped" in result:
                skips = [(name, "")]
            else:
                bad = 1
        elif bad == 0 and result and not result.startswith("Passed") and "Skip" not in result:
            bad = 1  # crashed or timed out after its cases
        passed, failed, skipped = passed + ok, failed + bad, skipped + len(skips)
        reasons += [" ".join(part for part in skip if part) or name for skip in skips]
    if not blocks:
        print("no test ran")
        return 1
    for reason in reasons:
        print(f"skipped: {reason}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
