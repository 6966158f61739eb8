# SPDX-License-Identifier: Apache-2.0
"""What is compared: Shoal, and its peers as installed and as somebody who knows them would set them.

Every client sends a directory, `job.source`, below `job.prefix` of the bucket. The programs are those
of Debian's packages, whatever else is in PATH.
"""
import os
import shutil
from dataclasses import dataclass
from urllib.parse import urlsplit

SMALL, LARGE = "small", "large"
LARGE_NAME = "large.bin"


def program(name):
    """Debian's own, where it is there."""
    return f"/usr/bin/{name}" if os.access(f"/usr/bin/{name}", os.X_OK) else shutil.which(name) or name


@dataclass
class Job:
    """One run of one client."""
    lab: object
    kind: str  # SMALL, LARGE
    source: str  # a directory
    endpoint: str
    bucket: str
    prefix: str
    journal: str  # a directory of this run, not there yet

    def url(self):
        return f"s3://{self.bucket}/{self.prefix}/"


def write(path, text):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    return path


class Client:
    name = ""
    title = ""
    package = None
    tuned = False  # not as installed
    kinds = (SMALL, LARGE)
    setting = ""  # said below the tables
    port_80_only = False

    def command(self, job):
        raise NotImplementedError

    def variables(self, job):
        return {}


class Shoal(Client):
    name = "shoal"
    title = "shoal put"
    setting = "as installed; journal on disk"

    def command(self, job):
        where = ["--endpoint", job.endpoint, "--journal", job.journal]
        shoal = job.lab.program("shoal")
        if job.kind == LARGE:
            return [shoal, "put", os.path.join(job.source, LARGE_NAME), job.url(), *where]
        return [shoal, "put", "-r", job.source + "/", job.url(), *where]


class Aws(Client):
    name = "aws"
    title = "aws s3 cp"
    package = "awscli"
    setting = "as installed"
    lines = ()

    def variables(self, job):
        lines = ["[default]", f"region = {job.lab.environment['AWS_REGION']}", "s3 =",
                 *(f"  {line}" for line in ("addressing_style = path", *self.lines))]
        return {"AWS_CONFIG_FILE": write(job.lab.path(f"{self.name}.config"), "\n".join(lines) + "\n")}

    def command(self, job):
        return [program("aws"), "s3", "cp", "--recursive", "--only-show-errors", "--endpoint-url", job.endpoint,
                job.source, job.url()]


class AwsTuned(Aws):
    name = "aws-tuned"
    title = "aws s3 cp, tuned"
    tuned = True
    lines = ("max_concurrent_requests = 64", "max_queue_size = 10000", "multipart_chunksize = 8MB")
    setting = ", ".join(lines)


class AwsCrt(Aws):
    """Its client of 2022 connects to port 80 or 443, whatever port the URL names."""
    name = "aws-crt"
    title = "aws s3 cp, CRT"
    tuned = True
    kinds = (LARGE,)
    lines = ("preferred_transfer_client = crt", "target_bandwidth = 10Gb/s")
    setting = ", ".join(lines)
    port_80_only = True


class Rclone(Client):
    name = "rclone"
    title = "rclone copy"
    package = "rclone"
    setting = "as installed"
    flags = ()

    def command(self, job):
        return [program("rclone"), "copy", "--config", rclone_config(job.lab, job.endpoint), job.source,
                f"lab:{job.bucket}/{job.prefix}", *self.flags]


class RcloneTuned(Rclone):
    name = "rclone-tuned"
    title = "rclone copy, tuned"
    tuned = True
    flags = ("--transfers", "64", "--checkers", "64", "--s3-upload-cutoff", "8M", "--s3-chunk-size", "8M",
             "--s3-upload-concurrency", "8", "--s3-no-check-bucket", "--s3-no-head", "--no-check-dest",
             "--s3-disable-checksum", "--expect-continue-timeout", "0")
    setting = " ".join(flags) + " (no MD5 of a whole large file, its parts have theirs; bodies unasked)"


class S3cmd(Client):
    name = "s3cmd"
    title = "s3cmd put"
    package = "s3cmd"
    setting = "as installed; one request at a time"
    flags = ()

    def command(self, job):
        host = urlsplit(job.endpoint)
        keys = job.lab.environment
        config = write(job.lab.path("s3cmd.config"), "[default]\n" + "".join(f"{line}\n" for line in (
            f"access_key = {keys['AWS_ACCESS_KEY_ID']}", f"secret_key = {keys['AWS_SECRET_ACCESS_KEY']}",
            f"access_token = {keys.get('AWS_SESSION_TOKEN', '')}", f"bucket_location = {keys['AWS_REGION']}",
            f"host_base = {host.netloc}", f"host_bucket = {host.netloc}",
            f"use_https = {host.scheme == 'https'}")))
        return [program("s3cmd"), "-c", config, "put", "--recursive", "--quiet", *self.flags,
                job.source + "/", job.url()]


class S3cmdTuned(S3cmd):
    name = "s3cmd-tuned"
    title = "s3cmd put, tuned"
    tuned = True
    flags = ("--multipart-chunk-size-mb=64", "--no-preserve", "--no-mime-magic", "--no-guess-mime-type")
    setting = " ".join(flags)


CLIENTS = (Shoal(), Aws(), AwsTuned(), AwsCrt(), Rclone(), RcloneTuned(), S3cmd(), S3cmdTuned())
BY_NAME = {client.name: client for client in CLIENTS}
PEERS = [client.name for client in CLIENTS if client.package]


def rclone_config(lab, endpoint):
    keys = lab.environment
    return write(lab.path("rclone.conf"), "[lab]\ntype = s3\nprovider = Other\n" + "".join(
        f"{name} = {value}\n" for name, value in (
            ("access_key_id", keys["AWS_ACCESS_KEY_ID"]), ("secret_access_key", keys["AWS_SECRET_ACCESS_KEY"]),
            ("session_token", keys.get("AWS_SESSION_TOKEN", "")), ("region", keys["AWS_REGION"]),
            ("endpoint", endpoint)) if value))
