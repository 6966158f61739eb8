# SPDX-License-Identifier: Apache-2.0
"""The data sets, the orders they are read in, and the bucket that serves them."""
import contextlib
import json
import os
import random
import urllib.request

import lab as lab_module
from lab import Failure

SETS = {
    "D1": "20,000 files of 1-16 KiB in 200 directories",
    "D2": "4,000 files of about 100 KiB in 40 directories",
    "D3": "200,000 files under 1 KiB in 2,000 directories",
    "tiny": "600 files of 1-16 KiB in 20 directories, for trying the bench itself",
}
FILES = {"D1": 20000, "D2": 4000, "D3": 200000, "tiny": 600}
ORDERS = ("walk", "shuffle", "stride")
BUCKET = "market"


def ordered(paths, order, seed):
    """`paths` (DIRECTORY/NAME) in the order a reader takes them.

    walk: names in byte order, directory by directory. shuffle: one random permutation. stride: the
    first file of each directory, then the second of each (a back-test that goes date by date).
    """
    walk = sorted(paths, key=lambda path: [part.encode() for part in path.split("/")])
    if order == "walk":
        return walk
    if order == "shuffle":
        random.Random(seed).shuffle(walk)
        return walk
    if order == "stride":
        files_in = {}
        keyed = []
        for position, path in enumerate(walk):
            directory = path.rsplit("/", 1)[0]
            ordinal = files_in.get(directory, 0)
            files_in[directory] = ordinal + 1
            keyed.append((ordinal, position, path))
        return [path for _, _, path in sorted(keyed)]
    raise Failure(f"no order {order!r}: use one of {', '.join(ORDERS)}")


def walk_tree(lab, root, readers=1, order_list=None, cap_seconds=None):
    """Reads the files below `root` with the plain reader and gives what it counted."""
    command = [lab.program("shoal-walk"), root, "--json", "--readers", str(readers)]
    if cap_seconds is not None:
        command += ["--seconds-max", str(cap_seconds)]
    if order_list is not None:
        command += ["--list", order_list]
    # A reader that is stuck in one read does not see its own cap: hence the timeout.
    return json.loads(lab.run(command, f"reading {root}", timeout=900))


class DataSet:
    """Files on the local disk (`tree`), and the same ones uploaded to the bucket's directory."""

    def __init__(self, lab, name, seed):
        self.lab, self.name, self.seed = lab, name, seed
        self.tree = lab.folder("scratch", "data", name)
        shape = ["--symbols", "20", "--days", "30", "--logs", "0"] if name == "tiny" else ["--set", name]
        lab.run([lab.program("shoal-make-dataset"), self.tree, *shape, "--seed", str(seed)], f"making {name}")
        self.paths, self.bytes = [], 0
        for directory, _, names in os.walk(self.tree):
            for file in names:
                path = os.path.join(directory, file)
                self.paths.append(os.path.relpath(path, self.tree))
                self.bytes += os.stat(path).st_size
        if len(self.paths) != FILES[name]:
            raise Failure(f"making {name}: {len(self.paths)} files, not {FILES[name]}")
        self.checksum = walk_tree(lab, self.tree)["checksum"]
        self.lists = {}
        self.upload()

    def upload(self):
        """PUTs every file, so that ETags are MD5s as in a real bucket and clients can check them."""
        with bucket(self.lab, latency_ms=0, keys=False) as served:
            self.lab.run([self.lab.program("shoal-raw-requests"), "--port", str(served.port), "--prefix",
                          f"/{BUCKET}/{self.name}/", "--list", self.list_of("walk"), "--connections", "8",
                          "--put", self.tree], f"uploading {self.name}", timeout=900)
        os.sync()

    def list_of(self, order, count=None):
        """A file that names the first `count` paths (all without) in this order."""
        key = (order, count)
        if key not in self.lists:
            path = os.path.join(self.lab.folder("lists"), f"{self.name}.{order}.{count or 'all'}")
            with open(path, "w", encoding="utf-8") as file:
                file.writelines(line + "\n" for line in ordered(self.paths, order, self.seed)[:count])
            self.lists[key] = path
        return self.lists[key]

    def tree_in_bucket(self):
        return self.lab.path("scratch", "buckets", BUCKET, self.name)


class Bucket:
    """A running dev bucket: where it is, and what it was asked for."""

    def __init__(self, process, port):
        self.process, self.port = process, port
        self.endpoint = f"http://127.0.0.1:{port}"
        # The lab talks to its own server: never through a proxy of the environment.
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def reset(self):
        request = urllib.request.Request(self.endpoint + "/-/reset", method="POST")
        self.opener.open(request, timeout=30).close()

    def requests(self):
        with self.opener.open(self.endpoint + "/-/stats", timeout=30) as answer:
            stats = json.load(answer)
        counts = {kind: stats[kind]["requests"] for kind in ("get", "head", "list", "put", "other")}
        return {**counts, "get_in_flight_max": stats["get"]["in_flight_max"]}


@contextlib.contextmanager
def bucket(lab, latency_ms, keys=True, directory=None, slow=("get", "head", "list")):
    """A dev bucket for `directory` (default: the lab's), `slow` kinds of requests with latency. Without
    `keys` it takes unsigned writes."""
    directory = directory or os.path.dirname(lab.folder("scratch", "buckets", BUCKET))
    port_file = lab.path(f"port.{len(lab.processes)}")
    command = [lab.program("shoal-devbucket"), directory, "--port", "0", "--port-file", port_file]
    environment = lab.environment
    if keys:
        command.append("--anonymous-read")
    else:
        environment = {name: value for name, value in environment.items() if not name.startswith("AWS_")}
    if latency_ms > 0:
        for kind in slow:
            command += [f"--{kind}-latency-ms", str(latency_ms)]
    process = lab.start(command, "devbucket.log", environment)
    try:
        lab.wait_for(lambda: os.path.exists(port_file) and os.path.getsize(port_file) > 0, process,
                     "devbucket.log", "starting the dev bucket")
        with open(port_file, encoding="ascii") as file:
            yield Bucket(process, int(file.read()))
    finally:
        lab_module.stop(process)
