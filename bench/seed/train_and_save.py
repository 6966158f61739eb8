#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A training loop that saves checkpoints, as tools/python/examples/train_mnist.py does, with the model
left out: each step is a fixed amount of processor work, so that what saving takes from it shows.

    train_and_save.py HOW TARGET --count N --size BYTES --work ROUNDS --directory DIR [--endpoint URL]

HOW: none      trains only
     mount     writes the checkpoint to TARGET (a directory) and waits for write, fsync and close
     blocking  writes it to DIR, and waits until the uploader has the bucket's confirmation; TARGET is a URL
     async     the same and goes on training; waits once, at the end
     boto3     writes it to DIR, and waits for boto3's upload_file

Prints a line of JSON: the times, and the SHA-256 of every checkpoint for who wants to check.
"""
import argparse
import hashlib
import json
import os
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "python"))

WORK = b"\0" * (1 << 20)  # hashed over and over: work that lets other threads run, as numpy's does


class Checkpoints:
    """Contents that differ from step to step and cannot be compressed."""

    def __init__(self, size):
        self.body = bytearray(os.urandom(size))

    def content(self, step):
        struct.pack_into(">Q", self.body, 0, step)
        return self.body


def write(path, body, synced):
    with open(path, "wb") as file:
        file.write(body)
        if synced:
            file.flush()
            os.fsync(file.fileno())


class Saver:
    """Saves nothing: the training alone."""

    def __init__(self, _asked):
        pass

    def save(self, name, body):
        pass

    def finish(self):
        pass


class Mount(Saver):
    def __init__(self, asked):
        super().__init__(asked)
        self.directory = asked.target

    def save(self, name, body):
        write(os.path.join(self.directory, name), body, synced=True)


class Sdk(Saver):
    """The uploader of Shoal, waiting for each checkpoint or not."""

    def __init__(self, asked):
        super().__init__(asked)
        from shoal_uploader import Uploader  # only here: the other ways need no library
        self.blocking = asked.how == "blocking"
        self.path = os.path.join(asked.directory, "model.ckpt")
        self.uploader = Uploader(asked.target, endpoint=asked.endpoint,
                                 journal=os.path.join(asked.directory, "journal"))

    def save(self, name, body):
        write(self.path, body, synced=False)
        # The next checkpoint overwrites the file: without waiting, its content is taken now.
        upload = self.uploader.put_object_from_file(name, self.path, copy=not self.blocking)
        if self.blocking:
            upload.result()

    def finish(self):
        self.uploader.flush()
        self.uploader.close()


class Boto3(Saver):
    def __init__(self, asked):
        super().__init__(asked)
        import boto3  # may be missing: the caller has looked
        import botocore.config
        self.path = os.path.join(asked.directory, "model.ckpt")
        self.bucket, _, self.prefix = asked.target.split("://", 1)[1].partition("/")
        self.client = boto3.client("s3", endpoint_url=asked.endpoint,
                                   config=botocore.config.Config(s3={"addressing_style": "path"}))

    def save(self, name, body):
        write(self.path, body, synced=False)
        self.client.upload_file(self.path, self.bucket, f"{self.prefix}/{name}")


WAYS = {"none": Saver, "mount": Mount, "blocking": Sdk, "async": Sdk, "boto3": Boto3}


def train(saver, checkpoints, asked):
    """Seconds of the whole loop, and those each save kept it waiting."""
    waited = []
    began = time.monotonic()
    for step in range(asked.count):
        for _ in range(asked.work):
            hashlib.sha256(WORK)
        body = checkpoints.content(step)
        before = time.monotonic()
        saver.save(f"model.ckpt-{step}", body)
        waited.append(time.monotonic() - before)
    return time.monotonic() - began, waited


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("how", choices=sorted(WAYS))
    parser.add_argument("target")
    for name in ("count", "size", "work"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--directory", required=True)
    parser.add_argument("--endpoint")
    asked = parser.parse_args()
    saver, checkpoints = WAYS[asked.how](asked), Checkpoints(asked.size)
    trained, waited = train(saver, checkpoints, asked)
    began = time.monotonic()
    saver.finish()
    rest = time.monotonic() - began
    sums = {f"model.ckpt-{step}": hashlib.sha256(checkpoints.content(step)).hexdigest()
            for step in range(asked.count)}
    print(json.dumps({"trained_seconds": trained, "waited_seconds": waited, "rest_seconds": rest, "sha256": sums}))


if __name__ == "__main__":
    main()
