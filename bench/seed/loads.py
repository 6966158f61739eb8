# SPDX-License-Identifier: Apache-2.0
"""One reader loads the digits twice: cold, just mounted, and again. Each gives a LoadSample."""
import contextlib
import json
import os
import sys
from dataclasses import asdict, dataclass

import data
from lab import Failure, cpu_seconds
from readers import BUCKET, FILES_PREFIX, PACKED_PREFIX, BY_NAME, Job, quiet_machine

LOADER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "load_digits.py")
EPOCHS = (1, 2)
ALL_KINDS = ("get", "head", "list", "put", "other")
# A reader that hangs in one call does not see its own cap.
HANGING_SECONDS_MAX = 600
DAY_SECONDS = 24 * 3600
SHOAL_CAP_SECONDS = 600  # Shoal and the local copy are judged by all of it


@dataclass
class LoadSample:
    layout: str  # files, packed
    latency_ms: int
    reader: str
    number: int  # of the pass
    epoch: int  # 1: cold, 2: again, in a new process
    wanted: int
    images: int = 0
    seconds: float = 0.0  # "dataload cost time"
    complete: bool = True  # False: stopped by --cap
    index_seconds: float = 0.0
    mount_seconds: float = 0.0
    loader_cpu: float = 0.0
    client_cpu: float = 0.0
    gets: int = 0
    heads: int = 0
    lists: int = 0
    ready_requests: int = 0  # for index and mount
    load: float = 0.0

    @property
    def whole_seconds(self):
        """What all images take or, where it was stopped, would take at the rate it had."""
        return self.seconds if self.complete else self.seconds * self.wanted / max(self.images, 1)

    @property
    def from_nothing_seconds(self):
        """From an unmounted bucket nobody has an index of."""
        return self.index_seconds + self.mount_seconds + self.whole_seconds

    @property
    def requests(self):
        return self.gets + self.heads + self.lists

    def to_json(self):
        return {**asdict(self), "whole_seconds": round(self.whole_seconds, 4)}


@contextlib.contextmanager
def bucket_of(lab, latency_ms):
    with data.bucket(lab, latency_ms, directory=lab.path("buckets"), slow=ALL_KINDS) as served:
        yield served


def upload(lab, trees):
    """With `shoal put`, so that every object has the MD5 of its content as ETag."""
    lab.folder("buckets", BUCKET)
    with bucket_of(lab, 0) as served:
        for tree in trees:
            prefix = {"files": FILES_PREFIX, "packed": PACKED_PREFIX}[tree.layout]
            lab.run([lab.program("shoal"), "put", "-r", tree.path + "/", f"s3://{BUCKET}/{prefix}/", "--endpoint",
                     served.endpoint, "--journal", lab.path("journal-" + tree.layout)], f"uploading the {tree.layout}")
    os.sync()


class Loads:
    """Measures all loads of one run. `digest` is what everybody must have loaded in the end."""

    def __init__(self, lab, cap_seconds, digest):
        self.lab, self.cap_seconds, self.digest = lab, cap_seconds, digest

    def run(self, tree, latency_ms, name, number):
        """[cold, again]"""
        reader = BY_NAME[name]
        prefix = {"files": FILES_PREFIX, "packed": PACKED_PREFIX}[tree.layout]
        with bucket_of(self.lab, latency_ms) as bucket:
            job = Job(self.lab, bucket, prefix, tree.path)
            quiet_machine(job, self.lab.path("buckets", BUCKET, prefix))
            with reader.ready(job) as ready:
                made = sum(bucket.requests()[kind] for kind in ALL_KINDS)
                samples = []
                for epoch in EPOCHS:
                    sample = LoadSample(tree.layout, latency_ms, name, number, epoch, tree.count,
                                        index_seconds=ready.index_seconds, mount_seconds=ready.mount_seconds,
                                        ready_requests=made, load=round(os.getloadavg()[0], 2))
                    # What was stopped is loaded again as far as it came: the rest was never read.
                    most = samples[0].images if samples else None
                    samples.append(self.load(sample, ready.mounted, bucket, most))
        return samples

    def load(self, sample, mounted, bucket, most):
        bucket.reset()
        before = cpu_seconds(mounted.pids)
        cap = SHOAL_CAP_SECONDS if sample.reader in ("shoal", "local") else self.cap_seconds or DAY_SECONDS
        told = self.tell(mounted.root, cap, most)
        sample.client_cpu = cpu_seconds(mounted.pids) - before
        requests = bucket.requests()
        sample.gets, sample.heads, sample.lists = requests["get"], requests["head"], requests["list"]
        sample.seconds, sample.images, sample.loader_cpu = told["seconds"], told["images"], told["cpu_seconds"]
        sample.complete = told["complete"] and sample.images == sample.wanted
        if told["complete"] and (sample.images, told["digest"]) != (sample.wanted, self.digest):
            raise Failure(f"{sample.reader} loaded {sample.images} images, or other ones than the {sample.wanted} "
                          "that were uploaded")
        if sample.images == 0:
            raise Failure(f"no image within {cap} s: give it more with --cap")
        return sample

    def tell(self, root, cap, most):
        command = [sys.executable, "-B", LOADER, root, "--seconds-max", str(cap)]
        if most is not None:
            command += ["--images-max", str(most)]
        lines = self.lab.run(command, "loading the digits", timeout=cap + HANGING_SECONDS_MAX).splitlines()
        if len(lines) != 2 or not lines[0].startswith("dataload cost time: "):
            raise Failure(f"cannot read what the loading program printed: {lines[:3]}")
        return json.loads(lines[1])
