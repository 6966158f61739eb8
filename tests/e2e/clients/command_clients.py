# SPDX-License-Identifier: Apache-2.0
"""aws cli, s3cmd, rclone and s3fs: the same round of work through their command lines."""
import filecmp
import json
import os
import shutil
import subprocess
import time

from harness import KEY, ODD_KEYS, SECRET, UPLOAD_BYTES, command, pattern, tool

# What a file name can be: the keys that are paths.
FILE_KEYS = [key for key in ODD_KEYS if len(key) < 200]
MANY = 1100


def make_tree(server, name):
    folder = server.fresh_folder(name)
    for key in FILE_KEYS:
        path = os.path.join(folder, key)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(key)
    return folder


def make_many(server, name):
    folder = server.fresh_folder(name)
    for i in range(MANY):
        path = os.path.join(folder, f"{i:05d}")
        with open(path, "w") as file:
            file.write("x")
        # Listings carry whole seconds: a file as young as its upload would look newer than it.
        os.utime(path, (1_700_000_000, 1_700_000_000))
    return folder


def same_tree(first, second):
    names = [os.path.relpath(os.path.join(at, f), first)
             for at, _, files in os.walk(first) for f in files]
    for name in names:
        assert filecmp.cmp(os.path.join(first, name), os.path.join(second, name), False), name
    assert len(names) == sum(len(files) for _, _, files in os.walk(second))


class Client:
    """One command-line client; run_all() is the round."""

    def __init__(self, report, server):
        self.report, self.server = report, server
        self.bucket = f"{self.name}-bucket"

    def run_all(self):
        if tool(self.program) is None:
            return self.report.skip(self.name, f"{self.program} is not installed")
        self.big = self.server.write("big.bin", pattern(UPLOAD_BYTES))
        if not self.report.check(f"{self.name} create_bucket", self.create_bucket):
            return None
        for step in ("odd_keys", "list_many", "ranged_get", "multipart", "copy", "delete",
                     "wrong_secret"):
            action = getattr(self, step, None)
            if action is not None:
                self.report.check(f"{self.name} {step}", action)
        return None


class AwsCli(Client):
    name, program = "awscli", "aws"

    def aws(self, *words, secret=SECRET, check=True):
        env = dict(os.environ, AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=secret,
                   AWS_DEFAULT_REGION="us-east-1", AWS_CONFIG_FILE="/dev/null",
                   AWS_SHARED_CREDENTIALS_FILE="/dev/null", AWS_MAX_ATTEMPTS="1", LC_ALL="C.UTF-8")
        return command(tool("aws"), "--endpoint-url", self.server.url, *words, env=env, check=check)

    def create_bucket(self):
        self.aws("s3", "mb", f"s3://{self.bucket}")
        assert self.bucket.encode() in self.aws("s3", "ls").stdout

    def odd_keys(self):
        tree = make_tree(self.server, "aws-odd")
        self.aws("s3", "cp", "--recursive", "--quiet", tree, f"s3://{self.bucket}/odd")
        back = self.server.fresh_folder("aws-back")
        self.aws("s3", "cp", "--recursive", "--quiet", f"s3://{self.bucket}/odd", back)
        same_tree(tree, back)

    def list_many(self):
        folder = make_many(self.server, "aws-many")
        self.aws("s3", "sync", "--quiet", folder, f"s3://{self.bucket}/many")
        lines = self.aws("s3", "ls", f"s3://{self.bucket}/many/").stdout.splitlines()
        assert len(lines) == MANY, len(lines)
        # A second sync has nothing to do: sizes and times are what they were.
        assert self.aws("s3", "sync", folder, f"s3://{self.bucket}/many").stdout == b""

    def ranged_get(self):
        out = self.server.path("aws-range")
        self.aws("s3api", "put-object", "--bucket", self.bucket, "--key", "r", "--body", self.big)
        answer = json.loads(self.aws("s3api", "get-object", "--bucket", self.bucket, "--key", "r",
                                     "--range", "bytes=1000-1999", out).stdout)
        assert answer["ContentRange"] == f"bytes 1000-1999/{UPLOAD_BYTES}"
        assert open(out, "rb").read() == pattern(UPLOAD_BYTES)[1000:2000]

    def multipart(self):
        self.aws("s3", "cp", "--quiet", self.big, f"s3://{self.bucket}/big.bin")
        head = json.loads(self.aws("s3api", "head-object", "--bucket", self.bucket, "--key",
                                   "big.bin").stdout)
        assert head["ETag"].endswith('-3"'), head
        self.aws("s3", "cp", "--quiet", f"s3://{self.bucket}/big.bin", self.server.path("aws-big"))
        assert filecmp.cmp(self.big, self.server.path("aws-big"), False)

    def copy(self):
        self.aws("s3", "cp", "--quiet", f"s3://{self.bucket}/big.bin", f"s3://{self.bucket}/copy é.bin")
        self.aws("s3", "cp", "--quiet", f"s3://{self.bucket}/copy é.bin", self.server.path("aws-copy"))
        assert filecmp.cmp(self.big, self.server.path("aws-copy"), False)

    def delete(self):
        self.aws("s3", "rm", "--quiet", "--recursive", f"s3://{self.bucket}/many")
        assert self.aws("s3", "ls", f"s3://{self.bucket}/many/", check=False).stdout == b""
        self.aws("s3", "rb", "--force", f"s3://{self.bucket}")
        assert self.bucket.encode() not in self.aws("s3", "ls").stdout

    def wrong_secret(self):
        done = self.aws("s3", "ls", secret="wrong", check=False)
        assert done.returncode != 0 and b"SignatureDoesNotMatch" in done.stderr, done.stderr


