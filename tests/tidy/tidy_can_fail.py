#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A checker that cannot fail checks nothing: makes one offence of each kind and expects it named."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tidy  # noqa: E402

OFFENCES = {
    "src/store/up.cc": ('#include "cache/chunk_cache.h"', "forbidden arrow store -> cache"),
    "src/index/rocks.cc": ('#include <curl/curl.h>', "which only"),
    "src/base/late.cc": ("// TODO: later", "unfinished work"),
    "src/base/spdx.cc": ("int x;", "no SPDX line"),
    "src/base/long.cc": ("\n" * 900, "split it by state"),
    "src/nowhere/a.cc": ("int y;", "belongs to no layer"),
}

failed = []
for path, (text, expected) in OFFENCES.items():
    with tempfile.TemporaryDirectory() as root:
        for folder in ("src", "include", "tools", "bench", "tests"):
            os.makedirs(os.path.join(root, folder))
        for layer in tidy.LAYERS:
            os.makedirs(os.path.join(root, "src", layer), exist_ok=True)
            open(os.path.join(root, "src", layer, "README.md"), "w").close()
        assert tidy.check_tree(root) == [], tidy.check_tree(root)
        target = os.path.join(root, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        spdx = "" if "spdx" in path else "// SPDX-License-Identifier: Apache-2.0\n"
        with open(target, "w", encoding="utf-8") as file:
            file.write(spdx + text + "\n")
        if not any(expected in problem for problem in tidy.check_tree(root)):
            failed.append(f"{path}: {expected!r} was not reported")
print("\n".join(failed) if failed else f"tidy reports all {len(OFFENCES)} offences")
sys.exit(1 if failed else 0)
