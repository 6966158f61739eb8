# SPDX-License-Identifier: Apache-2.0
"""Hands that should not be there, and deaths at the worst moment."""
import fcntl
import os
import shutil
import signal
import subprocess
import time

from node import *
from racing import patient, zombies_of


def children_of(agent, word):
    found = []
    for task in os.listdir(f"/proc/{agent.process.pid}/task"):
        try:
            for child in open(f"/proc/{agent.process.pid}/task/{task}/children").read().split():
                if word in open(f"/proc/{child}/cmdline").read().split("\0"):
                    found.append(int(child))
        except OSError:
            continue
    return found


def catch(agent, word, number):
    """Sends a signal to the next child of the agent that runs `shoal WORD`."""
    seen = set(children_of(agent, word))
    caught = []

    def once():
        for pid in set(children_of(agent, word)) - seen:
            try:
                os.kill(pid, number)
                caught.append(pid)
                return True
            except OSError:
                pass
        return False

    thread = threading.Thread(target=lambda: spin(once))
    thread.start()
    return thread, caught


def stop_server(agent, caught):
    for pid, command in processes_of(agent.directory):
        if " serve " in command and not caught:
            os.kill(int(pid), signal.SIGSTOP)
            caught.append(int(pid))
    return caught


def spin(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        pass


def by_hand():
    agent = Agent("by_hand").start()
    home = f"{LAB}/by_hand/pods"
    os.makedirs(home)
    targets = [f"{home}/{name}" for name in ("a", "b")]
    agent.ready("v")
    for target in targets:
        agent.publish("v", target)
    subprocess.run(["umount", targets[0]], check=True)
    check("a target unmounted by hand is bound again", until(lambda: is_mounted(targets[0]), 15), agent.report("v"))
    check("and shows every byte", not same(targets[0]))
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", targets[1]], check=True)
    check("what somebody mounts over a target is reported",
          until(lambda: targets[1] in agent.report("v")["abnormal"], 15), agent.report("v"))
    subprocess.run(["umount", targets[1]], check=True)
    check("until it is gone", until(lambda: not agent.report("v")["abnormal"], 15), agent.report("v"))
    check("then the target shows the volume", not same(targets[1]))
    # A target that cannot be bound when its volume comes back is tried again.
    agent.wipe()
    for target in targets:
        subprocess.run(["umount", "-l", target], check=True)
    os.rename(home, home + ".away")
    agent.start()
    check("without its parent a target keeps nobody from the volume", agent.becomes("v", "ready"), agent.report("v"))
    check("that it is not shown is reported, with the place", targets[0] in agent.report("v")["abnormal"], agent.report("v"))
    os.rename(home + ".away", home)
    check("with its parent back it is shown again", until(lambda: all(is_mounted(t) for t in targets), 15), agent.report("v"))
    check("and all is well", until(lambda: not agent.report("v")["abnormal"], 15) and not same(targets[0]), agent.report("v"))
    # Left by agents that died between two steps.
    strays = [f"{agent.runtime}/agent/keys/gone-1234", f"{agent.runtime}/agent/keys/.new.1.1", f"{agent.runtime}/agent/builds/gone-1234.log"]
    for stray in strays:
        open(stray, "w").close()
    os.makedirs(f"{agent.state}/mounts/gone-1234")
    agent.kill()
    agent.start()
    check("what dead agents left is removed", not any(os.path.exists(stray) for stray in strays + [f"{agent.state}/mounts/gone-1234"]))
    check("what is in use is not", agent.becomes("v", "ready") and not same(targets[0]))
    agent.finish()
    builds = f"{agent.runtime}/agent/builds"
    check("no output of listings is left", not os.path.isdir(builds) or not os.listdir(builds), os.listdir(builds))


def disturbed():
    agent = Agent("disturbed").start()
    target = f"{LAB}/disturbed/t"
    # Killed while a keeper mounts: it waits for its server.
    caught = []
    thread = threading.Thread(target=lambda: spin(lambda: stop_server(agent, caught)))
    thread.start()
    agent.attach("v", wait=0)
    thread.join()
    check("a mount is being made", caught and until(lambda: agent.phase("v") == "mounting", 5), agent.report("v"))
    agent.kill()
    agent.start()
    waits = until(lambda: agent.report("v").get("error"), 10) and agent.phase("v")
    os.kill(caught[0], signal.SIGCONT)
    check("the next agent waits for the keeper of the last", waits == "repairing" and agent.becomes("v", "ready"), (waits, agent.report("v")))
    check("and mounts nothing beside it", "how=found" in agent.logged() and len(agent.mounts()) == 1)
    agent.publish("v", target)
    # Keepers that are killed while they adopt.
    reader = Reader(target)
    until(lambda: reader.rounds > 0)
    for _ in range(3):
        thread, caught = catch(agent, "keeper", signal.SIGKILL)
        keeper = agent.mount_of("v")["keeper"]["pid"]
        os.kill(keeper, signal.SIGKILL)
        thread.join()
        until(lambda: agent.mount_of("v")["keeper"]["pid"] != keeper, 30)
        check("a keeper killed during adoption is followed by another", caught and agent.becomes("v", "ready"), agent.logged()[-1000:])
    rounds = reader.rounds
    until(lambda: reader.rounds > rounds or reader.problems)
    problems = reader.stop()
    check("readers see a pause only", not problems, problems)
    check("nothing was mounted anew", "how=mounted" not in agent.logged(), agent.logged()[-1500:])
    check("the agent has no zombies", until(lambda: not zombies_of(agent.process.pid), 5), zombies_of(agent.process.pid))
    # Asked to end while a keeper mounts.
    thread, caught = catch(agent, "keeper", signal.SIGSTOP)
    agent.attach("w", spec={"cache_size": "8M"}, wait=0)
    thread.join()
    began = time.monotonic()
    check("SIGTERM does not wait for a mount", agent.stop() == 0 and time.monotonic() - began < 10, time.monotonic() - began)
    for pid in caught:
        os.kill(pid, signal.SIGCONT)
    agent.start()
    check("which the next agent finds", agent.becomes("w", "ready"), agent.report("w"))
    # A listing nobody knows of: its agent died before it wrote down whom it had started.
    patient(lambda: agent.detach("w"))
    volume = next(f"{agent.volumes}/{name}" for name in os.listdir(agent.volumes) if name.endswith(".2"))
    with open(f"{volume}/LOCK") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        agent.attach("w", spec={"cache_size": "8M"}, wait=0)
        check("a volume somebody else writes is waited for", until(lambda: "LOCK" in agent.report("w")["abnormal"], 10) and
              agent.phase("w") == "indexing", agent.report("w"))
    check("until it is free", agent.becomes("w", "ready", 15), agent.report("w"))
    # Listings that take long keep nobody waiting who is indexed.
    patient(lambda: agent.detach("w"))
    stopped = []
    for i in range(4):
        thread, caught = catch(agent, "build", signal.SIGSTOP)
        agent.attach(f"long{i}", source="s3://many/", wait=0, spec={"io_timeout_seconds": 10 + i})
        thread.join()
        stopped += caught
    check("four listings are under way", len(stopped) == 4, stopped)
    check("a volume that is indexed does not wait for them", agent.attach("w", spec={"cache_size": "8M"}, wait=15)["phase"] == "ready", agent.report("w"))
    for pid in stopped:
        os.kill(pid, signal.SIGKILL)
    # Keys that cannot be written.
    folder = f"{agent.runtime}/agent/keys"
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
    answer = agent.attach("v", keys=SECOND_KEYS)
    check("keys that cannot be written are an error", "error" in answer and "phase" not in answer, answer)
    subprocess.run(["umount", folder], check=True)
    agent.attach("v", keys=SECOND_KEYS)
    name = os.path.basename(agent.report("v")["mount_point"])
    check("and are written when they come again", "second-key" in open(f"{folder}/{name}").read())
    agent.finish()
