# SPDX-License-Identifier: Apache-2.0
"""odd.py MOUNT SHOAL URL ENDPOINT LISTED REPORT: every key is a file with its own name as content, the same
through `shoal cat`, or in the report; and none is both."""
import json
import os
import subprocess
import sys

mount, shoal, url, endpoint, listed, report = sys.argv[1:]
special = json.load(open(report))["special_keys"]
files = 0
for folder, _, names in os.walk(os.fsencode(mount)):
    for name in names:
        file = os.path.join(folder, name)
        key = os.path.relpath(file, os.fsencode(mount))
        content = open(file, "rb").read()
        assert content == key + b"!", ("content", key[:60], content[:60])
        printed = subprocess.run([shoal, "cat", os.fsencode(url) + b"/" + key, "--endpoint", endpoint,
                                  "--no-sign-request"], capture_output=True)
        assert printed.stdout == content, ("cat", key[:60], printed.stderr)
        files += 1
assert files + len(special) == int(listed), (files, len(special), listed)
