# SPDX-License-Identifier: Apache-2.0
"""Calls that meet each other, and everything at once: clients, readers and kill -9."""
import hashlib
import http.client
import os
import random
import signal
import time

from node import *

SECONDS = float(os.environ.get("STRESS_SECONDS", "15"))
SEED = int(os.environ.get("STRESS_SEED", "5"))


def races():
    agent = Agent("races").start()
    for i in range(8):
        pair = [f"a{i}", f"b{i}"]
        for id in pair:
            agent.ready(id)
        together(lambda id=id: agent.detach(id) for id in pair)
    check("of two that leave a mount at the same time one takes it down", not agent.mounts() and
          not any(is_mounted(f"{agent.state}/mounts/{name}") for name in os.listdir(f"{agent.state}/mounts")), agent.mounts())
    for i in range(6):
        agent.ready(f"old{i}")
        together([lambda: patient(lambda: agent.detach(f"old{i}")),
                  lambda: patient(lambda: attach_status(agent, f"new{i}"))])
        check("one that comes while the last goes", agent.phase(f"new{i}") == "ready", agent.report(f"new{i}"))
        agent.detach(f"new{i}")
    check("finds its index and cache", len(os.listdir(agent.volumes)) == 1, os.listdir(agent.volumes))
    # Of one volume, by many.
    target = f"{LAB}/races/t"
    agent.ready("v")
    answers = []
    together((lambda k=k: answers.append((agent.publish if k % 2 else agent.unpublish)("v", target)[0])) for k in range(24))
    check("calls for one volume at the same time are done or refused as busy", set(answers) <= {200, 503}, answers)
    recorded = [t["path"] for t in agent.report("v")["targets"]]
    check("what is recorded is what is seen", (target in recorded) == is_mounted(target) == os.path.exists(target), recorded)
    # While many wait.
    agent.attach("slow", source="s3://many/", wait=0)
    waiting = [threading.Thread(target=lambda: agent.attach("slow", source="s3://many/", wait=20)) for _ in range(60)]
    for thread in waiting:
        thread.start()
    until(lambda: agent.phase("slow") != "indexing", 0.5)
    began = time.monotonic()
    check("while 60 wait the agent answers", agent.answers() and time.monotonic() - began < 2, time.monotonic() - began)
    patient(lambda: agent.detach("slow"))
    for thread in waiting:
        thread.join(30)
    patient(lambda: agent.detach("slow"))
    check("nobody of them waits when the volume is gone", not any(thread.is_alive() for thread in waiting))
    agent.finish()