class S3cmd(Client):
    name, program = "s3cmd", "s3cmd"

    def s3cmd(self, *words, secret=SECRET, check=True):
        return command(tool("s3cmd"), "--config=/dev/null", f"--access_key={KEY}",
                       f"--secret_key={secret}", "--no-ssl", f"--host={self.server.host}",
                       f"--host-bucket={self.server.host}", "--region=us-east-1", "--no-progress",
                       *words, check=check,
                       env=dict(os.environ, LC_ALL="C.UTF-8"))

    def create_bucket(self):
        self.s3cmd("mb", f"s3://{self.bucket}")
        assert self.bucket.encode() in self.s3cmd("ls").stdout

    def odd_keys(self):
        tree = make_tree(self.server, "s3cmd-odd")
        self.s3cmd("sync", tree + "/", f"s3://{self.bucket}/odd/")
        back = self.server.fresh_folder("s3cmd-back")
        self.s3cmd("sync", f"s3://{self.bucket}/odd/", back + "/")
        same_tree(tree, back)

    def list_many(self):
        # Dropped into the bucket's directory: s3cmd takes a second for ten uploads.
        folder = make_many(self.server, "s3cmd-many")
        shutil.copytree(folder, os.path.join(self.server.data, self.bucket, "many"))
        lines = self.s3cmd("ls", f"s3://{self.bucket}/many/").stdout.splitlines()
        assert len(lines) == MANY, len(lines)

    def multipart(self):
        self.s3cmd("put", "--multipart-chunk-size-mb=5", self.big, f"s3://{self.bucket}/big.bin")
        self.s3cmd("get", "--force", f"s3://{self.bucket}/big.bin", self.server.path("s3cmd-big"))
        assert filecmp.cmp(self.big, self.server.path("s3cmd-big"), False)

    def ranged_get(self):
        # s3cmd asks for a range when it goes on with a file it has the start of.
        data = pattern(200_000)
        self.s3cmd("put", self.server.write("s3cmd-whole", data), f"s3://{self.bucket}/resume")
        part = self.server.write("s3cmd-part", data[:70_000])
        self.s3cmd("get", "--continue", f"s3://{self.bucket}/resume", part)
        assert open(part, "rb").read() == data

    def copy(self):
        self.s3cmd("cp", f"s3://{self.bucket}/resume", f"s3://{self.bucket}/copied +é")
        self.s3cmd("get", "--force", f"s3://{self.bucket}/copied +é", self.server.path("s3cmd-copy"))
        assert open(self.server.path("s3cmd-copy"), "rb").read() == pattern(200_000)

    def delete(self):
        self.s3cmd("del", "--recursive", "--force", f"s3://{self.bucket}/")
        assert self.s3cmd("ls", f"s3://{self.bucket}").stdout == b""
        self.s3cmd("rb", f"s3://{self.bucket}")

    def wrong_secret(self):
        done = self.s3cmd("ls", secret="wrong", check=False)
        assert done.returncode != 0 and b"signature" in done.stderr.lower(), done.stderr


