# SPDX-License-Identifier: Apache-2.0
"""What the benches' options may say; each is a `type` of argparse and names what it refuses."""
import argparse
import re


def between(least, most, kind=int):
    def parse(text):
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{value} is not within {least} to {most}")
        return value
    return parse


def size(text):
    """Bytes."""
    found = re.fullmatch(r"(\d+)\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if not found or int(found[1]) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no size: use e.g. 512M or 4G")
    return int(found[1]) << {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}[found[2].upper()]


def comma_list(check):
    return lambda text: [check(part) for part in text.split(",")]


def one_of(names):
    def parse(text):
        if text not in names:
            raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(names)}")
        return text
    return parse
