# SPDX-License-Identifier: Apache-2.0
"""A node for the sections: the agent as a process, its socket, a service manager, readers."""
import array
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time

LAB = os.environ["LAB"]
ENDPOINT = os.environ["ENDPOINT"]
SHOAL = os.environ["SHOAL"]
TREE = f"{LAB}/buckets/b/data"
KEYS = {"access_key": "shoal-lab-key", "secret_key": "shoal-lab-secret"}
SECOND_KEYS = {"access_key": "second-key", "secret_key": "second-secret"}

passed = failed = 0


def check(name, truth, why=""):
    global passed, failed
    if truth:
        passed += 1
        print(f"PASS {name}", flush=True)
    else:
        failed += 1
        print(f"FAIL {name}\n    {str(why)[:2000]}", flush=True)
    return bool(truth)


def until(condition, seconds=30.0):
    """The first true value of `condition`, or its last."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        threading.Event().wait(0.02)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("agent", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Manager:
    """What systemd is to a service: hears its notifications, keeps its descriptors."""

    def __init__(self, name):
        self.address = f"{LAB}/{name}.notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.address)
        self.lines = []
        self.stored = {}
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        while True:
            text, ancillary, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(4 * 4))
            fields = dict(line.split("=", 1) for line in text.decode().split("\n") if "=" in line)
            fds = array.array("i")
            for _, kind, data in ancillary:
                if kind == socket.SCM_RIGHTS:
                    fds.frombytes(data[:len(data) - len(data) % fds.itemsize])
            for fd in fds:
                os.set_inheritable(fd, False)  # else keepers would inherit those of other mounts
            if fields.get("FDSTORE") == "1":
                self.drop(fields["FDNAME"])
                self.stored[fields["FDNAME"]] = fds[0]
            if fields.get("FDSTOREREMOVE") == "1":
                self.drop(fields["FDNAME"])
            self.lines.append(fields)

    def drop(self, name):
        fd = self.stored.pop(name, None)
        if fd is not None:
            os.close(fd)

    def heard(self, name, value):
        return any(fields.get(name) == value for fields in self.lines)


class Agent:
    def __init__(self, name="node", keys_in_environment=False, manager=None, runtime=None, flags=()):
        self.name = name
        self.directory = f"{LAB}/{name}"
        self.runtime = runtime or f"{self.directory}/run"
        self.socket = f"{self.runtime}/agent.sock"
        self.state = f"{self.directory}/state"
        self.volumes = f"{self.directory}/volumes"
        self.manager = manager
        self.flags = list(flags)
        self.keys_in_environment = keys_in_environment
        self.process = None
        os.makedirs(self.runtime, exist_ok=True)

    def environment(self):
        env = {name: value for name, value in os.environ.items()
               if self.keys_in_environment or not name.startswith("AWS_")}
        env.update({"SHOAL_RUNTIME": self.runtime, "SHOAL_VOLUMES": self.volumes, "AWS_REGION": "us-east-1"})
        return env

    def launch(self, program=SHOAL):
        env = self.environment()
        stored = []
        if self.manager:
            env["NOTIFY_SOCKET"] = self.manager.address
            env["WATCHDOG_USEC"] = "3000000"
            stored = list(self.manager.stored.items())
            if stored:
                env["LISTEN_FDS"] = str(len(stored))
                env["LISTEN_FDNAMES"] = ":".join(name for name, _ in stored)

        def place():
            # Above all targets first: a source may have a target's number.
            copies = [os.dup2(fd, 100 + i, inheritable=True) for i, (_, fd) in enumerate(stored)]
            for i, fd in enumerate(copies):
                os.dup2(fd, 3 + i, inheritable=True)
                os.close(fd)

        self.log = open(f"{self.directory}/agent.log", "ab")
        self.process = subprocess.Popen(
            [program, "agent", "--state-dir", self.state, *self.flags], env=env, stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log, preexec_fn=place if stored else None, close_fds=not stored)
        return self

    def start(self, program=SHOAL):
        self.launch(program)
        if not until(lambda: self.answers() or self.process.poll() is not None) or self.process.poll() is not None:
            raise RuntimeError("the agent did not start: " + self.logged()[-2000:])
        return self

    def answers(self):
        try:
            return self.ask("GET", "/healthz", timeout=2)[0] == 200
        except OSError:
            return False

    def logged(self):
        with open(f"{self.directory}/agent.log", errors="replace") as file:
            return file.read()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        return self.process.wait(timeout=20)

    def ask(self, method, path, body=None, timeout=100, headers=None):
        connection = UnixConnection(self.socket, timeout)
        try:
            data = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
            connection.request(method, path, data, headers or {"X-Request-Id": "test-" + path.strip("/")})
            answer = connection.getresponse()
            text = answer.read()
            try:
                return answer.status, json.loads(text)
            except ValueError:
                return answer.status, text.decode(errors="replace")
        finally:
            connection.close()

    # ---- what clients call

    def attach(self, id, source="s3://b/data", keys=KEYS, wait=60, spec=None, **more):
        body = {"id": id, "spec": {"source": source, "endpoint": ENDPOINT, **(spec or {})},
                "wait_milliseconds": int(wait * 1000), **more}
        if keys:
            body["keys"] = keys
        return self.ask("POST", "/attach", body)[1]

    def ready(self, id, **more):
        answer = self.attach(id, **more)
        if answer.get("phase") != "ready":
            raise RuntimeError(f"{id} is not ready: {answer}")
        return answer

    def detach(self, id):
        return self.ask("POST", "/detach", {"id": id})

    def publish(self, id, target, **more):
        return self.ask("POST", "/publish", {"id": id, "target": target, **more})

    def unpublish(self, id, target):
        return self.ask("POST", "/unpublish", {"id": id, "target": target})

    def report(self, id):
        return self.ask("GET", f"/volumes?id={id}", timeout=3)[1]

    def phase(self, id):
        return self.report(id).get("phase")

    def becomes(self, id, phase, seconds=40):
        return until(lambda: self.answers() and self.phase(id) == phase, seconds)

    # ---- what is behind

    def mounts(self):
        """State files of the mounts, by mount point."""
        found = {}
        folder = f"{self.runtime}/mounts"
        for name in os.listdir(folder) if os.path.isdir(folder) else []:
            if name.endswith(".json"):
                try:
                    state = json.load(open(f"{folder}/{name}"))
                except (OSError, ValueError):
                    continue
                found[state["mount_point"]] = state
        return found

    def mount_of(self, id):
        return self.mounts().get(self.report(id)["mount_point"])

    def wipe(self, kill=("agent", "keeper", "server")):
        """kill -9 of everything at once, as far as it goes."""
        pids = []
        for state in self.mounts().values():
            pids += [state[who]["pid"] for who in ("keeper", "server") if who in kill]
        if "agent" in kill:
            self.kill()
        for pid in pids:
            if pid:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass

    def finish(self, besides=()):
        """Detaches all volumes; what cannot be is a failure. `besides`: mounts of the test's own."""
        for volume in self.ask("GET", "/volumes")[1]["volumes"]:
            for target in volume["targets"]:
                self.unpublish(volume["id"], target["path"])
            # Again while it is busy, as every client does.
            until(lambda: self.detach(volume["id"])[0] != 503)
            status, answer = self.detach(volume["id"])
            check(f"{volume['id']} is detached", status == 200, answer)
        left = [line for line in open("/proc/mounts") if f"{self.directory}/" in line and line.split(" ")[1] not in besides]
        check(f"nothing of {self.name} is left mounted", not left, left)
        records = os.listdir(f"{self.state}/volumes")
        keys = os.listdir(f"{self.runtime}/agent/keys")
        check(f"no record and no key of {self.name} is left", not records and not keys, (records, keys))
        points = os.listdir(f"{self.state}/mounts") if os.path.isdir(f"{self.state}/mounts") else []
        check(f"no mount point of {self.name} is left", not points, points)
        check(f"the agent of {self.name} ends when asked", self.stop() == 0, self.logged()[-2000:])
        processes = until(lambda: not processes_of(self.directory), 10)
        check(f"no process of {self.name} is left", processes, processes_of(self.directory))


