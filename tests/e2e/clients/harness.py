# SPDX-License-Identifier: Apache-2.0
"""What the client tests share: the server, the report, running commands."""
import hashlib
import importlib.util
import os
import shutil
import subprocess
import time

# Before boto3 or rclone look: rclone 1.60 fails when it is set.
for name in ("AWS_CA_BUNDLE", "AWS_PROFILE", "AWS_SESSION_TOKEN", "OSS_SESSION_TOKEN"):
    os.environ.pop(name, None)

KEY = "test-key"
SECRET = "test-secret"
ODD_KEYS = [
    "plain.txt", "with space.txt", "unicode/é ü 你好.txt", "plus+plus.txt", "per%20cent%.txt",
    "quote'\"s.txt", "amp&lt<gt>.txt", "semi;colon,comma=eq@at$~!().txt", "deep/er/and/deeper.txt",
    "tilde~/-._.txt", "hash#question?.txt",
]
UPLOAD_BYTES = 20 << 20


def pattern(size):
    """Bytes that differ everywhere, the same in every run."""
    line = b"".join(hashlib.sha256(str(i).encode()).digest() for i in range(32768))
    return (line * (size // len(line) + 1))[:size]


def install(packages):
    """Installs the Debian packages whose commands are missing, and boto3 for /usr/bin/python3."""
    missing = [package for command, package in packages.items()
               if not os.path.exists(f"/usr/bin/{command}")]
    if importlib.util.find_spec("boto3") is None:
        missing.append("python3-boto3")
    if missing:
        env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        subprocess.run(["apt-get", "install", "-y", "-qq", *missing], env=env, check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=200)


class Report:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def check(self, name, action):
        """Runs action; any exception or False fails the check."""
        try:
            if action() is False:
                raise AssertionError("not as expected")
        except Exception as error:  # one failing client must not hide the others
            self.fail(name, f"{type(error).__name__}: {error}")
            return False
        self.passed += 1
        print(f"PASS {name}", flush=True)
        return True

    def fail(self, name, why):
        self.failed += 1
        print(f"FAIL {name}: {str(why)[:1500]}", flush=True)

    def skip(self, name, why):
        self.skipped += 1
        print(f"SKIP {name}: {why}", flush=True)

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped", flush=True)
        return 1 if self.failed or not self.passed else 0


def command(*words, env=None, check=True, timeout=120):
    """The completed command; its output is in the error when it fails."""
    done = subprocess.run(words, env=env, capture_output=True, timeout=timeout)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(words[:6])}: exit {done.returncode}: "
                             f"{(done.stdout + done.stderr).decode(errors='replace')[-1200:]}")
    return done


def tool(name):
    """The Debian program, not one of the same name earlier in PATH."""
    path = f"/usr/bin/{name}"
    return path if os.path.exists(path) else None


class DevBucket:
    """A server on a free port, stopped when the block ends; its exit must be clean."""

    def __init__(self, program, directory):
        self.program = program
        self.directory = directory
        self.data = os.path.join(directory, "data")
        self.work = os.path.join(directory, "work")
        os.makedirs(self.data)
        os.makedirs(self.work)

    def __enter__(self):
        port_file = os.path.join(self.directory, "port")
        env = dict(os.environ, AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET)
        self.log = open(os.path.join(self.directory, "server.log"), "wb")
        self.process = subprocess.Popen(
            [self.program, self.data, "--port", "0", "--port-file", port_file],
            env=env, stdout=self.log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 20
        while not os.path.exists(port_file):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the dev bucket did not start: " + open(self.log.name).read())
            time.sleep(0.02)
        self.port = int(open(port_file).read())
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}"
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=20)
        self.log.close()

    def path(self, name):
        return os.path.join(self.work, name)

    def write(self, name, data):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def fresh_folder(self, name):
        path = self.path(name)
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path)
        return path
