# SPDX-License-Identifier: Apache-2.0
"""One measurement each: a read of a tree, a copy, or the raw limit; all give a Sample."""
import json
import os
import resource
import time
from dataclasses import asdict, dataclass

import signing
from data import BUCKET, walk_tree
from lab import Failure, cpu_seconds, drop_page_cache, rss_mib_max
from subjects import RcloneCopy

WRK_SECONDS = 3
# Shoal is judged by the whole data set; this only keeps a bad day from taking hours.
SHOAL_CAP_SECONDS = 120


@dataclass
class Sample:
    """What one measurement gave. `round` counts repetitions within a pass."""
    scenario: str
    subject: str
    state: str  # cold, dropped, warm, limit
    number: int  # of the pass
    round: int = 0
    files: int = 0
    seconds: float = 0.0
    complete: bool = True  # False: stopped by --cap
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    client_cpu: float = 0.0  # seconds of the subject's processes
    reader_cpu: float = 0.0  # seconds of the reading program, which include the kernel's file system
    bucket_cpu: float = 0.0
    rss_mib: float = 0.0
    requests: int = 0  # GET + HEAD + LIST + other
    gets: int = 0
    heads: int = 0
    lists: int = 0
    in_flight_max: int = 0
    prepare_seconds: float = 0.0
    load: float = 0.0

    @property
    def rate(self):
        return self.files / self.seconds if self.seconds > 0 else 0.0

    def to_json(self):
        return {**asdict(self), "files_per_second": round(self.rate, 1)}


