# SPDX-License-Identifier: Apache-2.0
"""The machine: programs, processes, mounts, and a clean-up that goes by facts.

Whatever ends a run (success, an error, Ctrl-C, SIGTERM), `Lab` unmounts everything the kernel has
below its directory, stops every process it started, detaches every loop device whose file is there,
and removes the directory. It asks the kernel what is left rather than trusting its own notes.
"""
import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time

MS_RDONLY = 1
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
SCRATCH_BYTES_MAX = 64 << 30  # sparse: takes what is written
SCRATCH_INODES_MAX = 3_000_000


class Failure(Exception):
    """Ends the run; the text says what failed, on what, why, and what to do."""


class Interrupted(BaseException):
    def __init__(self, number):
        super().__init__(number)
        self.exit_code = 128 + number


class Signals:
    """Whether a signal may unwind the run now, and the one that waits because it may not."""
    held = False
    waiting = None


@contextlib.contextmanager
def signals_held():
    """A process started in here is noted before a signal unwinds the run; nobody else would stop it."""
    Signals.held = True
    try:
        yield
    finally:
        Signals.held = False
    if Signals.waiting is not None:
        raise Interrupted(Signals.waiting)


def raise_on_signals():
    """The first signal unwinds the run; later ones must not break the clean-up."""
    def handler(number, _frame):
        ignore_signals()
        if Signals.held:
            Signals.waiting = number
        else:
            raise Interrupted(number)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handler)


def ignore_signals():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def mounts_below(directory):
    """Mount points at or below `directory`, newest first, with their types."""
    found = []
    with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            _, point, kind = line.split(" ")[:3]
            point = point.replace("\\040", " ")
            if (point + "/").startswith(directory + "/"):
                found.append((point, kind))
    return list(reversed(found))


def mount_file_backed(image, target, kind):
    """mount(2) itself, because `mount -t erofs` of util-linux before 2.41 makes a loop device."""
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.mount(image.encode(), target.encode(), kind.encode(), MS_RDONLY, None) == 0


def cpu_seconds(pids):
    """User and system time of processes, 0 for one that is gone."""
    total = 0.0
    for pid in pids:
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            total += (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND
    return total


def rss_mib_max(pids):
    """Sum of the largest resident sizes the processes ever had."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))
    return total / 1024


def drop_page_cache():
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
        file.write("3\n")


class Lab:
    """One temporary directory and everything that lives in it. confined."""

    def __init__(self, programs):
        self.programs = programs
        self.directory = os.path.realpath(tempfile.mkdtemp(prefix="shoal-compare."))
        self.processes = []
        self.environment = {
            **{name: value for name, value in os.environ.items()
               if not name.startswith(("AWS_", "OSS_", "SHOAL_", "RCLONE_"))},
            "SHOAL_VOLUMES": self.path("volumes"), "SHOAL_RUNTIME": self.path("run"),
            "AWS_ACCESS_KEY_ID": "shoal-lab-key", "AWS_SECRET_ACCESS_KEY": "shoal-lab-secret",
            "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true", "LC_ALL": "C.UTF-8",
        }

    def __enter__(self):
        try:
            self.mount_scratch()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        ignore_signals()
        self.sweep()

    def mount_scratch(self):
        """A file system of its own for everything that is many files: unmounting it removes half a
        million files at once, which an `rm -r` on a busy disk needs minutes for."""
        image = self.path("scratch.ext4")
        with open(image, "wb") as file:
            file.truncate(SCRATCH_BYTES_MAX)
        self.run(["mkfs.ext4", "-q", "-F", "-N", str(SCRATCH_INODES_MAX), "-O", "^has_journal", "-E",
                  "lazy_itable_init=1,nodiscard", image], "making the scratch file system")
        self.run(["mount", "-o", "loop,noatime,noinit_itable", image, self.folder("scratch")],
                 "mounting the scratch file system")

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def folder(self, *names):
        os.makedirs(self.path(*names), exist_ok=True)
        return self.path(*names)

    def program(self, name):
        return os.path.join(self.programs, name)

    def run(self, command, what, timeout=600, variables=None):
        """Runs to the end and gives its standard output; a failure has the command's own words."""
        # A session of its own: Ctrl-C reaches only this program, which then ends things in order.
        with signals_held():
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                       stdin=subprocess.DEVNULL, errors="replace", start_new_session=True,
                                       env={**self.environment, **(variables or {})})
            self.processes.append(process)
        with process:
            try:
                out, err = process.communicate(timeout=timeout)
            except BaseException as error:
                stop(process)
                if isinstance(error, subprocess.TimeoutExpired):
                    raise Failure(f"{what}: not done after {timeout} s: {' '.join(command)}") from None
                raise
        self.processes.remove(process)
        if process.returncode != 0:
            words = (err.strip() or out.strip() or "no output")[-2000:]
            raise Failure(f"{what}: exit code {process.returncode}: {words}\n"
                          f"  command: {' '.join(command)}")
        return out

    def start(self, command, log, environment=None):
        """A process that stays. Ended by `stop`, or by the sweep."""
        with open(self.path(log), "ab") as output, signals_held():
            process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL,
                                       env=environment or self.environment, start_new_session=True)
            self.processes.append(process)
        return process

    def wait_for(self, condition, process, log, what, seconds=20):
        deadline = time.monotonic() + seconds
        while not condition():
            if process.poll() is not None or time.monotonic() > deadline:
                state = "not ready in time" if process.poll() is None else f"exit code {process.returncode}"
                raise Failure(f"{what}: {state}: {self.words_of(log)}")
            time.sleep(0.01)

    def words_of(self, log):
        with open(self.path(log), encoding="utf-8", errors="replace") as file:
            return file.read()[-1000:].strip() or "no output"

    def unmount(self, point):
        """Politely first, then by force: the clean-up must end."""
        def mounted():
            return [kind for at, kind in mounts_below(self.directory) if at == point]
        attempts = [["umount", point], ["umount", "-l", point]]
        if "erofs" in mounted():
            shoal = self.program("shoal")
            attempts = [[shoal, "umount", point], [shoal, "umount", "--force", point], *attempts]
        for command in attempts:
            if not mounted():
                return
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                subprocess.run(command, env=self.environment, stdin=subprocess.DEVNULL, timeout=60,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
                               start_new_session=True)

    def sweep(self):
        scratch = self.path("scratch")
        for point, _ in mounts_below(self.directory):
            if point != scratch:
                self.unmount(point)
        for process in self.processes:
            stop(process)
        for point, _ in mounts_below(self.directory):
            self.unmount(point)
        for device in self.loop_devices():
            subprocess.run(["losetup", "-d", device], stderr=subprocess.DEVNULL, check=False)
        if mounts_below(self.directory):
            print(f"still mounted, so left in place: {self.directory}; "
                  f"see `grep {self.directory} /proc/mounts`")
            return
        shutil.rmtree(self.directory, ignore_errors=True)

    def loop_devices(self):
        listed = subprocess.run(["losetup", "-n", "-O", "NAME,BACK-FILE"], text=True, check=False,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        rows = [line.split(None, 1) for line in listed.stdout.splitlines()]
        return [row[0] for row in rows if len(row) == 2 and row[1].startswith(self.directory + "/")]


def stop(process):
    """Asks, then insists."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()
