# SPDX-License-Identifier: Apache-2.0
"""One run of one client, timed and checked; the directories and processes it needs."""
import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass

from clients import LARGE, SMALL, Job
from lab import Failure, Lab, cpu_seconds

LIMIT = "limit"
LIMIT_PROGRAM = "shoal-bench-store-put"
LIMIT_IN_FLIGHT = 64  # as many as Shoal has
PART_BYTES = 8 << 20
RUN_SECONDS_MAX = 3600
MIB = 1 << 20


@dataclass
class Sample:
    """What one run gave."""
    kind: str
    latency_ms: int
    client: str
    number: int  # of the pass
    files: int = 0
    bytes: int = 0
    seconds: float = 0.0
    cpu: float = 0.0  # user and system, of the client and what it started
    rss_mib: float = 0.0
    bucket_cpu: float = 0.0
    requests: int = 0
    complete: bool = True  # False: stopped by --cap
    load: float = 0.0

    @property
    def rate(self):
        """Files per second, or MiB per second of the large file."""
        if self.seconds <= 0:
            return 0.0
        return (self.files if self.kind == SMALL else self.bytes / MIB) / self.seconds

    def to_json(self):
        return {**asdict(self), "rate": round(self.rate, 1)}


class UploadLab(Lab):
    """Mounts nothing, needs no root; ends whole groups of processes and removes every directory it made."""

    def __init__(self, programs, keys):
        super().__init__(programs)
        self.directories = [self.directory]
        self.environment.update(keys, HOME=self.folder("home"), SHOAL_STATE=self.path("state"))

    def __enter__(self):
        return self

    def directory_in(self, parent):
        made = os.path.realpath(tempfile.mkdtemp(prefix="shoal-upload.", dir=parent))
        self.directories.append(made)
        return made

    def stop(self, process):
        """Asks, then insists; with everything the process started."""
        if process.poll() is None:
            signal_group(process, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(15)
        signal_group(process, signal.SIGKILL)
        process.wait()
        if process in self.processes:
            self.processes.remove(process)

    def sweep(self):
        for process in list(self.processes):
            self.stop(process)
        for directory in self.directories:
            shutil.rmtree(directory, ignore_errors=True)


def signal_group(process, number):
    """Every process has a session, so a group, of its own (Lab.start)."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def read_usage(text):
    """CPU seconds and MiB from what `time -f '%U %S %M'` wrote; its last line, after its complaints."""
    user, system, kib = text.strip().splitlines()[-1].split()
    return float(user) + float(system), int(kib) / 1024


def timed(lab, command, variables, cap_seconds, log="client.log"):
    """Runs a client; gives (seconds, cpu, rss_mib, whether it came to its end).

    By time(1): the largest resident size of a direct child would never be below that of this program.
    """
    usage = lab.path("usage")
    with contextlib.suppress(OSError):
        os.unlink(lab.path(log))
    begin = time.monotonic()
    process = lab.start(["/usr/bin/time", "-q", "-o", usage, "-f", "%U %S %M", *command], log,
                        {**lab.environment, **variables})
    ended = True
    try:
        try:
            process.wait(cap_seconds or RUN_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            if not cap_seconds:
                raise Failure(f"not done after {RUN_SECONDS_MAX} s: {' '.join(command)}") from None
            ended = False
            signal_group(process, signal.SIGINT)  # time(1) itself waits on
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(15)
        seconds = time.monotonic() - begin
    finally:
        lab.stop(process)
    if ended and process.returncode != 0:
        raise Failure(f"exit code {process.returncode}: {lab.words_of(log)}\n  command: {' '.join(command)}")
    try:
        with open(usage, encoding="utf-8") as file:
            cpu, rss_mib = read_usage(file.read())
    except (OSError, ValueError, IndexError):
        cpu, rss_mib = 0.0, 0.0  # killed, with time(1)
    return seconds, cpu, rss_mib, ended


class Runner:
    """`sources`: kind: (directory, files, bytes)."""

    def __init__(self, lab, server, sources, journals, cap_seconds):
        self.lab, self.server, self.sources = lab, server, sources
        self.journals, self.cap_seconds = journals, cap_seconds
        self.compared = set()

    def run(self, client, kind, latency_ms, number):
        source, files, size = self.sources[kind]
        prefix = f"{getattr(self.server, 'prefix', 'bench')}/{kind}"
        journal = os.path.join(self.journals, f"journal.{kind}.{latency_ms}.{number}")
        read_all(source)
        with self.server.fresh(latency_ms) as service:
            if client.port_80_only and not service.port_80():
                raise Failure("it talks to port 80 only, and the bucket is on another: run as root, with port 80 free")
            job = Job(self.lab, kind, source, service.endpoint, service.bucket, prefix, journal)
            os.sync()
            sample = Sample(kind, latency_ms, client.name, number, load=round(os.getloadavg()[0], 2))
            # Shoal is judged by all of it, however long that takes.
            cap = self.cap_seconds if kind == SMALL and client.package else None
            before = cpu_seconds(service.pids)
            try:
                sample.seconds, sample.cpu, sample.rss_mib, ended = timed(
                    self.lab, client.command(job), client.variables(job), cap)
            finally:
                shutil.rmtree(journal, ignore_errors=True)
            sample.bucket_cpu = cpu_seconds(service.pids) - before
            sample.requests = self.server.requests(service)
            sample.files, sample.bytes = self.server.held(service, prefix)
            sample.complete = (sample.files, sample.bytes) == (files, size)
            if ended and not sample.complete:
                raise Failure(f"the bucket has {sample.files} files of {sample.bytes} bytes, not {files} of {size}; "
                              f"the client said: {self.lab.words_of('client.log')}")
            if sample.files == 0:
                raise Failure(f"no file within {cap} s: give it more with --cap")
            if sample.complete and (client.name, kind) not in self.compared:
                self.server.compare(service, source, prefix)
                self.compared.add((client.name, kind))
        return sample


def read_all(source):
    """So that every client finds the files in the page cache."""
    buffer = bytearray(MIB)
    for directory, _, names in os.walk(source):
        for name in names:
            with open(os.path.join(directory, name), "rb", buffering=0) as file:
                while file.readinto(buffer):
                    pass


def limit_samples(text, files, file_bytes, number):
    """What the bare loop of PUTs printed, as samples: small files, and parts with their completion."""
    small = re.search(r"(\d+) PUTs of .*: (\d+) per second, ([\d.]+) us", text)
    parts = re.search(r"(\d+) parts of .*: (\d+) MiB/s, ([\d.]+) s .*completed in ([\d.]+) s", text)
    if not small or not parts:
        raise Failure(f"cannot read what {LIMIT_PROGRAM} printed: {text}")
    size = int(parts[1]) * PART_BYTES
    return [Sample(SMALL, 0, LIMIT, number, files=files, bytes=files * file_bytes,
                   seconds=files / float(small[2]), cpu=files * float(small[3]) / 1e6, requests=files),
            Sample(LARGE, 0, LIMIT, number, files=1, bytes=size, cpu=float(parts[3]), requests=int(parts[1]) + 2,
                   seconds=size / MIB / float(parts[2]) + float(parts[4]))]


def run_limit(lab, directory, files, file_bytes, large_bytes, number):
    """A dev bucket of its own, in the same file system, and one loop that puts bytes it has in memory."""
    out = lab.run([lab.program(LIMIT_PROGRAM), str(LIMIT_IN_FLIGHT), str(files), str(file_bytes),
                   str(max(1, large_bytes // PART_BYTES))], LIMIT_PROGRAM, variables={"TMPDIR": directory})
    return limit_samples(out, files, file_bytes, number)
