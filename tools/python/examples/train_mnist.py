#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Handwritten digits: reads from a mount, saves checkpoints to the bucket, both at full speed.

    train_mnist.py DATA URL [--save blocking|async] [--steps N] [--save-every K]

DATA is a directory with <digit>/<number>.pgm (make_digits.py draws some), usually below a mount of
Shoal. Checkpoints go to URL, for instance oss://models/run-7; where URL is a plain directory, for
instance a volume that can be written, they are written there as any program would. With --save blocking the training
waits for each upload, as with `bucket.put_object_from_file()` of other SDKs; with --save async it
hands the file over and goes on, and waits once at the end. Prints the time of loading the data, and
the time that training waited for saves.
"""
import argparse
import json
import math
import os
import random
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from shoal_uploader import UploadError, Uploader  # noqa: E402

try:
    import numpy
except ImportError:
    numpy = None

PIXELS = 28 * 28
DIGITS = 10


def read_pgm(path):
    """The pixels of a binary PGM (or of a raw file), 0 to 1."""
    with open(path, "rb") as file:
        raw = file.read()
    if len(raw) < PIXELS:
        raise SystemExit(f"{path}: {len(raw)} bytes are no 28 x 28 image")
    return [byte / 255 for byte in raw[-PIXELS:]]


def load(directory):
    images, labels = [], []
    for digit in range(DIGITS):
        folder = os.path.join(directory, str(digit))
        if not os.path.isdir(folder):
            raise SystemExit(f"{folder} is missing: {directory} needs one directory for each digit, 0 "
                             "to 9 (make_digits.py draws some)")
        for name in sorted(os.listdir(folder)):
            images.append(read_pgm(os.path.join(folder, name)))
            labels.append(digit)
    return images, labels


class Softmax:
    """One layer from pixels to digits. With numpy when it is there, in plain Python otherwise."""

    def __init__(self):
        self.weights = [[0.0] * DIGITS for _ in range(PIXELS)]
        self.biases = [0.0] * DIGITS
        if numpy:
            self.weights = numpy.array(self.weights)
            self.biases = numpy.array(self.biases)

    def probabilities(self, image):
        if numpy:
            scores = numpy.asarray(image) @ self.weights + self.biases
            powers = numpy.exp(scores - scores.max())
            return powers / powers.sum()
        scores = list(self.biases)
        for value, row in zip(image, self.weights):
            if value:
                for digit in range(DIGITS):
                    scores[digit] += value * row[digit]
        top = max(scores)
        powers = [math.exp(score - top) for score in scores]
        total = sum(powers)
        return [power / total for power in powers]

    def learn(self, image, label, rate):
        gradient = list(self.probabilities(image))
        gradient[label] -= 1
        if numpy:
            self.weights -= rate * numpy.outer(image, gradient)
            self.biases -= rate * numpy.asarray(gradient)
            return
        for value, row in zip(image, self.weights):
            if value:
                for digit in range(DIGITS):
                    row[digit] -= rate * value * gradient[digit]
        for digit in range(DIGITS):
            self.biases[digit] -= rate * gradient[digit]

    def accuracy(self, images, labels):
        right = 0
        for image, label in zip(images, labels):
            probabilities = list(self.probabilities(image))
            right += probabilities.index(max(probabilities)) == label
        return right / len(labels)

    def save(self, path, step):
        with open(path, "w", encoding="ascii") as file:
            json.dump({"step": step, "biases": list(self.biases),
                       "weights": [list(row) for row in self.weights]}, file)


class DirectorySaver:
    """Writes checkpoints to a directory: training waits for each."""

    def __init__(self, directory):
        self.directory = directory
        self.waited_s = 0.0
        self.count = 0

    def save(self, model, step):
        began = time.perf_counter()
        path = os.path.join(self.directory, f"model.ckpt-{step}")
        model.save(path, step)
        self.waited_s += time.perf_counter() - began
        self.count += 1

    def finish(self):
        return 0.0


class Saver:
    """Writes checkpoints to the local disk and hands them to the bucket."""

    def __init__(self, uploader, mode, directory):
        self.uploader = uploader
        self.mode = mode
        self.path = os.path.join(directory, "model.ckpt")
        self.waited_s = 0.0
        self.count = 0

    def save(self, model, step):
        model.save(self.path, step)
        began = time.perf_counter()
        # The next checkpoint overwrites this file: `copy` takes its content now.
        upload = self.uploader.put_object_from_file(f"model.ckpt-{step}", self.path,
                                                    copy=self.mode == "async")
        if self.mode == "blocking":
            upload.result()
        self.waited_s += time.perf_counter() - began
        self.count += 1

    def finish(self):
        """Every checkpoint is in the bucket when this returns."""
        began = time.perf_counter()
        self.uploader.flush()
        return time.perf_counter() - began


def train(model, images, labels, saver, asked):
    rng = random.Random(asked.seed)
    tests = rng.sample(range(len(labels)), min(200, len(labels)))
    for step in range(asked.steps):
        for _ in range(20):
            pick = rng.randrange(len(labels))
            model.learn(images[pick], labels[pick], rate=0.05)
        if step % asked.save_every == 0:
            accuracy = model.accuracy([images[i] for i in tests], [labels[i] for i in tests])
            print(f"Accuracy at step {step}: {accuracy:.3f}")
            print(f"Save checkpoint at step {step}")
            saver.save(model, step)
    return model.accuracy(images, labels)


def train_and_save(images, labels, saver, asked):
    """(accuracy, seconds of training, seconds waited at the end until all is saved)"""
    began = time.perf_counter()
    accuracy = train(Softmax(), images, labels, saver, asked)
    trained_s = time.perf_counter() - began
    return accuracy, trained_s, saver.finish()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", help="directory with <digit>/<number>.pgm")
    parser.add_argument("url", help="where checkpoints go, e.g. oss://models/run-7, or a directory")
    parser.add_argument("--save", choices=("blocking", "async"), default="async")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--save-every", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--endpoint", help="address of the service, if not the provider's own")
    asked = parser.parse_args()

    began = time.perf_counter()
    images, labels = load(asked.data)
    print("dataload cost time: ", time.perf_counter() - began)

    try:
        if "://" in asked.url:
            with Uploader(asked.url, endpoint=asked.endpoint) as uploader, \
                    tempfile.TemporaryDirectory() as directory:
                saver = Saver(uploader, asked.save, directory)
                accuracy, trained_s, rest_s = train_and_save(images, labels, saver, asked)
        else:
            saver = DirectorySaver(asked.url)
            accuracy, trained_s, rest_s = train_and_save(images, labels, saver, asked)
    except (UploadError, OSError) as error:
        raise SystemExit(f"a checkpoint could not be saved: {error}") from None
    how = asked.save if "://" in asked.url else "to a directory"
    print(f"accuracy: {accuracy:.3f}")
    print(f"{saver.count} checkpoints, {how}: training took {trained_s:.2f} s, waited for saves "
          f"{saver.waited_s:.3f} s of that, and {rest_s:.3f} s at the end")


if __name__ == "__main__":
    main()
