#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills `shoal` after more and more milliseconds, runs the same command again, and counts requests.

kills.py SHOAL ENDPOINT BUCKET_DIR WORK files|new|parts|sync|watch KILLS

Each round has objects, journal and prefix of its own. A first one, which is not killed, says how long a
run takes; the kills are spread over that time. Prints "NAME: kills" (of processes that ran) at the end; every violation is a line on standard error, and exit code 1.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

from objects import client_of, large, open_uploads, small

FILES, MEBIBYTES, PARTS = 300, 64, 13  # of 5 MiB, the least
JOBS = {"files": 8, "new": 8, "parts": 2, "sync": 8, "watch": 8}
WAIT_MAX = 60


class Rounds:
    def __init__(self, shoal, endpoint, bucket_dir, work, what):
        self.shoal, self.endpoint, self.bucket_dir, self.work, self.what = shoal, endpoint, bucket_dir, work, what
        self.client = client_of(endpoint)
        self.bucket = os.path.basename(bucket_dir)
        self.source = os.path.join(work, "source-" + what)
        os.makedirs(self.source)
        if what == "parts":
            large(os.path.join(self.source, "large"), MEBIBYTES, 4)
        else:
            small(self.source, FILES, 4)
        self.wrong = 0

    def fail(self, text):
        self.wrong += 1
        print(f"{self.what}: {text}", file=sys.stderr)

    def command(self, number, again=False):
        url = f"s3://{self.bucket}/{self.what}-{number}/"
        flags = ["--endpoint", self.endpoint, "-j", str(JOBS[self.what])]
        if self.what == "parts":
            return [self.shoal, "put", os.path.join(self.source, "large"), url, "--part-size", "5M", *flags]
        if self.what == "files":
            return [self.shoal, "put", "-r", self.source + "/", url, *flags]
        if self.what == "new":
            return [self.shoal, "put", "--no-clobber", "-r", self.source + "/", url, *flags]
        if self.what == "sync":
            return [self.shoal, "sync", self.source, url, *flags]
        return [self.shoal, "watch", self.source, url, "--settle", "0.05", *(["--once"] if again else []), *flags]

    def stats(self):
        with urllib.request.urlopen(self.endpoint + "/-/stats") as answer:
            return json.load(answer)

    def target(self, number):
        return os.path.join(self.bucket_dir, f"{self.what}-{number}")

    def is_whole(self, number):
        result = subprocess.run(["diff", "-rq", self.source, self.target(number)], capture_output=True, text=True)
        return result.returncode == 0, result.stdout + result.stderr

    def round(self, number, delay):
        """Whether the process was still running when it was killed, and how long that was."""
        environment = {**os.environ, "SHOAL_STATE": os.path.join(self.work, f"state-{self.what}-{number}")}
        urllib.request.urlopen(urllib.request.Request(self.endpoint + "/-/reset", method="POST")).close()
        began = time.monotonic()
        first = subprocess.Popen(self.command(number), env=environment, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE)
        while first.poll() is None and time.monotonic() < began + delay:
            time.sleep(0.002)  # exactness of the kill
            if self.what == "watch" and delay == WAIT_MAX and self.is_whole(number)[0]:
                break
        taken = time.monotonic() - began
        # A watch runs for ever: its round is the last one when it has sent everything by now.
        ended = first.poll() is not None or (self.what == "watch" and self.is_whole(number)[0])
        first.send_signal(signal.SIGKILL)
        first.communicate()
        at_kill = self.stats()["put"]["requests"]
        # A put that had done everything and forgotten it: the same command sends everything again, as it says.
        succeeded = first.returncode == 0 or (self.what not in ("sync", "watch") and self.is_whole(number)[0] and
                                              not self.is_continued(environment))
        command = self.command(number, again=True)
        if self.what == "new" and succeeded:
            command.remove("--no-clobber")  # everything is there
        again = subprocess.run(command, env=environment, capture_output=True, text=True,
                               timeout=120)
        name = f"round {number}, killed after {delay * 1000:.0f} ms"
        self.check(number, name, again, environment, None if succeeded else at_kill)
        shutil.rmtree(self.target(number), ignore_errors=True)
        shutil.rmtree(environment["SHOAL_STATE"], ignore_errors=True)
        return not ended, taken

    def is_continued(self, environment):
        """Whether a journal is left. `put` takes its away when all is sent."""
        journals = os.path.join(environment["SHOAL_STATE"], "uploads")
        left = [name for _, _, names in os.walk(journals) for name in names if name.endswith(".log")]
        pending = subprocess.run([self.shoal, "uploads"], env=environment, capture_output=True, text=True)
        return bool(left) and "nothing is left to send" not in pending.stdout

    def check(self, number, name, again, environment, at_kill):
        if again.returncode != 0:
            self.fail(f"{name}: the second run ended with {again.returncode}: {again.stderr.strip()[:1200]}")
        whole, differences = self.is_whole(number)
        if not whole:
            self.fail(f"{name}: objects differ: {differences[:300]}")
        puts = self.stats()["put"]["requests"]
        needed = PARTS if self.what == "parts" else FILES
        if at_kill is not None and puts > needed + JOBS[self.what]:
            self.fail(f"{name}: {puts} PUT requests for {needed}, {JOBS[self.what]} in flight; {at_kill} before the kill")
        left = [key for key in open_uploads(self.client, self.bucket)]
        if left:
            self.fail(f"{name}: multipart uploads left open: {left}")
            for upload in self.client.list_multipart_uploads(Bucket=self.bucket)["Uploads"]:
                self.client.abort_multipart_upload(Bucket=self.bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        pending = subprocess.run([self.shoal, "uploads"], env=environment, capture_output=True, text=True)
        if pending.returncode != 0 or "nothing is left to send" not in pending.stdout:
            self.fail(f"{name}: shoal uploads says {pending.returncode} {pending.stdout} {pending.stderr}")


def main():
    shoal, endpoint, bucket_dir, work, what, count = sys.argv[1:]
    rounds = Rounds(shoal, endpoint, bucket_dir, work, what)
    kills = 0
    _, whole = rounds.round(0, WAIT_MAX)
    for number in range(1, int(count) + 1):
        was_running, _ = rounds.round(number, whole * (number - 0.5) / int(count))
        kills += was_running
    print(f"{what}: {kills}")
    sys.exit(1 if rounds.wrong else 0)


if __name__ == "__main__":
    main()