def processes_of(directory):
    found = []
    for pid in os.listdir("/proc"):
        if pid.isdigit() and int(pid) != os.getpid():
            try:
                command = open(f"/proc/{pid}/cmdline", "rb").read().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if directory + "/" in command and "sections.py" not in command:
                found.append((pid, command[:200]))
    return found


def sums(tree):
    result = {}
    for directory, _, names in os.walk(tree):
        for name in names:
            path = os.path.join(directory, name)
            with open(path, "rb") as file:
                result[os.path.relpath(path, tree)] = hashlib.md5(file.read()).hexdigest()
    return result


TRUTH = None


def same(directory):
    """Whether what is at `directory` is the data set; says what differs."""
    global TRUTH
    TRUTH = TRUTH or sums(TREE)
    try:
        found = sums(directory)
    except OSError as error:
        return f"{error}"
    wrong = [name for name in TRUTH.keys() | found.keys() if TRUTH.get(name) != found.get(name)]
    return f"{len(wrong)} files differ: {wrong[:3]}" if wrong else ""


class Reader:
    """Reads a directory again and again, every file and every byte, until it is stopped."""

    def __init__(self, directory):
        self.directory = directory
        self.rounds = 0
        self.problems = []
        self.stopping = False
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        while not self.stopping:
            problem = same(self.directory)
            if problem:
                self.problems.append(problem)
                return
            self.rounds += 1
            drop_caches()

    def stop(self, seconds=60):
        self.stopping = True
        self.thread.join(seconds)
        if self.thread.is_alive():
            self.problems.append("the reader hangs")
        return self.problems


def drop_caches():
    with open("/proc/sys/vm/drop_caches", "w") as file:
        file.write("3")


def is_mounted(directory):
    return any(line.split(" ")[4] == directory for line in open("/proc/self/mountinfo"))