class Rclone(Client):
    name, program = "rclone", "rclone"

    def rclone(self, *words, secret=SECRET, check=True):
        env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        env.update(RCLONE_CONFIG="/dev/null", RCLONE_CONFIG_DB_TYPE="s3",
                   RCLONE_CONFIG_DB_PROVIDER="Other", RCLONE_CONFIG_DB_ACCESS_KEY_ID=KEY,
                   RCLONE_CONFIG_DB_SECRET_ACCESS_KEY=secret, RCLONE_CONFIG_DB_ENDPOINT=self.server.url,
                   RCLONE_CONFIG_DB_REGION="us-east-1", RCLONE_CONFIG_DB_CHUNK_SIZE="5M",
                   RCLONE_CONFIG_DB_UPLOAD_CUTOFF="6M")
        return command(tool("rclone"), "--retries=1", "--low-level-retries=1", *words, env=env,
                       check=check)

    def create_bucket(self):
        self.rclone("mkdir", f"db:{self.bucket}")
        assert self.bucket.encode() in self.rclone("lsd", "db:").stdout

    def odd_keys(self):
        tree = make_tree(self.server, "rclone-odd")
        self.rclone("copy", tree, f"db:{self.bucket}/odd")
        self.rclone("check", "--download", tree, f"db:{self.bucket}/odd")

    def list_many(self):
        folder = make_many(self.server, "rclone-many")
        self.rclone("copy", "--transfers=16", folder, f"db:{self.bucket}/many")
        for extra in ([], ["--fast-list"]):
            lines = self.rclone("lsf", "-R", *extra, f"db:{self.bucket}/many").stdout.splitlines()
            assert len(lines) == MANY, len(lines)

    def ranged_get(self):
        self.rclone("copyto", self.big, f"db:{self.bucket}/ranged")
        got = self.rclone("cat", "--offset=1000", "--count=500", f"db:{self.bucket}/ranged").stdout
        assert got == pattern(UPLOAD_BYTES)[1000:1500]

    def multipart(self):
        self.rclone("copyto", self.big, f"db:{self.bucket}/big é.bin")
        self.rclone("copyto", f"db:{self.bucket}/big é.bin", self.server.path("rclone-big"))
        assert filecmp.cmp(self.big, self.server.path("rclone-big"), False)

    def copy(self):
        self.rclone("copyto", f"db:{self.bucket}/odd", f"db:{self.bucket}/odd-copy")
        self.rclone("check", f"db:{self.bucket}/odd", f"db:{self.bucket}/odd-copy")

    def delete(self):
        self.rclone("purge", f"db:{self.bucket}")
        assert self.bucket.encode() not in self.rclone("lsd", "db:").stdout

    def wrong_secret(self):
        done = self.rclone("lsd", "db:", secret="wrong", check=False)
        assert done.returncode != 0 and b"SignatureDoesNotMatch" in done.stderr, done.stderr


class S3fs(Client):
    name, program = "s3fs", "s3fs"

    def run_all(self):
        if tool("s3fs") is None or not os.access("/dev/fuse", os.W_OK):
            return self.report.skip("s3fs", "s3fs or /dev/fuse is not there")
        os.mkdir(os.path.join(self.server.data, self.bucket))  # a directory is a bucket
        self.report.check("s3fs mount_write_read", self.mount_write_read)
        self.report.check("s3fs wrong_secret", self.wrong_secret)
        return None

    def mount(self, secret, folder):
        passwords = self.server.write(f"s3fs-{secret}.passwd", f"{KEY}:{secret}\n".encode())
        os.chmod(passwords, 0o600)
        # In the foreground, so that it can be stopped by its process id.
        return subprocess.Popen(
            [tool("s3fs"), self.bucket, folder, "-f", "-o", f"passwd_file={passwords}",
             "-o", f"url={self.server.url}", "-o", "use_path_request_style", "-o", "retries=1",
             "-o", "sigv4", "-o", "endpoint=us-east-1"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def mount_write_read(self):
        folder = self.server.fresh_folder("s3fs")
        process = self.mount(SECRET, folder)
        try:
            deadline = time.monotonic() + 20
            while not os.path.ismount(folder):
                assert process.poll() is None and time.monotonic() < deadline, "s3fs did not mount"
                time.sleep(0.05)
            os.mkdir(os.path.join(folder, "dir"))
            small = os.path.join(folder, "dir", "small é.txt")
            with open(small, "w") as file:
                file.write("through the mount")
            big = os.path.join(folder, "big.bin")
            with open(big, "wb") as file:
                file.write(pattern(UPLOAD_BYTES))
            assert sorted(os.listdir(folder)) == ["big.bin", "dir"]
            os.rename(small, small + ".moved")
            assert open(small + ".moved").read() == "through the mount"
            on_disk = os.path.join(self.server.data, self.bucket)
            assert open(os.path.join(on_disk, "big.bin"), "rb").read() == pattern(UPLOAD_BYTES)
            assert open(os.path.join(on_disk, "dir", "small é.txt.moved")).read() == "through the mount"
            os.unlink(big)
            assert not os.path.exists(os.path.join(on_disk, "big.bin"))
        finally:
            subprocess.run(["umount", folder], check=False, capture_output=True)
            process.terminate()
            process.wait(timeout=20)

    def wrong_secret(self):
        folder = self.server.fresh_folder("s3fs-wrong")
        process = self.mount("wrong", folder)
        try:
            assert process.wait(timeout=30) != 0 or not os.path.ismount(folder)
        finally:
            subprocess.run(["umount", folder], check=False, capture_output=True)
            if process.poll() is None:
                process.terminate()


def run(report, server):
    for client in (AwsCli, S3cmd, Rclone, S3fs):
        client(report, server).run_all()