def together(calls):
    threads = [threading.Thread(target=call) for call in list(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def attach_status(agent, id, **more):
    answer = agent.attach(id, **more)
    return (503 if answer.get("error", {}).get("code") == "unavailable" and "phase" not in answer else 200), answer


def patient(call, seconds=60):
    """As kubelet: again while the agent is away or busy. The last answer."""
    last = [None]

    def once():
        try:
            last[0] = call()
            return last[0][0] not in (500, 503)
        except (OSError, http.client.HTTPException) as error:  # it died before it had answered
            last[0] = (0, str(error))
            return False

    until(once, seconds)
    return last[0]


class Client:
    """Brings volumes up, shows them, reads them, and gives them back, in an order of its own."""

    def __init__(self, agent, number, stop):
        self.agent, self.number, self.stop = agent, number, stop
        self.rng = random.Random(SEED * 100 + number)
        self.problems, self.errors, self.files, self.rounds = [], [], 0, 0
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while not self.stop.is_set() and not self.problems:
                self.round()
        except Exception as error:
            self.problems.append(f"client {self.number}: {error!r}")

    def expect(self, what, answer, statuses=(200,)):
        if answer is None or answer[0] not in statuses:
            self.problems.append(f"client {self.number}: {what}: {answer}")

    def round(self):
        id = f"v{self.number}-{self.rng.randrange(5)}"
        spec = {"cache_size": f"{8 + self.rng.randrange(5)}M"}
        targets = [f"{self.agent.directory}/{id}-{k}" for k in range(self.rng.randrange(1, 3))]
        end = time.monotonic() + 90
        while True:
            answer = patient(lambda: attach_status(self.agent, id, wait=5, spec=spec))
            if answer[1].__class__ is dict and answer[1].get("phase") == "ready":
                break
            if time.monotonic() > end:
                return self.problems.append(f"{id} is not ready: {answer}")
        for target in targets:
            self.expect(f"publish {target}", patient(lambda: self.agent.publish(id, target)))
        if not self.problems:
            self.read(targets)
        for target in targets:
            self.expect(f"unpublish {target}", patient(lambda: self.agent.unpublish(id, target)))
            if not self.problems and os.path.lexists(target):
                self.problems.append(f"{target} is there after unpublish")
        self.expect(f"detach {id}", patient(lambda: self.agent.detach(id)))
        self.rounds += 1

    def read(self, targets):
        end = time.monotonic() + self.rng.uniform(0.2, 2.5)
        while time.monotonic() < end and not self.problems:
            name = self.rng.choice(list(TRUTH_OF))
            path = os.path.join(self.rng.choice(targets), name)
            try:
                with open(path, "rb") as file:
                    found = hashlib.md5(file.read()).hexdigest()
            except OSError as error:
                self.errors.append(f"{path}: {error}")
                threading.Event().wait(0.05)
                continue
            self.files += 1
            if found != TRUTH_OF[name]:
                self.problems.append(f"WRONG BYTES in {path}")


TRUTH_OF = {}


def zombies_of(pid):
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        for child in open(f"/proc/{pid}/task/{task}/children").read().split():
            try:
                if open(f"/proc/{child}/stat").read().rsplit(")", 1)[1].split()[0] == "Z":
                    found.append(child)
            except OSError:
                continue
    return found


def stress():
    """Everything at once. With the descriptors kept by a manager even the death of all is a pause."""
    TRUTH_OF.update(sums(TREE))
    manager = Manager("stress")
    agent = Agent("stress", manager=manager).start()
    stop = threading.Event()
    clients = [Client(agent, i, stop) for i in range(4)]
    rng = random.Random(SEED)
    kills = {}
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and not any(client.problems for client in clients):
        threading.Event().wait(rng.uniform(0.1, 1.2))
        what = rng.choice(["keeper", "server", "server", "both", "agent", "all", "caches"])
        kills[what] = kills.get(what, 0) + 1
        states = list(agent.mounts().values())
        if what == "caches":
            drop_caches()
        elif what in ("agent", "all"):
            agent.wipe(("agent",) if what == "agent" else ("agent", "keeper", "server"))
            agent.start()
        elif states:
            state = rng.choice(states)
            for who in (("keeper", "server") if what == "both" else (what,)):
                kill_one(agent, state[who]["pid"])
    stop.set()
    for client in clients:
        client.thread.join(200)
    problems = [problem for client in clients for problem in client.problems]
    hanging = [client.number for client in clients if client.thread.is_alive()]
    check("no reader saw a wrong byte, no call failed for good", not problems and not hanging,
          (problems, hanging, agent.logged()[-1500:]))
    errors = [error for client in clients for error in client.errors]
    files = sum(client.files for client in clients)
    print(f"     {sum(c.rounds for c in clients)} volumes brought up and down, {files} files read, "
          f"{len(errors)} I/O errors, kills: {kills}", flush=True)
    check("readers read", files > 100, files)
    for error in errors[:5]:
        print("     " + error)
    patient(lambda: (200, agent.ask("GET", "/healthz")))
    check("the agent has no zombies", until(lambda: not zombies_of(agent.process.pid), 5), zombies_of(agent.process.pid))
    agent.finish()
    left = [name for name in os.listdir(agent.directory) if name.startswith("v") and name != "volumes"]
    check("no target is left", not left, left)
    check("no descriptor is left with the manager", until(lambda: not manager.stored, 5), manager.stored)


def kill_one(agent, pid):
    """Only a process of ours, whatever has its number by now."""
    try:
        command = open(f"/proc/{pid}/cmdline").read()
        if pid and SHOAL in command:
            os.kill(pid, signal.SIGKILL)
    except OSError:
        pass