class Meter:
    """Makes samples of one scenario. Knows when the bucket's files left the page cache."""

    def __init__(self, lab, data, scenario, cap_seconds):
        self.lab, self.data, self.scenario, self.cap_seconds = lab, data, scenario, cap_seconds

    def begin(self, run):
        """Quiet disks, the bucket's files in the page cache: it is the service, not the subject."""
        os.sync()
        walk_tree(self.lab, self.data.tree_in_bucket())
        run.bucket.reset()
        return cpu_seconds([run.bucket.process.pid])

    def finish(self, sample, run, bucket_cpu_before):
        requests = run.bucket.requests()
        sample.bucket_cpu = cpu_seconds([run.bucket.process.pid]) - bucket_cpu_before
        sample.gets, sample.heads, sample.lists = requests["get"], requests["head"], requests["list"]
        sample.requests = sum(requests[kind] for kind in ("get", "head", "list", "put", "other"))
        sample.in_flight_max = requests["get_in_flight_max"]
        return sample

    def sample(self, subject, state, number, **values):
        return Sample(self.scenario.key(), subject, state, number, load=round(os.getloadavg()[0], 2), **values)

    def order_list(self, count=None):
        """None: the reader finds the names itself, as `grep -r` does."""
        if self.scenario.order == "walk" and count is None:
            return None
        return self.data.list_of(self.scenario.order, count)

    def read(self, sample, mounted, cap_seconds, count=None):
        """Times one read of the tree, or of the first `count` files."""
        cpu_before = cpu_seconds(mounted.pids)
        walk = walk_tree(self.lab, mounted.root, self.scenario.readers, self.order_list(count), cap_seconds)
        sample.client_cpu = cpu_seconds(mounted.pids) - cpu_before
        sample.rss_mib = rss_mib_max(mounted.pids)
        sample.reader_cpu = walk["cpu_seconds"]
        sample.files, sample.seconds, sample.complete = walk["files"], walk["seconds"], walk["complete"]
        sample.p50_ms, sample.p99_ms = walk["p50_ms"], walk["p99_ms"]
        sample.prepare_seconds = mounted.prepare_seconds
        if sample.files == 0:
            raise Failure(f"{sample.subject} read no file within {cap_seconds} s: give it more with --cap")
        if walk["complete"] and count is None:
            self.check(sample, walk)
        return sample

    def check(self, sample, walk):
        """Everybody must read the same bytes under the same names."""
        if walk["files"] != len(self.data.paths) or walk["bytes"] != self.data.bytes:
            raise Failure(f"{sample.subject} ({sample.state}) read {walk['files']} files of {walk['bytes']} "
                          f"bytes, not {len(self.data.paths)} of {self.data.bytes}")
        if walk["checksum"] != self.data.checksum:
            raise Failure(f"{sample.subject} ({sample.state}) read other bytes or names than were uploaded")

    def cold(self, subject, run, mounted):
        """Requests since the caller's `begin` count: a first listing is part of being cold."""
        cap = SHOAL_CAP_SECONDS if subject.name == "shoal" else self.cap_seconds
        return self.read(self.sample(subject.name, "cold", run.number), mounted, cap)

    def cold_copy(self, subject, run):
        sample = self.sample(subject.name, "cold", run.number)
        cpu_before = children_cpu()
        begin = time.monotonic()
        target = RcloneCopy.copy(subject, run, self.cap_seconds)
        copied = time.monotonic() - begin
        sample.client_cpu = children_cpu() - cpu_before
        walk = walk_tree(self.lab, target, self.scenario.readers)
        sample.files, sample.seconds = walk["files"], copied + walk["seconds"]
        sample.reader_cpu = walk["cpu_seconds"]
        sample.complete = walk["files"] == len(self.data.paths)
        return sample

    def again(self, subject, state, number, round_, mounted, count):
        """Reads what is cached: `dropped` without the page cache, `warm` with it. `count` files of
        one that did not come further."""
        if state == "dropped":
            drop_page_cache()
        return self.read(self.sample(subject.name, state, number, round=round_), mounted, None, count)

    def signed(self, run):
        """What the raw limit needs to ask as Shoal does: headers, a file of authorizations."""
        signer = signing.Signer(f"127.0.0.1:{run.bucket.port}", self.lab.environment)
        path = self.lab.path("authorizations")
        with open(self.data.list_of(self.scenario.order), encoding="utf-8") as names, \
                open(path, "w", encoding="utf-8") as file:
            file.writelines(signer.authorization(f"/{BUCKET}/{self.data.name}/{name.rstrip()}") + "\n"
                            for name in names)
        return signer.headers(), path

    def raw_loop(self, run):
        headers, authorizations = self.signed(run)
        before = self.begin(run)
        told = json.loads(self.lab.run(
            [self.lab.program("shoal-raw-requests"), "--port", str(run.bucket.port), "--prefix",
             f"/{BUCKET}/{self.data.name}/", "--list", self.data.list_of(self.scenario.order),
             "--connections", str(run.max_requests), "--authorizations", authorizations, "--json",
             *(word for header in headers for word in ("--header", header))], "the raw loop"))
        if told["bytes"] != self.data.bytes:
            raise Failure(f"the raw loop got {told['bytes']} bytes, not {self.data.bytes}")
        return self.finish(self.sample("raw loop", "limit", run.number, files=told["requests"],
                                       seconds=told["seconds"], client_cpu=told["cpu_seconds"]), run, before)

    def raw_wrk(self, run):
        headers, authorizations = self.signed(run)
        before, cpu_before = self.begin(run), children_cpu()
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "raw_limit.lua")
        threads = min(os.cpu_count() or 1, 2)
        out = self.lab.run(
            ["wrk", "-t", str(threads), "-c", str(max(run.max_requests, threads)), "-d", f"{WRK_SECONDS}s",
             "-s", script, run.bucket.endpoint], "wrk",
            variables={"RAW_LIST": self.data.list_of(self.scenario.order),
                       "RAW_PREFIX": f"/{BUCKET}/{self.data.name}/",
                       "RAW_HEADERS": "\n".join(headers), "RAW_AUTHORIZATIONS": authorizations})
        told = json.loads(out.splitlines()[-1])
        if told["errors"] > 0:
            raise Failure(f"wrk counted {told['errors']} errors: {out}")
        return self.finish(self.sample("wrk", "limit", run.number, files=told["requests"],
                                       seconds=told["seconds"], client_cpu=children_cpu() - cpu_before),
                           run, before)


def children_cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
