# SPDX-License-Identifier: Apache-2.0
"""Says on what the numbers were measured, and prepares the machine as tools/setup.sh does."""
import os
import platform
import subprocess
import time

from lab import Failure


def shell(root, script, *arguments):
    """Runs a line of shell with tools/setup.sh; its messages go to standard error."""
    command = ["bash", "-c", f'set -u; root=$1; shift; . "$root/tools/setup.sh"; {script}', "bash", root, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Failure(done.stdout.strip() or f"could not prepare the machine: {script}")
    return done.stdout.strip()


def install(root, packages):
    shell(root, 'need_packages $packages_build $packages_tests "$@" >&2', *packages)


def build(root, targets):
    shell(root, 'build_shoal "$root" release "$@" >&2', *targets)
    return os.path.join(root, "build", "release", "bin")


def why_no_mount(root):
    return shell(root, "why_no_mount")


def first_line(command):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return done.stdout.strip().splitlines()[0] if done.stdout.strip() else "unknown"
    except OSError:
        return "not installed"


def processor():
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return names[0] if names else platform.machine()


def describe(root, command_line, peers):
    """Lines of `name: value`."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    lines = [f"command: `{command_line}`",
             f"machine: {os.cpu_count()} processors ({processor()}), {memory_gib:.0f} GiB",
             f"kernel: {platform.system()} {platform.release()}",
             f"commit: {first_line(['git', '-C', root, 'describe', '--always', '--dirty'])}",
             f"date: {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC"]
    versions = {"s3fs": ["s3fs", "--version"], "rclone": ["rclone", "version"],
                "squashfs": ["mksquashfs", "-version"]}
    lines += [f"{name}: {first_line(command)}" for name, command in versions.items() if name in peers]
    return lines
