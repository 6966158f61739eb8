#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The data loading of a training program: plain files, no knowledge of who serves them.

    load_digits.py DIRECTORY [--seconds-max N] [--images-max N] [--seed N]

DIRECTORY has <digit>/<name>.png, or MNIST's four archives (train-images-idx3-ubyte.gz, ...). Lists,
reads and decodes all of it, and shuffles; prints "dataload cost time: SECONDS", then what it loaded
as a line of JSON. What is checked afterwards (a digest of all images) is not part of the time.
"""
import argparse
import gzip
import hashlib
import json
import os
import random
import resource
import struct
import time
import zlib

try:
    import numpy
except ImportError:
    numpy = None

SIDE = 28
PIXELS = SIDE * SIDE


def pixels_of(name, raw):
    """The pixels of a grey 28 x 28 PNG whose rows are not filtered."""
    if raw[:8] != b"\x89PNG\r\n\x1a\n":
        raise SystemExit(f"{name} is no PNG ({len(raw)} bytes)")
    place, packed = 8, b""
    while place + 8 <= len(raw):
        size, kind = struct.unpack_from(">I4s", raw, place)
        if kind == b"IDAT":
            packed += raw[place + 8:place + 8 + size]
        place += size + 12
    rows = zlib.decompress(packed)
    if len(rows) != PIXELS + SIDE:
        raise SystemExit(f"{name} is not 28 x 28")
    return b"".join(rows[begin + 1:begin + 1 + SIDE] for begin in range(0, len(rows), SIDE + 1))


def load_files(directory, deadline, images_max):
    """One file after the other, as the plain loop of a training program does."""
    images, labels, wanted = [], [], 0
    for label in sorted(os.listdir(directory)):
        folder = os.path.join(directory, label)
        names = sorted(os.listdir(folder))
        wanted += len(names)
        for name in names:
            if time.monotonic() > deadline or len(images) >= images_max:
                return images, labels, False
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                images.append(pixels_of(path, file.read()))
            labels.append(int(label))
    return images, labels, len(images) == wanted


def load_packed(directory, _deadline, _images_max):
    images, labels = [], []
    for part in ("train", "t10k"):
        with gzip.open(os.path.join(directory, f"{part}-images-idx3-ubyte.gz")) as file:
            body = file.read()[16:]
        images += [body[begin:begin + PIXELS] for begin in range(0, len(body), PIXELS)]
        with gzip.open(os.path.join(directory, f"{part}-labels-idx1-ubyte.gz")) as file:
            labels += file.read()[8:]
    return images, labels, len(images) == len(labels)


def shuffled(images, labels, seed):
    """What the training gets: pixels from 0 to 1 where numpy is there, bytes where it is not."""
    order = list(range(len(images)))
    random.Random(seed).shuffle(order)
    picked = [images[place] for place in order]
    if numpy and picked:
        picked = numpy.frombuffer(b"".join(picked), dtype=numpy.uint8).reshape(-1, PIXELS) / numpy.float32(255)
    return picked, [labels[place] for place in order]


def digest(images, labels):
    """The same for the same digits, in whatever order or layout."""
    whole = hashlib.sha256()
    for one in sorted(bytes([label]) + image for image, label in zip(images, labels)):
        whole.update(one)
    return whole.hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("directory")
    parser.add_argument("--seconds-max", type=float, default=10**6, help="stop then, with what is there")
    parser.add_argument("--images-max", type=int, default=10**9, help="stop after that many")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    began = time.monotonic()
    packed = "train-images-idx3-ubyte.gz" in os.listdir(asked.directory)
    load = load_packed if packed else load_files
    images, labels, complete = load(asked.directory, began + asked.seconds_max, asked.images_max)
    training = shuffled(images, labels, asked.seed)
    seconds = time.monotonic() - began
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print("dataload cost time: ", seconds, flush=True)
    print(json.dumps({"seconds": seconds, "images": len(training[1]), "complete": complete,
                      "cpu_seconds": usage.ru_utime + usage.ru_stime, "digest": digest(images, labels)}))


if __name__ == "__main__":
    main()
