#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws digit-like images, so that the training example runs anywhere.

    make_digits.py DIRECTORY [--count 200] [--seed 1]

Writes DIRECTORY/<digit>/<number>.pgm: 28 x 28 grey pixels, like MNIST's. A digit is the seven-segment
one, moved, thickened and covered with noise. The same seed draws the same images.
"""
import argparse
import os
import random

SIZE = 28
# Which of the segments top, top left, top right, middle, bottom left, bottom right, bottom are lit.
SEGMENTS = ["1110111", "0010010", "1011101", "1011011", "0111010",
            "1101011", "1101111", "1010010", "1111111", "1111011"]
LEFT, RIGHT, TOP, MIDDLE, BOTTOM = 8, 18, 5, 13, 21
STROKES = [(LEFT, TOP, RIGHT, TOP), (LEFT, TOP, LEFT, MIDDLE), (RIGHT, TOP, RIGHT, MIDDLE),
           (LEFT, MIDDLE, RIGHT, MIDDLE), (LEFT, MIDDLE, LEFT, BOTTOM),
           (RIGHT, MIDDLE, RIGHT, BOTTOM), (LEFT, BOTTOM, RIGHT, BOTTOM)]


def draw(digit, rng):
    """28 * 28 bytes."""
    pixels = bytearray(SIZE * SIZE)
    shift_x, shift_y = rng.randint(-3, 3), rng.randint(-3, 3)
    thick = rng.choice((1, 2, 2, 3))
    for lit, (x0, y0, x1, y1) in zip(SEGMENTS[digit], STROKES):
        if lit == "0":
            continue
        for x in range(x0, x1 + thick):
            for y in range(y0, y1 + thick):
                column, row = x + shift_x, y + shift_y
                if 0 <= column < SIZE and 0 <= row < SIZE:
                    pixels[row * SIZE + column] = rng.randint(180, 255)
    for _ in range(60):
        pixels[rng.randrange(SIZE * SIZE)] = rng.randint(0, 255)
    return bytes(pixels)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("directory")
    parser.add_argument("--count", type=int, default=200, help="images of each digit")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    for digit in range(10):
        directory = os.path.join(asked.directory, str(digit))
        os.makedirs(directory, exist_ok=True)
        for number in range(asked.count):
            with open(os.path.join(directory, f"{number:05}.pgm"), "wb") as file:
                file.write(b"P5 %d %d 255\n" % (SIZE, SIZE) + draw(digit, rng))
    print(f"{asked.count * 10} images in {asked.directory}")


if __name__ == "__main__":
    main()
