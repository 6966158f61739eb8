#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: who looks into a directory that is mounted on demand gets to see the dataset.
Method: the kernel's autofs, with this process in systemd's place: it runs the mount command in its own
process group, the only one that the kernel lets through while the mount is being made.
Usage: automount.py DIRECTORY COMMAND...; prints the names in DIRECTORY.
"""
import ctypes
import fcntl
import os
import select
import struct
import subprocess
import sys

READY, FAIL = 0x9360, 0x9361  # ioctls of linux/auto_fs.h
MISSING_DIRECT = 5
HEADER = struct.Struct("iiII")  # of autofs_v5_packet: protocol, type, token, device
LIBC = ctypes.CDLL(None, use_errno=True)
SECONDS = 30


def mounted_on_demand(directory, pipe):
    options = f"fd={pipe},pgrp={os.getpgrp()},minproto=5,maxproto=5,direct"
    if LIBC.mount(b"test", directory.encode(), b"autofs", 0, options.encode()) != 0:
        raise OSError(ctypes.get_errno(), "mount autofs")
    return os.open(directory, os.O_RDONLY | os.O_DIRECTORY)


def main():
    directory, command = sys.argv[1], sys.argv[2:]
    os.setpgid(0, 0)
    requests, pipe = os.pipe()
    root = mounted_on_demand(directory, pipe)
    mounting = looker = None
    try:
        looker = subprocess.Popen(["ls", directory], stdout=subprocess.PIPE, start_new_session=True)
        if not select.select([requests], [], [], SECONDS)[0]:
            sys.exit("the kernel asks for no mount")
        _, kind, token, _ = HEADER.unpack_from(os.read(requests, 1024))
        assert kind == MISSING_DIRECT, kind
        mounting = subprocess.Popen(command)
        try:
            done = mounting.wait(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            done = f"not done within {SECONDS} s: it waits for itself"
        fcntl.ioctl(root, READY if done == 0 else FAIL, token)
        names = looker.communicate(timeout=SECONDS)[0]
        if done != 0 or not names:
            sys.exit(f"{' '.join(command)}: {done}; ls: {names}")
        sys.stdout.buffer.write(names)
    finally:
        for process in filter(None, (mounting, looker)):
            process.kill()
            process.wait()
        os.close(root)
        LIBC.umount2(directory.encode(), 2)  # what was mounted
        LIBC.umount2(directory.encode(), 2)  # the autofs below it


main()
