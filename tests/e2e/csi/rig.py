# SPDX-License-Identifier: Apache-2.0
"""The programs under test and a client that asks what kubelet asks."""
import json
import os
import shutil
import signal
import socket
import subprocess
import time

import csi_pb2
import grpc

KEYS = {"akId": "lab-key", "akSecret": "lab-hush-secret"}
SECRETS = ["lab-hush-secret", "wrong-hush-secret", "rotated-hush-secret", "hush-token"]
DRIVER = "csi.shoal.dev"
SERVICES = {name: service.name for service in csi_pb2.DESCRIPTOR.services_by_name.values()
            for name in service.methods_by_name}


class Answer:
    def __init__(self, code, message, response=None):
        self.code, self.message, self.response = code, message, response

    def __repr__(self):
        return f"{self.code}: {self.message}"


def expect(answer, code, *words):
    assert answer.code == code, f"expected {code}: {answer}"
    for word in words:
        assert word in answer.message, f"no '{word}' in: {answer}"


def until(condition, seconds=20, what="the condition"):
    """The first true value of condition(); raises after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.02)  # tidy-ok: polls


class Client:
    """Calls over one channel, as kubelet makes them."""

    def __init__(self, endpoint, authority="localhost"):
        self.channel = grpc.insecure_channel(
            f"unix:{endpoint}", options=[("grpc.default_authority", authority),
                                         ("grpc.use_local_subchannel_pool", 1),  # a connection of its own
                                         ("grpc.initial_reconnect_backoff_ms", 100),
                                         ("grpc.max_reconnect_backoff_ms", 200)])

    def call(self, rpc, request, timeout=100):
        service = SERVICES[rpc]
        method = csi_pb2.DESCRIPTOR.services_by_name[service].methods_by_name[rpc]
        response = getattr(csi_pb2, method.output_type.name)
        ask = self.channel.unary_unary(f"/csi.v1.{service}/{rpc}",
                                       request_serializer=lambda message: message.SerializeToString(),
                                       response_deserializer=response.FromString)
        try:
            return Answer("OK", "", ask(request, timeout=timeout, wait_for_ready=True))
        except grpc.RpcError as error:
            return Answer(error.code().name, error.details())

    def close(self):
        self.channel.close()


class Program:
    """A child with its output in a file."""

    def __init__(self, command, log, **environment):
        env = {name: value for name, value in os.environ.items()
               if not name.startswith(("AWS_", "OSS_", "ALIBABA_")) or name == "AWS_EC2_METADATA_DISABLED"}
        env.update(environment)
        self.log = log
        with open(log, "ab") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output, env=env,
                                            stdin=subprocess.DEVNULL)

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process.poll() is None

    def kill(self, number=signal.SIGKILL):
        if self.alive():
            self.process.send_signal(number)

    def end(self, number=signal.SIGTERM, seconds=20):
        self.kill(number)
        return self.process.wait(seconds)

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()


class Rig:
    def __init__(self, bin_folder, lab):
        self.bin, self.lab = bin_folder, lab
        self.tree = f"{lab}/tree"
        self.endpoint = f"{lab}/csi/csi.sock"
        self.agent_socket = f"{lab}/run/agent.sock"
        self.pods = f"{lab}/pods"
        self.programs = []
        self.driver = self.agent = None
        self.client = None
        self.bucket_urls = {}
        self.count = 0
        for folder in ("csi", "run", "pods", "stage"):
            os.makedirs(f"{lab}/{folder}", exist_ok=True)

    # ---- programs

    def start(self, command, log, **environment):
        program = Program(command, f"{self.lab}/{log}.log", **environment)
        self.programs.append(program)
        return program

    def start_bucket(self, name, *flags, keys=(("lab-key", "lab-hush-secret"),)):
        """A dev bucket `name` of the folder lab/buckets-NAME; returns its program."""
        folder, port_file = f"{self.lab}/buckets-{name}", f"{self.lab}/{name}.port"
        os.makedirs(folder, exist_ok=True)
        if os.path.exists(port_file):
            os.unlink(port_file)
        keys_file = f"{self.lab}/{name}.keys"
        if keys:
            self.write_keys(name, *keys)
            flags = (*flags, "--keys-file", keys_file)
        bucket = self.start([f"{self.bin}/shoal-devbucket", folder, "--port", "0", "--port-file",
                             port_file, *flags], f"bucket-{name}")
        until(lambda: os.path.exists(port_file), what=f"bucket {name}")
        with open(port_file, encoding="ascii") as file:
            self.bucket_urls[name] = f"http://127.0.0.1:{file.read().strip()}"
        return bucket

    def write_keys(self, name, *keys):
        path = f"{self.lab}/{name}.keys"
        with open(path + ".new", "w", encoding="ascii") as file:
            for key in keys:
                file.write(" ".join(key) + "\n")
        os.rename(path + ".new", path)

    def driver_command(self, *flags, endpoint=None, mode="node"):
        return [f"{self.bin}/shoal-csi", "--endpoint", f"unix://{endpoint or self.endpoint}",
                "--node-id", "node-7", "--mode", mode, "--agent-socket", self.agent_socket,
                "--log-level", "debug", *flags]

    def start_driver(self, *flags):
        self.driver = self.start(self.driver_command(*flags), "csi")
        if self.client:
            self.client.close()
        self.client = Client(self.endpoint)
        answer = self.call("GetPluginInfo", csi_pb2.GetPluginInfoRequest(), timeout=20)
        assert answer.code == "OK", (answer, self.driver.text()[-2000:])

    def start_agent(self, *flags, **environment):
        self.agent = self.start([f"{self.bin}/shoal", "agent", "--socket", self.agent_socket,
                                 "--state-dir", f"{self.lab}/agent", *flags],
                                "agent", SHOAL_LOG_LEVEL="debug", **environment)
        self.wait_ready()

    def wait_ready(self):
        until(lambda: self.agent.alive() and self.probe().response and self.probe().response.ready.value,
              what="an agent that answers")

    # ---- calls

    def call(self, rpc, request, timeout=100):
        return self.client.call(rpc, request, timeout)

    def probe(self):
        return self.call("Probe", csi_pb2.ProbeRequest(), timeout=10)

    def volume(self, name, context, secrets=None, stage_secrets=None, mode=3, folder=None, **mount):
        return Volume(self, name, context, secrets or {}, stage_secrets or {}, mode, mount, folder or name)

    def dataset(self, path="/data", bucket="main", **more):
        return {"bucket": "b", "url": self.bucket_urls[bucket], "path": path, **more}

    def fresh(self, word):
        """A name nobody has used."""
        self.count += 1
        return f"{word}-{self.count}"

    # ---- what the node shows

    def mounts(self):
        with open("/proc/self/mounts", encoding="utf-8") as file:
            return [line.split()[1] for line in file if f" {self.lab}/" in line]

    def status(self):
        done = subprocess.run([f"{self.bin}/shoal", "status", "--json"], capture_output=True, check=False)
        return json.loads(done.stdout)["mounts"] if done.stdout else []

    def server_of(self, source):
        return next(mount for mount in self.status() if mount["source"].rstrip("/") == source.rstrip("/"))

    def processes(self):
        """Ids of the processes that belong to this rig, by what their command line names."""
        found = []
        for pid in os.listdir("/proc"):
            if not pid.isdigit() or int(pid) == os.getpid():
                continue
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    words = file.read().split(b"\0")
            except OSError:
                continue
            if os.path.basename(words[0]).startswith(b"shoal") and any(self.lab.encode() in word for word in words):
                found.append(int(pid))
        return found

    def logs(self):
        """Everything any program of the rig has written."""
        text = ""
        for folder, _, names in os.walk(self.lab):
            if folder.startswith((self.tree, self.pods)) or "/agent/mounts" in folder:
                continue
            for name in names:
                if name.endswith(".log"):
                    with open(f"{folder}/{name}", encoding="utf-8", errors="replace") as file:
                        text += file.read()
        return text

    def clean_up(self):
        if self.client:
            self.client.close()
        for program in self.programs:
            program.kill(signal.SIGCONT)
            program.kill()
        for path in sorted(self.mounts(), key=len, reverse=True):
            subprocess.run(["umount", "-l", path], capture_output=True, check=False)
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGCONT)
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for path in self.mounts():
            subprocess.run(["umount", "-l", path], capture_output=True, check=False)


class Volume:
    """A PersistentVolume, or an inline one, as kubelet would handle it."""

    def __init__(self, rig, name, context, secrets, stage_secrets, mode, mount, folder):
        self.rig, self.name, self.context = rig, name, context
        self.secrets, self.stage_secrets, self.mode, self.mount = secrets, stage_secrets, mode, mount
        self.folder = folder  # of its paths
        self.staging = f"{rig.lab}/stage/{folder}/globalmount"
        self.client = None  # its own, or the rig's

    def call(self, rpc, request, timeout=100):
        return (self.client or self.rig.client).call(rpc, request, timeout)

    def capability(self):
        return csi_pb2.VolumeCapability(
            mount=csi_pb2.VolumeCapability.MountVolume(**self.mount),
            access_mode=csi_pb2.VolumeCapability.AccessMode(mode=self.mode))

    def stage_request(self, **other):
        return csi_pb2.NodeStageVolumeRequest(**{
            "volume_id": self.name, "staging_target_path": self.staging,
            "volume_capability": self.capability(), "secrets": self.stage_secrets,
            "volume_context": self.context, **other})

    def publish_request(self, pod="pod-1", **other):
        return csi_pb2.NodePublishVolumeRequest(**{
            "volume_id": self.name, "staging_target_path": self.staging,
            "target_path": self.target(pod), "volume_capability": self.capability(),
            "secrets": self.secrets, "volume_context": self.context, **other})

    def target(self, pod="pod-1"):
        return f"{self.rig.pods}/{pod}/{self.folder}/mount"

    def stage(self, timeout=100, **other):
        os.makedirs(self.staging, exist_ok=True)
        return self.call("NodeStageVolume", self.stage_request(**other), timeout)

    def publish(self, pod="pod-1", timeout=100, **other):
        os.makedirs(os.path.dirname(self.target(pod)), exist_ok=True)
        return self.call("NodePublishVolume", self.publish_request(pod, **other), timeout)

    def unpublish(self, pod="pod-1"):
        return self.call("NodeUnpublishVolume", csi_pb2.NodeUnpublishVolumeRequest(
            volume_id=self.name, target_path=self.target(pod)))

    def unstage(self):
        return self.call("NodeUnstageVolume", csi_pb2.NodeUnstageVolumeRequest(
            volume_id=self.name, staging_target_path=self.staging))

    def stats(self, pod="pod-1", path=None, timeout=20):
        return self.call("NodeGetVolumeStats", csi_pb2.NodeGetVolumeStatsRequest(
            volume_id=self.name, volume_path=path or self.target(pod)), timeout)

    def bring(self, *pods):
        """Staged, and shown to the pods; asserts that it works."""
        until_ok(self.stage)
        for pod in pods or ("pod-1",):
            until_ok(lambda pod=pod: self.publish(pod))
        return self

    def take_away(self, *pods):
        for pod in pods or ("pod-1",):
            answer = self.unpublish(pod)
            assert answer.code == "OK", answer
            assert not os.path.lexists(self.target(pod)), "the target is still there"
        until_ok(self.unstage)


def until_ok(call, seconds=60):
    """Repeats a call as kubelet does while its failure is not final."""
    answers = []

    def once():
        answers.append(call())
        code = answers[-1].code
        assert code in ("OK", "ABORTED", "UNAVAILABLE", "DEADLINE_EXCEEDED"), answers[-1]
        return code == "OK"
    until(once, seconds, f"OK (last: {answers[-1:]})")
    return answers


def same(tree, folder):
    """Every name and byte, by diff."""
    done = subprocess.run(["diff", "-r", tree, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[:2000]


def drop_caches():
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
        file.write("3")


def raw_connection(path):
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(10)
    connection.connect(path)
    return connection


def remove(path):
    shutil.rmtree(path, ignore_errors=True)
