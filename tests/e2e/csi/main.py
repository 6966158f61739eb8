#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the cases in order: main.py BIN_FOLDER LAB [NAME...]"""
import os
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases_hostile  # noqa: E402
import cases_keys  # noqa: E402
import cases_mounts  # noqa: E402
import cases_program  # noqa: E402
import cases_published  # noqa: E402
import cases_survival  # noqa: E402
import node  # noqa: E402
from rig import Rig  # noqa: E402


def main():
    node.bring_up_loopback()
    rig = Rig(sys.argv[1], sys.argv[2])
    wanted = sys.argv[3:]
    passed = failed = 0
    try:
        for module in (cases_program, cases_mounts, cases_published, cases_hostile, cases_keys, cases_survival):
            module.begin(rig)
            for case in module.CASES:
                name = case.__doc__.strip()
                if wanted and not any(word in name for word in wanted):
                    continue
                begun = time.monotonic()
                try:
                    case(rig)
                    passed += 1
                    print(f"PASS {name} ({time.monotonic() - begun:.1f} s)", flush=True)
                except Exception:  # a case that fails must not hide the others
                    failed += 1
                    print(f"FAIL {name}\n    " + traceback.format_exc().replace("\n", "\n    "), flush=True)
            getattr(module, "finish", lambda _: None)(rig)
    finally:
        rig.clean_up()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


sys.exit(main())
