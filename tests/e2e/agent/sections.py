#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The sections of this test, in the order in which they run. Arguments: names of those to run."""
import sys
import traceback

import bringing_back
import lasting
import meddling
import node
import racing
import refusals
import using

SECTIONS = [using.life, using.many, using.sharing, using.keys, using.hints, bringing_back.kills,
            bringing_back.descriptors, bringing_back.reboot, bringing_back.unfinished, bringing_back.upgrade, lasting.listing,
            lasting.ageing, lasting.full_disk, lasting.cgroup, refusals.requests, refusals.targets, refusals.agents,
            meddling.by_hand, meddling.disturbed, racing.races, racing.stress]

if __name__ == "__main__":
    wanted = sys.argv[1:]
    for section in SECTIONS:
        if wanted and section.__name__ not in wanted:
            continue
        print(f"== {section.__name__}", flush=True)
        try:
            section()
        except Exception:
            node.check(f"section {section.__name__} runs to its end", False, traceback.format_exc())
    print(f"{node.passed} passed, {node.failed} failed")
    sys.exit(1 if node.failed or not node.passed else 0)
