# SPDX-License-Identifier: Apache-2.0
"""ali-oss, the JavaScript client of Alibaba OSS, with both of its signatures."""
import os
import shutil
import subprocess

from harness import KEY, SECRET


def run(report, server):
    if shutil.which("npm") is None or shutil.which("node") is None:
        return report.skip("ali-oss", "node and npm are not installed")
    folder = server.fresh_folder("ali-oss")
    try:
        subprocess.run(["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--silent",
                        "ali-oss@6"], check=True, capture_output=True, timeout=120)
    except (subprocess.SubprocessError, OSError) as error:
        return report.skip("ali-oss", f"cannot be installed with npm: {error}")
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ali_oss.js")
    env = dict(os.environ, NODE_PATH=os.path.join(folder, "node_modules"), DEVBUCKET_HOST=server.host,
               DEVBUCKET_KEY=KEY, DEVBUCKET_SECRET=SECRET)
    try:
        done = subprocess.run(["node", script], env=env, capture_output=True, timeout=120)
    except subprocess.TimeoutExpired:
        return report.fail("ali-oss", "the script did not end in 120 s")
    lines = done.stdout.decode(errors="replace").splitlines()
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "PASS":
            report.passed += 1
            print(line, flush=True)
        elif word == "FAIL":
            report.fail(*(rest.split(": ", 1) + [""])[:2])
    if done.returncode != 0 or not lines:
        report.fail("ali-oss script", done.stderr.decode(errors="replace")[-1500:])
    return None
