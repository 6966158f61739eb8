# SPDX-License-Identifier: Apache-2.0
"""Whatever dies or hangs while pods read, they read the right bytes; and in the end nothing is left."""
import hashlib
import os
import random
import signal
import threading
import time

from rig import KEYS, Client, drop_caches, expect, same, until, until_ok


def begin(rig):
    pass


class Readers:
    """Pods that read everything over and over, and compare."""

    def __init__(self, tree, targets):
        self.expected = {}
        for folder, _, names in os.walk(tree):
            for name in names:
                with open(f"{folder}/{name}", "rb") as file:
                    self.expected[os.path.relpath(f"{folder}/{name}", tree)] = hashlib.sha256(file.read()).digest()
        self.stopping = threading.Event()
        self.failures, self.files = [], 0
        self.threads = [threading.Thread(target=self.read, args=(target, seed)) for seed, target in enumerate(targets)]
        for thread in self.threads:
            thread.start()

    def read(self, target, seed):
        order = sorted(self.expected)
        generator = random.Random(seed)
        while not self.stopping.is_set():
            generator.shuffle(order)
            for path in order:
                if self.stopping.is_set():
                    return
                try:
                    with open(f"{target}/{path}", "rb") as file:
                        if hashlib.sha256(file.read()).digest() != self.expected[path]:
                            self.failures.append(f"other bytes: {target}/{path}")
                except OSError as error:
                    self.failures.append(f"{target}/{path}: {error}")
                self.files += 1

    def read_more(self, files=200, seconds=40):
        before = self.files
        drop_caches()
        until(lambda: self.files > before + files, seconds, f"{files} more files (errors: {self.failures[:2]})")

    def end(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)
        assert not self.failures, (len(self.failures), self.failures[:3])


def dies_while_pods_read(rig):
    """driver, agent, server and keeper are killed while pods read: no error, the right bytes"""
    volume = rig.volume("survivor", rig.dataset(), secrets=KEYS).bring("pod-1", "pod-2")
    readers = Readers(rig.tree, [volume.target("pod-1"), volume.target("pod-2")])
    try:
        readers.read_more()

        def kill(what):
            os.kill(rig.server_of("s3://b/data/")[what], signal.SIGKILL)

        def new_driver():
            rig.driver.end(signal.SIGKILL)
            rig.start_driver("--stage-wait", "20", "--http-address", "127.0.0.1:0")

        def new_agent(number=signal.SIGKILL):
            rig.agent.end(number)
            rig.start_agent()
        for _ in range(2):
            for death in (new_driver, lambda: kill("server_pid"), new_agent, lambda: kill("keeper_pid"),
                          lambda: new_agent(signal.SIGTERM)):
                death()
                readers.read_more()
                # kubelet goes on as if nothing had happened.
                until_ok(lambda: volume.publish("pod-1"), 30)
                until_ok(lambda: volume.publish("pod-3"), 30)
                until_ok(lambda: volume.unpublish("pod-3"), 30)
                until(lambda: rig.server_of("s3://b/data/")["server_pid"], what="a server")
    finally:
        readers.end()
    for pod in ("pod-1", "pod-2"):
        same(rig.tree, volume.target(pod))
    volume.take_away("pod-1", "pod-2")


