#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads JSON on standard input and prints what a shell script wants of it.

lab_requests.py           the dev bucket's /-/stats: "get head list other" request counts
lab_requests.py --build   the last line of `shoal index build`: one sentence
lab_requests.py --put     what `shoal put --json` prints: one sentence
"""
import json
import sys

data = json.load(sys.stdin)
if "--build" in sys.argv:
    print(f"{data['files']} files, {data['directories']} directories, {data['bytes']} bytes; "
          f"{data['list_requests']} list requests in {data['listing_seconds']:.2f} s, "
          f"image in {data['image_seconds']:.2f} s; volume {data['volume']}")
elif "--put" in sys.argv:
    print(f"{data['files_sent']} files, {data['bytes_sent']} bytes, each confirmed by the bucket, in "
          f"{data['elapsed_seconds']:.2f} s: {data['files_sent'] / max(data['elapsed_seconds'], 1e-9):.0f} files/s")
else:
    classes = {name: counts["requests"] for name, counts in data.items() if name != "total"}
    known = [classes.pop(name, 0) for name in ("get", "head", "list")]
    print(*known, sum(classes.values()))
