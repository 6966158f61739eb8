# SPDX-License-Identifier: Apache-2.0
"""Who serves the digits: s3fs as the seed sets it, Shoal, a local copy, rclone; mounted anew each time.

The seed is a page of a cloud's manual on separating reads from writes: a training job loads MNIST
through ossfs (a fork of s3fs) with the settings for reading and writing, then with those for reading.
"""
import contextlib
import json
import os
import time
from dataclasses import dataclass

import lab as lab_module
from data import Bucket
from subjects import Mounted, rclone_config, served_by
from trial import read_all

BUCKET = "tf-train"
FILES_PREFIX, PACKED_PREFIX = "train/data", "train/packed"
READ_WRITE = "max_stat_cache_size=0,allow_other"
READ_ONLY = "kernel_cache,max_stat_cache_size=10000,umask=022,allow_other"


@dataclass
class Job:
    """One cold load of one tree. `lab` and `bucket` are what rclone_config() wants, too."""
    lab: object
    bucket: Bucket
    prefix: str
    copy: str  # the same files on the local disk

    def url(self):
        return f"s3://{BUCKET}/{self.prefix}"


@dataclass
class Ready:
    """What can be read, and what it took until then."""
    mounted: Mounted
    index_seconds: float = 0.0
    mount_seconds: float = 0.0


def s3fs_command(lab, endpoint, what, point, options):
    keys = lab.path("s3fs.keys")
    with open(os.open(keys, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write("{AWS_ACCESS_KEY_ID}:{AWS_SECRET_ACCESS_KEY}\n".format(**lab.environment))
    return ["s3fs", what, point, "-f", "-o", f"url={endpoint},use_path_request_style,passwd_file={keys},{options}"]


@contextlib.contextmanager
def s3fs_mounted(lab, endpoint, what, options):
    """Gives a Ready; the only s3fs of the lab at that time."""
    point = lab.folder("mnt", "s3fs")
    began = time.monotonic()
    process = lab.start(s3fs_command(lab, endpoint, what, point, options), "s3fs.log")
    with contextlib.contextmanager(served_by)(lab, process, point, "s3fs") as mounted:
        yield Ready(mounted, mount_seconds=time.monotonic() - began)


class S3fs:
    from_bucket = True

    def __init__(self, name, title, options):
        self.name, self.title, self.options = name, title, options

    def setting(self):
        return "-o " + " -o ".join(self.options.split(","))

    def ready(self, job):
        return s3fs_mounted(job.lab, job.bucket.endpoint, f"{BUCKET}:/{job.prefix}", self.options)


class Rclone:
    name, title, from_bucket = "rclone", "rclone mount", True

    def setting(self):
        return "--read-only --vfs-cache-mode full"

    @contextlib.contextmanager
    def ready(self, job):
        lab, point = job.lab, job.lab.folder("mnt", "rclone")
        cache = lab.folder("rclone-cache", str(len(os.listdir(lab.folder("rclone-cache")))))
        began = time.monotonic()
        process = lab.start(["rclone", "mount", f"lab:{BUCKET}/{job.prefix}", point, "--config", rclone_config(job),
                             "--read-only", "--vfs-cache-mode", "full", "--cache-dir", cache], "rclone.log")
        with contextlib.contextmanager(served_by)(lab, process, point, "rclone mount") as mounted:
            yield Ready(mounted, mount_seconds=time.monotonic() - began)


class Shoal:
    name, title, from_bucket = "shoal", "Shoal", True

    def setting(self):
        return "as installed"

    @contextlib.contextmanager
    def ready(self, job):
        lab, program = job.lab, job.lab.program("shoal")
        volume, point = lab.path("volume"), lab.folder("mnt", "shoal")
        where = ["--endpoint", job.bucket.endpoint, "--volume", volume]
        began = time.monotonic()
        lab.run([program, "index", "build", job.url(), *where], "shoal index build")
        built = time.monotonic()
        try:
            lab.run([program, "mount", job.url(), point, *where], "shoal mount")
            mounted = time.monotonic()
            status = json.loads(lab.run([program, "status", point, "--json"], "shoal status"))["mounts"][0]
            yield Ready(Mounted(point, [status["server_pid"], status["keeper_pid"]]), built - began, mounted - built)
        finally:
            lab.unmount(point)
            lab.run(["rm", "-rf", volume], "removing the volume")


class Local:
    """The limit: what the loading program itself and a local disk take."""
    name, title, from_bucket = "local", "local directory (the limit)", False

    def setting(self):
        return "a copy on the disk of the temporary directory"

    @contextlib.contextmanager
    def ready(self, job):
        yield Ready(Mounted(job.copy))


READERS = (S3fs("s3fs-rw", "s3fs, read-write settings", READ_WRITE),
           S3fs("s3fs-ro", "s3fs, read-only settings", READ_ONLY), Shoal(), Local(), Rclone())
BY_NAME = {reader.name: reader for reader in READERS}
USUAL = ["s3fs-rw", "s3fs-ro", "shoal", "local"]


def quiet_machine(job, tree_in_bucket):
    """Nothing of the data is in memory, but for the bucket's own copy: it is the service."""
    lab_module.drop_page_cache()
    read_all(tree_in_bucket)
    job.bucket.reset()
