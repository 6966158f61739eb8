# SPDX-License-Identifier: Apache-2.0
"""What is compared: Shoal, its peers on the bucket, and local file systems with the same files.

A subject is mounted anew, with empty caches, for each pass. Peers get the flags their documentation
recommends for read-only data: no HEAD for times, metadata kept, a disk cache as Shoal has one.
"""
import contextlib
import json
import os
import subprocess
from dataclasses import dataclass, field

import lab as lab_module
from data import BUCKET, Bucket, DataSet
from lab import Failure, Lab


@dataclass
class Run:
    """One pass of one scenario."""
    lab: Lab
    data: DataSet
    bucket: Bucket
    number: int
    order: str
    order_known: bool
    max_requests: int

    def url(self):
        return f"s3://{BUCKET}/{self.data.name}"


@dataclass
class Mounted:
    root: str
    pids: list = field(default_factory=list)
    prepare_seconds: float = 0.0  # listing and laying out, before the first read


class Subject:
    name = ""
    title = ""
    packages = ()
    from_bucket = True


class Shoal(Subject):
    name = "shoal"
    title = "Shoal"

    @contextlib.contextmanager
    def mounted(self, run):
        lab, shoal = run.lab, run.lab.program("shoal")
        volume, point = lab.path("volume"), lab.folder("mnt", self.name)
        where = ["--endpoint", run.bucket.endpoint, "--volume", volume]
        built = json.loads(lab.run([shoal, "index", "build", run.url(), *where], "shoal index build")
                           .splitlines()[-1])
        if built["files"] != len(run.data.paths):
            raise Failure(f"shoal index build found {built['files']} files, not {len(run.data.paths)}")
        flags = ["--max-requests", str(run.max_requests)]
        if run.order_known:
            flags += ["--order", run.data.list_of(run.order)]
        lab.run([shoal, "mount", run.url(), point, *where, *flags], "shoal mount", timeout=120)
        try:
            status = json.loads(lab.run([shoal, "status", point, "--json"], "shoal status"))["mounts"][0]
            yield Mounted(point, [status["server_pid"], status["keeper_pid"]],
                          built["listing_seconds"] + built["image_seconds"])
            after = json.loads(lab.run([shoal, "status", point, "--json"], "shoal status"))["mounts"][0]
            if after["server_restarts"] > 0:
                raise Failure(f"the server of Shoal died {after['server_restarts']} times; its log:\n"
                              + lab.words_of("volume/log/server.log"))
        finally:
            lab.unmount(point)
            lab.run(["rm", "-rf", volume], "removing the volume")


