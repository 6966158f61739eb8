# SPDX-License-Identifier: Apache-2.0
"""read.py TRUTH MOUNTED: random mappings, positioned reads, reads across the end, 1,100 descriptors."""
import mmap
import os
import random
import sys

truth, mounted = (os.open(path, os.O_RDONLY) for path in sys.argv[1:])
size = os.fstat(truth).st_size
random.seed(3)
maps = [mmap.mmap(fd, 0, prot=mmap.PROT_READ) for fd in (truth, mounted)]
for _ in range(200):
    at, length = random.randrange(size), random.choice([1, 2, 100, 5000, 100000])
    assert maps[0][at:at + length] == maps[1][at:at + length], ("mmap", at, length)
    assert os.pread(truth, 1, at) == os.pread(mounted, 1, at), ("pread", at)
assert os.pread(mounted, 10, size) == b""
assert os.pread(mounted, 10, size - 3) == os.pread(truth, 10, size - 3)
many = [os.open(sys.argv[2], os.O_RDONLY) for _ in range(900)]
assert os.pread(many[-1], 5, 7) == os.pread(truth, 5, 7)
