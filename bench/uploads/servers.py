# SPDX-License-Identifier: Apache-2.0
"""Where the files are sent: the dev bucket, a Ceph gateway, or any service; empty for every run.

The dev bucket and the gateway are started anew for each run, so that nothing of the run before is
left in memory, on disk or in a collector of garbage. Of any other service only what lies below a
prefix of this run is removed.
"""
import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from dataclasses import dataclass, field

from clients import program, rclone_config
from lab import Failure

BUCKET = "uploads"


@dataclass
class Service:
    endpoint: str
    bucket: str
    pids: list = field(default_factory=list)  # of its processes, where they are ours
    directory: str = None  # with the objects as plain files, of the dev bucket

    def port_80(self):
        return ":" not in self.endpoint.split("//", 1)[1]


def free_port():
    """80 where this user may have it, because one client knows no other; else any."""
    if can_listen(80):
        return 80
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def can_listen(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError:
            return False
    return True


def endpoint_of(port):
    return "http://127.0.0.1" + ("" if port == 80 else f":{port}")


class DevBucket:
    name = "shoal-devbucket"
    takes_latency = True

    def __init__(self, lab, directory):
        self.lab, self.directory = lab, directory

    def describe(self):
        return f"shoal-devbucket, its directory in {self.directory}"

    @contextlib.contextmanager
    def fresh(self, latency_ms):
        root = os.path.join(self.directory, "buckets")
        os.makedirs(os.path.join(root, BUCKET))
        flags = [word for kind in ("get", "head", "list", "put", "other")
                 for word in (f"--{kind}-latency-ms", str(latency_ms))] if latency_ms else []
        port = free_port()
        ready, log = self.lab.path("port"), "devbucket.log"
        process = None
        try:
            process = self.lab.start([self.lab.program("shoal-devbucket"), root, "--port", str(port),
                                      "--port-file", ready, *flags], log)
            self.lab.wait_for(lambda: os.path.exists(ready), process, log, "starting the dev bucket")
            yield Service(endpoint_of(port), BUCKET, [process.pid], os.path.join(root, BUCKET))
        finally:
            if process is not None:
                self.lab.stop(process)
            with contextlib.suppress(OSError):
                os.unlink(ready)
            shutil.rmtree(root, ignore_errors=True)

    def requests(self, service):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(service.endpoint + "/-/stats", timeout=30) as answer:
            return json.load(answer)["total"]["requests"]

    def held(self, service, prefix):
        """Objects and bytes below `prefix`."""
        count = size = 0
        for directory, _, names in os.walk(os.path.join(service.directory, prefix)):
            count += len(names)
            size += sum(os.stat(os.path.join(directory, name)).st_size for name in names)
        return count, size

    def compare(self, service, source, prefix):
        self.lab.run(["diff", "-rq", source, os.path.join(service.directory, prefix)],
                     "comparing the bucket with the source")


class Listed:
    """A service that is asked what it has, by rclone."""
    takes_latency = False

    def __init__(self, lab):
        self.lab = lab

    def rclone(self, service, *words, timeout=1800):
        return self.lab.run([program("rclone"), "--config", rclone_config(self.lab, service.endpoint), *words],
                            f"rclone {words[0]}", timeout=timeout)

    def requests(self, _service):
        return 0

    def held(self, service, prefix):
        told = json.loads(self.rclone(service, "size", "--json", "--fast-list", f"lab:{service.bucket}/{prefix}"))
        return told["count"], told["bytes"]

    def compare(self, service, source, prefix):
        self.rclone(service, "check", "--download", "--checkers", "32", source, f"lab:{service.bucket}/{prefix}")


class Gateway(Listed):
    """Ceph's, with its store in memory: the real thing, and slower than the dev bucket."""
    name = "rgw"

    def __init__(self, lab, root):
        super().__init__(lab)
        self.script = os.path.join(root, "tests", "e2e", "rgw", "rgw-server")

    def describe(self):
        return "Ceph RADOS Gateway, one of each daemon, objects in memory"

    @contextlib.contextmanager
    def fresh(self, _latency_ms):
        directory, port, keys = self.lab.path("rgw"), free_port(), self.lab.environment
        try:
            self.lab.run([self.script, "start", directory, str(port)], "starting the gateway", variables={
                "RGW_ACCESS_KEY": keys["AWS_ACCESS_KEY_ID"], "RGW_SECRET_KEY": keys["AWS_SECRET_ACCESS_KEY"],
                "RGW_STORE_GB": "8"})
            service = Service(endpoint_of(port), BUCKET, self.pids(directory))
            self.rclone(service, "mkdir", f"lab:{BUCKET}")
            yield service
        finally:
            # The daemons have sessions of their own; the script knows them by their pids.
            subprocess.run([self.script, "wipe", directory], stdin=subprocess.DEVNULL, check=False,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)

    @staticmethod
    def pids(directory):
        found = []
        for name in ("mon", "osd", "rgw"):
            with open(os.path.join(directory, "c", "pid", name), encoding="ascii") as file:
                found.append(int(file.read().split()[0]))
        return found


class Anywhere(Listed):
    name = "endpoint"

    def __init__(self, lab, endpoint, bucket):
        super().__init__(lab)
        self.service = Service(endpoint, bucket)
        self.prefix = f"shoal-bench-upload-{os.getpid()}-{int(time.time())}"

    def describe(self):
        return f"{self.service.endpoint}, bucket {self.service.bucket}"

    @contextlib.contextmanager
    def fresh(self, _latency_ms):
        try:
            yield self.service
        finally:
            self.empty()

    def empty(self):
        """Also when the run was interrupted: what would be left costs money."""
        command = [program("rclone"), "--config", rclone_config(self.lab, self.service.endpoint), "delete",
                   "--transfers", "64", "--checkers", "64", f"lab:{self.service.bucket}/{self.prefix}"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False,
                              stderr=subprocess.STDOUT, env=self.lab.environment, start_new_session=True)
        if done.returncode != 0:
            raise Failure(f"could not empty {self.service.bucket}/{self.prefix}: {done.stdout[-500:]}")


def objects_directory(wanted, needed_bytes, others):
    """A directory for the dev bucket's objects: the one asked for, else /dev/shm if there is room in
    it and in memory, else the first of `others` with room."""
    def room(path):
        return shutil.disk_usage(path).free if os.path.isdir(path) else 0
    if wanted:
        if room(wanted) < needed_bytes:
            raise Failure(f"--dir {wanted}: {room(wanted) >> 20} MiB free, {needed_bytes >> 20} are needed; "
                          "use another one or a smaller --large-size")
        return wanted
    if min(room("/dev/shm"), memory_available()) >= needed_bytes:
        return "/dev/shm"
    for path in others:
        if room(path) >= needed_bytes:
            return path
    raise Failure(f"no room for {needed_bytes >> 20} MiB in /dev/shm or {', '.join(others)}: use --dir, "
                  "or a smaller --large-size")


def memory_available():
    with open("/proc/meminfo", encoding="ascii") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    return 0