class S3fs(Subject):
    name = "s3fs"
    title = "s3fs"
    packages = ("s3fs", "fuse3")

    @contextlib.contextmanager
    def mounted(self, run):
        lab, point = run.lab, run.lab.folder("mnt", self.name)
        keys = lab.path("s3fs.keys")
        with open(os.open(keys, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write("{AWS_ACCESS_KEY_ID}:{AWS_SECRET_ACCESS_KEY}\n".format(**lab.environment))
        cache = lab.folder("scratch", "s3fs", f"{run.data.name}.{len(lab.processes)}")
        options = (f"url={run.bucket.endpoint},use_path_request_style,ro,passwd_file={keys},"
                   f"use_cache={cache},max_stat_cache_size=1000000,stat_cache_expire=86400,"
                   f"multireq_max={run.max_requests}")
        process = lab.start(["s3fs", f"{BUCKET}:/{run.data.name}", point, "-f", "-o", options], "s3fs.log")
        yield from served_by(lab, process, point, "s3fs")


class RcloneMount(Subject):
    name = "rclone"
    title = "rclone mount"
    packages = ("rclone", "fuse3")

    @contextlib.contextmanager
    def mounted(self, run):
        lab, point = run.lab, run.lab.folder("mnt", self.name)
        cache = lab.folder("scratch", "rclone", f"{run.data.name}.{len(lab.processes)}")
        process = lab.start(
            ["rclone", "mount", f"lab:{BUCKET}/{run.data.name}", point, "--config", rclone_config(run),
             "--read-only", "--vfs-cache-mode", "full", "--cache-dir", cache, "--dir-cache-time", "24h",
             "--use-server-modtime", "--vfs-fast-fingerprint", "--no-checksum"], "rclone.log")
        yield from served_by(lab, process, point, "rclone mount")


class RcloneCopy(Subject):
    """Copies to the local disk, then reads there: cold is both together; afterwards it is ext4."""
    name = "rclone-copy"
    title = "rclone copy, then read"
    packages = ("rclone",)

    def copy(self, run, cap_seconds):
        """Gives the directory with what arrived before the cap."""
        lab = run.lab
        target = lab.folder("scratch", "copies", f"{run.data.name}.{len(lab.processes)}")
        process = lab.start(
            ["rclone", "copy", f"lab:{BUCKET}/{run.data.name}", target, "--config", rclone_config(run),
             "--transfers", str(run.max_requests), "--checkers", "16", "--use-server-modtime",
             "--ignore-checksum", "--retries", "1"], "rclone-copy.log")
        try:
            process.wait(cap_seconds)
        except subprocess.TimeoutExpired:
            lab_module.stop(process)
            return target
        if process.returncode != 0:
            raise Failure(f"rclone copy: {lab.words_of('rclone-copy.log')}")
        return target


class Ext4(Subject):
    name = "ext4"
    title = "local ext4"
    packages = ("e2fsprogs",)
    from_bucket = False

    @contextlib.contextmanager
    def mounted_image(self, lab, data):
        image, point = lab.path(f"{data.name}.ext4"), lab.folder("mnt", f"ext4-{data.name}")
        inodes = len(data.paths) * 5 // 4 + 20000
        blocks_bytes = sum(-(-os.stat(os.path.join(data.tree, path)).st_size // 4096) * 4096
                           for path in data.paths)
        with open(image, "wb") as file:
            file.truncate(blocks_bytes * 5 // 4 + inodes * 300 + (256 << 20))
        lab.run(["mkfs.ext4", "-q", "-F", "-N", str(inodes), "-d", data.tree, image], "making the ext4 image")
        lab.run(["mount", "-o", "loop,ro", image, point], "mounting the ext4 image")
        with unmounted_after(lab, point, image):
            yield Mounted(point)


class Erofs(Subject):
    """Mounted as Shoal's image is where the kernel can (6.12): the file itself, no loop device."""
    name = "erofs"
    title = "local EROFS image"
    packages = ("erofs-utils",)
    from_bucket = False
    may_be_file_backed = True

    @contextlib.contextmanager
    def mounted_image(self, lab, data):
        image, point = lab.path(f"{data.name}.{self.name}"), lab.folder("mnt", f"{self.name}-{data.name}")
        lab.run(["mkfs.erofs", "--quiet", image, data.tree], "making the EROFS image")
        if not (self.may_be_file_backed and lab_module.mount_file_backed(image, point, "erofs")):
            lab.run(["mount", "-t", "erofs", "-o", "loop,ro", image, point], "mounting the EROFS image")
        with unmounted_after(lab, point, image):
            yield Mounted(point)


class ErofsLoop(Erofs):
    name = "erofs-loop"
    title = "local EROFS image, loop"
    may_be_file_backed = False


class Squashfs(Subject):
    name = "squashfs"
    title = "local squashfs (lz4)"
    packages = ("squashfs-tools",)
    from_bucket = False

    @contextlib.contextmanager
    def mounted_image(self, lab, data):
        image, point = lab.path(f"{data.name}.squashfs"), lab.folder("mnt", f"squashfs-{data.name}")
        lab.run(["mksquashfs", data.tree, image, "-comp", "lz4", "-no-progress", "-quiet"],
                "making the squashfs image")
        lab.run(["mount", "-t", "squashfs", "-o", "loop,ro", image, point], "mounting the squashfs image")
        with unmounted_after(lab, point, image):
            yield Mounted(point)


SUBJECTS = (Shoal(), S3fs(), RcloneMount(), RcloneCopy(), Ext4(), Erofs(), ErofsLoop(), Squashfs())
BY_NAME = {subject.name: subject for subject in SUBJECTS}


def served_by(lab, process, point, what):
    """Body of `mounted` for a FUSE program in the foreground."""
    try:
        lab.wait_for(lambda: os.path.ismount(point), process, f"{what.split()[0]}.log", f"mounting {what}")
        yield Mounted(point, [process.pid])
    finally:
        lab.unmount(point)
        lab_module.stop(process)


@contextlib.contextmanager
def unmounted_after(lab, point, image):
    try:
        yield
    finally:
        lab.unmount(point)
        os.unlink(image)


def rclone_config(run):
    path = run.lab.path("rclone.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write("[lab]\ntype = s3\nprovider = Other\naccess_key_id = {AWS_ACCESS_KEY_ID}\n"
                   "secret_access_key = {AWS_SECRET_ACCESS_KEY}\n".format(**run.lab.environment)
                   + f"endpoint = {run.bucket.endpoint}\n")
    return path