def whole_lives_under_deaths(rig, seconds=8):
    """volumes come and go while driver, agent, keepers and servers are killed all the time: nothing final, nothing lost"""
    failures, lives = [], []
    ending = time.monotonic() + seconds

    def live(number):
        volume = rig.volume(f"busy-{number}", rig.dataset(f"/part-{number}"), secrets=KEYS, stage_secrets=KEYS if number % 2 else {})
        volume.client = Client(rig.endpoint)
        pods = [f"pod-{number}-{pod}" for pod in range(2)]
        try:
            while time.monotonic() < ending:
                until_ok(volume.stage, 60)
                for pod in pods:
                    until_ok(lambda pod=pod: volume.publish(pod), 60)
                    until(lambda pod=pod: os.path.ismount(volume.target(pod)), 30, "the mount")
                    same(f"{rig.lab}/buckets-main/b/part-{number}", volume.target(pod))
                for pod in pods:
                    until_ok(lambda pod=pod: volume.unpublish(pod), 60)
                    assert not os.path.lexists(volume.target(pod)), "the target is still there"
                until_ok(volume.unstage, 60)
                lives.append(number)
        except BaseException as error:  # a thread's assertion
            failures.append((number, error))
    threads = [threading.Thread(target=live, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    generator = random.Random(7)
    while any(thread.is_alive() for thread in threads) and time.monotonic() < ending:
        death = generator.choice(("driver", "agent", "agent", "keeper_pid", "server_pid"))
        if death == "driver":
            rig.driver.end(signal.SIGKILL)
            rig.start_driver("--stage-wait", "20", "--http-address", "127.0.0.1:0")
        elif death == "agent":
            rig.agent.end(signal.SIGKILL)
            rig.start_agent()
        else:
            kill_one(rig, death, generator)
        time.sleep(generator.random() / 2)  # tidy-ok: deaths at any moment
    for thread in threads:
        thread.join(120)
    assert not failures, failures
    assert len(set(lives)) == len(threads), lives
    assert not [path for path in rig.mounts() if "busy-" in path], rig.mounts()


def kill_one(rig, what, generator):
    mounts = [mount for mount in rig.status() if mount.get(what)]
    if not mounts:
        return
    try:
        os.kill(generator.choice(mounts)[what], signal.SIGKILL)
    except ProcessLookupError:
        pass  # it has just ended


def stats_of_a_hanging_server(rig):
    """stats answer at once while the server hangs, and say so"""
    volume = rig.volume("hanging", rig.dataset(), secrets=KEYS).bring()
    server = rig.server_of("s3://b/data/")["server_pid"]
    os.kill(server, signal.SIGSTOP)
    slowest = 0

    def condition():
        nonlocal slowest
        begun = time.monotonic()
        answer = volume.stats()
        slowest = max(slowest, time.monotonic() - begun)
        expect(answer, "OK")
        return answer.response.volume_condition
    try:
        abnormal = until(lambda: condition() if condition().abnormal else None, 60, "an abnormal condition")
        assert abnormal.message and slowest < 1, (abnormal, slowest)
    finally:
        os.kill(server, signal.SIGCONT)
    until(lambda: not condition().abnormal, 60, "an end of it")
    volume.take_away()


def the_agent_is_away(rig):
    """while the agent is away calls are unavailable, pods read on, and later calls work"""
    volume = rig.volume("agentless", rig.dataset(), secrets=KEYS).bring()
    rig.agent.end()
    expect(volume.publish("pod-2"), "UNAVAILABLE", "shoal agent")
    assert not os.path.exists(volume.target("pod-2"))
    expect(volume.unpublish(), "UNAVAILABLE")
    expect(volume.stats(), "UNAVAILABLE")
    assert not rig.probe().response.ready.value
    same(rig.tree, volume.target())
    rig.start_agent()
    until_ok(lambda: volume.publish("pod-2"))
    same(rig.tree, volume.target("pod-2"))
    volume.take_away("pod-1", "pod-2")


def unpublish_of_a_dead_mount(rig):
    """a target whose mount is dead for good is taken away all the same"""
    volume = rig.volume("dead", rig.dataset(), secrets=KEYS).bring()
    mount = rig.server_of("s3://b/data/")
    rig.agent.end(signal.SIGKILL)
    os.kill(mount["keeper_pid"], signal.SIGKILL)
    os.kill(mount["server_pid"], signal.SIGKILL)
    rig.start_agent()
    until_ok(volume.unpublish, 30)
    assert not os.path.lexists(volume.target())
    until_ok(volume.unstage, 30)


def nothing_is_left(rig):
    """nothing is left mounted, running or in the pods' directories"""
    until(lambda: not rig.mounts(), 20, f"the end of {rig.mounts()}")
    ours = {program.pid for program in rig.programs}
    until(lambda: not set(rig.processes()) - ours, 20, "the end of all servers")
    left = [f"{folder}/{name}" for folder, folders, names in os.walk(rig.pods) for name in names + folders
            if name == "mount"]
    assert not left, left


CASES = [dies_while_pods_read, whole_lives_under_deaths, stats_of_a_hanging_server, the_agent_is_away, unpublish_of_a_dead_mount,
         nothing_is_left]
