#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads that no shell command makes.

reads.py advise FILE...            posix_fadvise(WILLNEED) on each, reads nothing
reads.py readahead FILE...         readahead(2) on each, reads nothing
reads.py ranges FILE OFFSET:LENGTH...   each range by itself, without the kernel's readahead, to stdout
"""
import ctypes
import os
import sys


def advise(path):
    fd = os.open(path, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_WILLNEED)
    os.close(fd)


def readahead(path):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.readahead.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_size_t]
    fd = os.open(path, os.O_RDONLY)
    if libc.readahead(fd, 0, os.fstat(fd).st_size) != 0:
        raise OSError(ctypes.get_errno(), "readahead")
    os.close(fd)


def ranges(path, *texts):
    fd = os.open(path, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
    for text in texts:
        offset, length = map(int, text.split(":"))
        sys.stdout.buffer.write(os.pread(fd, length, offset))


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    if command == "ranges":
        ranges(*rest)
    else:
        for name in rest:
            {"advise": advise, "readahead": readahead}[command](name)
