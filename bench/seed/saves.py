# SPDX-License-Identifier: Apache-2.0
"""One training loop that saves checkpoints one way, timed and checked; gives a SaveSample."""
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field

import data
from lab import Failure
from loads import ALL_KINDS
from readers import BUCKET, READ_WRITE, s3fs_mounted

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "train_and_save.py")
PREFIX = "training_logs"
MIB = 1 << 20
TITLES = {"none": "no checkpoints (what the others are compared with)", "mount": "s3fs mount, read-write settings",
          "boto3": "boto3 upload_file", "blocking": "Shoal's uploader, waiting for each", "async": "Shoal's uploader, async"}
# How many of a size, and how long the training is between two of them.
SHAPES = {MIB: (10, 0.2), 64 * MIB: (4, 0.5)}
USUAL_COUNT, USUAL_STEP_SECONDS = 4, 0.3
SECONDS_MAX = 600


@dataclass
class SaveSample:
    size: int
    latency_ms: int
    way: str
    number: int  # of the pass
    count: int
    trained_seconds: float = 0.0  # the loop
    rest_seconds: float = 0.0  # after it, until the last one was confirmed
    waited_seconds: list = field(default_factory=list)  # by the loop, for each save
    requests: int = 0
    load: float = 0.0

    @property
    def confirmed_seconds(self):
        return self.trained_seconds + self.rest_seconds

    def to_json(self):
        return {**asdict(self), "confirmed_seconds": round(self.confirmed_seconds, 4)}


def shape(size):
    return SHAPES.get(size, (USUAL_COUNT, USUAL_STEP_SECONDS))


def rounds_per_second():
    """Of the loop's work on this machine, as it is now; the same number of rounds then serves everybody."""
    block, rounds = b"\0" * MIB, 0
    began = time.monotonic()
    while time.monotonic() - began < 0.3:
        hashlib.sha256(block)
        rounds += 1
    return rounds / (time.monotonic() - began)


def why_no_boto3():
    done = subprocess.run([sys.executable, "-c", "import boto3"], stdout=subprocess.DEVNULL, check=False,
                          stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    return "" if done.returncode == 0 else f"{sys.executable} has no boto3 (Debian: python3-boto3)"


class Saves:
    """Measures all saves of one run. `objects` is where the bucket keeps them, `work` local disk."""

    def __init__(self, lab, objects, library):
        self.lab, self.objects, self.uploader_library = lab, objects, library
        self.rate = rounds_per_second()

    def run(self, size, latency_ms, way, number):
        count, step_seconds = shape(size)
        root = os.path.join(self.objects, "saves")
        target = os.path.join(root, BUCKET, PREFIX)
        work = self.lab.path("checkpoints")
        try:
            os.makedirs(target)
            os.makedirs(work)
            with data.bucket(self.lab, latency_ms, directory=root, slow=ALL_KINDS) as bucket:
                sample = SaveSample(size, latency_ms, way, number, count, load=round(os.getloadavg()[0], 2))
                with self.where(way, bucket) as (place, options):
                    bucket.reset()
                    told = self.train(way, place, [*options, "--count", str(count), "--size", str(size), "--work",
                                                   str(max(1, round(self.rate * step_seconds))), "--directory", work])
                    sample.requests = sum(bucket.requests()[kind] for kind in ALL_KINDS)
            sample.trained_seconds, sample.rest_seconds = told["trained_seconds"], told["rest_seconds"]
            sample.waited_seconds = told["waited_seconds"]
            if way != "none":
                check(told["sha256"], target)
            return sample
        finally:
            shutil.rmtree(root, ignore_errors=True)
            shutil.rmtree(work, ignore_errors=True)

    @contextlib.contextmanager
    def where(self, way, bucket):
        """(TARGET, flags) of the training program."""
        if way == "mount":
            with s3fs_mounted(self.lab, bucket.endpoint, f"{BUCKET}:/{PREFIX}", READ_WRITE) as ready:
                yield ready.mounted.root, []
        else:
            yield f"s3://{BUCKET}/{PREFIX}", ["--endpoint", bucket.endpoint]

    def train(self, way, place, flags):
        os.sync()  # what the run before wrote is not this one's
        out = self.lab.run([sys.executable, "-B", PROGRAM, way, place, *flags], f"saving checkpoints ({way})",
                           timeout=SECONDS_MAX, variables={"SHOAL_UPLOADER_LIBRARY": self.uploader_library})
        return json.loads(out.splitlines()[-1])


def check(sums, directory):
    """Every checkpoint is in the bucket, whole."""
    for name, expected in sums.items():
        try:
            with open(os.path.join(directory, name), "rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise Failure(f"{name} is not in the bucket: {error}") from None
        if found != expected:
            raise Failure(f"{name} in the bucket is not what was saved")
