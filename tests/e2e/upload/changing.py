#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Changes a file while `shoal put` sends it, and looks at every state of the object.

changing.py SHOAL ENDPOINT BUCKET_DIR WORK HOW

A version of the file is a random MiB, its own, repeated with numbers. Whatever the object is at any
moment must be one version from end to end. When the command has succeeded and the writer had stopped
before, it must be the last one.
"""
import functools
import glob
import hashlib
import json
import os
import random
import subprocess
import sys
import time
import urllib.request

MIB = 1 << 20
SIZE = 64


@functools.lru_cache(maxsize=8)
def content(version, mebibytes=SIZE):
    noise = random.Random(version).randbytes(MIB - 16)
    return b"".join(b"%016d" % number + noise for number in range(mebibytes))


class Case:
    def __init__(self, shoal, endpoint, bucket_dir, work, how):
        self.file = os.path.join(work, "changing-" + how)
        self.object = os.path.join(bucket_dir, "changing", how)
        self.how = how
        self.endpoint = endpoint
        self.allowed = {}  # MD5: name of the version
        self.last = ""
        self.wrong = []
        self.seen = []
        self.put = None
        self.interrupted = set()
        self.command = [shoal, "put", self.file, f"s3://{os.path.basename(bucket_dir)}/changing/{how}",
                        "--endpoint", endpoint, "-j", "1", "--part-size", "5M"]

    def allow(self, data, name):
        self.last = hashlib.md5(data).hexdigest()
        self.allowed[self.last] = name

    def write(self, version, mebibytes=SIZE, hide=False, by_rename=False, half=False):
        """As another program would: in place, a MiB at a time."""
        data = content(version, mebibytes)
        before = os.stat(self.file) if os.path.exists(self.file) else None
        if half:  # the first one, of which a good deal has been read by now
            data = data[:len(data) // 2] + content(1)[len(data) // 2:]
        path = self.file + ".new" if by_rename else self.file
        with open(path, "r+b" if before and not by_rename else "wb") as file:
            file.write(data[:len(data) // 2] if half else data)
        if hide:
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        if by_rename:
            os.rename(path, self.file)
        self.allow(data, f"version {version}")

    def stamp(self, version):
        """Sixteen bytes of each MiB in one go, and the times as they were: over before anybody looks."""
        data = bytearray(content(1))
        before = os.stat(self.file)
        with open(self.file, "r+b", buffering=0) as file:
            for at in range(0, len(data), MIB):
                data[at:at + 16] = b"%16d" % version
                os.pwrite(file.fileno(), data[at:at + 16], at)
        os.utime(self.file, ns=(before.st_atime_ns, before.st_mtime_ns))
        self.allow(data, f"version {version}")

    # ---- the ways
    def rewritten(self):
        self.write(2)

    def hidden(self):
        self.write(2, hide=True)

    def stamped(self):
        self.stamp(2)

    def half_hidden(self):
        self.write(2, hide=True, half=True)

    def replaced(self):
        self.write(2, by_rename=True)

    def replaced_with_time(self):
        self.write(2, by_rename=True, hide=True)

    def hidden_and_gone(self):
        # A file without a name tells of such a write in its change time alone. The command may fail.
        self.stamp(2)
        os.unlink(self.file)

    def hidden_and_replaced(self):
        self.stamp(2)
        self.write(3, by_rename=True)

    def truncated(self):
        os.truncate(self.file, 5 * MIB)
        self.allow(content(1, 5), "5 MiB of version 1")

    def growing(self):
        whole = content(1, SIZE + 12)
        for size in range(SIZE, SIZE + 12):
            self.allow(whole[:(size + 1) * MIB], f"{size + 1} MiB")
            with open(self.file, "ab") as file:
                file.write(whole[size * MIB:(size + 1) * MIB])
            time.sleep(0.12)  # the pace of the writer

    def many_times(self):
        for version in range(2, 5):
            self.write(version)
            self.wait_for_parts(4)
        self.write(5, by_rename=True)  # what was open is sent to its end, and is old then

    # ---- looking
    def look(self):
        try:
            with open(self.object, "rb") as file:
                number = os.fstat(file.fileno()).st_ino
                if self.seen and self.seen[-1][0] == number:
                    return
                digest = hashlib.md5(file.read()).hexdigest()
        except FileNotFoundError:
            return
        self.seen.append((number, digest))
        if digest not in self.allowed:
            self.wrong.append(f"the object was a mixture: {digest}, {os.path.getsize(self.object)} bytes")

    def run(self):
        if self.how.startswith("small_"):
            return self.run_small()
        for version in (1, 2, 3):
            content(version)  # made before it is needed
        self.write(1)
        os.utime(self.file, (1700000000, 1700000000.5))
        self.put = subprocess.Popen(self.command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.wait_for_parts(4)
        getattr(self, self.how)()
        self.finish(self.put)

    def wait_for_parts(self, count):
        """Until the bucket has so many parts of another upload of this key, and others are still to come."""
        uploads = os.path.join(os.path.dirname(os.path.dirname(self.object)), ".shoal~state", "uploads")
        while self.put.poll() is None:
            for info in glob.glob(os.path.join(glob.escape(uploads), "*", "info")):
                try:
                    with open(info, "rb") as file:
                        is_ours = file.read().split()[:1] == [f"changing/{self.how}".encode().hex().encode()]
                    if is_ours and info not in self.interrupted and len(os.listdir(os.path.dirname(info))) > count:
                        self.interrupted.add(info)
                        return
                except FileNotFoundError:
                    continue
            time.sleep(0.01)  # how often the bucket is looked at

    def puts(self):
        with urllib.request.urlopen(self.endpoint + "/-/stats") as answer:
            return json.load(answer)["put"]["requests"]

    def run_small(self):
        """1 MiB, rewritten during each of so many requests and not any more afterwards."""
        writes = int(self.how.split("_")[1])
        self.write(1, 1)
        time.sleep(0.1)  # old enough to be read
        before = self.puts()
        self.put = subprocess.Popen(self.command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for count in range(1, writes + 1):
            while self.puts() < before + count and self.put.poll() is None:
                time.sleep(0.005)  # how often the bucket is asked
            self.write(1 + count, 1)
        self.finish(self.put)

    def finish(self, put):
        stopped_before = put.poll() is None
        while put.poll() is None:
            self.look()
            time.sleep(0.02)  # how often the object is looked at
        output = put.stdout.read() + put.stderr.read()
        self.look()
        if not stopped_before:
            self.wrong.append("the upload was over before the writer: the case says nothing")
        may_fail = self.how == "hidden_and_gone"
        if put.returncode != 0 and not may_fail:
            self.wrong.append(f"exit code {put.returncode}: {output.strip()}")
        if put.returncode == 0 and not may_fail and (not self.seen or self.seen[-1][1] != self.last):
            is_told = "chang" in output
            names = [self.allowed.get(digest, "a mixture") for _, digest in self.seen]
            self.wrong.append(f"success, and the object is not the last version: {names}; "
                              f"{'told' if is_told else 'not told'}: {output.strip()}")
        print("\n".join(self.wrong))
        sys.exit(1 if self.wrong else 0)


if __name__ == "__main__":
    Case(*sys.argv[1:]).run()
