# SPDX-License-Identifier: Apache-2.0
"""What dies comes back, and readers see a pause."""
import fcntl
import glob
import os
import random
import shutil
import signal
import time

from node import *


def kills():
    agent = Agent("kills").start()
    targets = [f"{LAB}/kills/t{i}" for i in range(2)]
    for i, target in enumerate(targets):
        agent.ready(f"v{i}", spec={"cache_size": "8M", "max_requests": 16 + i})
        agent.publish(f"v{i}", target)
    readers = [Reader(target) for target in targets]
    choices = [("keeper",), ("server",), ("keeper", "server"), ("agent",), ("agent", "keeper"), ("agent", "server")]
    rng = random.Random(5)
    for i in range(12):
        kill = choices[i] if i < len(choices) else rng.choice(choices)
        rounds = [reader.rounds for reader in readers]
        agent.wipe(kill)
        if "agent" in kill:
            agent.start()
        back = all(agent.becomes(f"v{j}", "ready") for j in range(2))
        whole = back and until(lambda: all(is_served(agent, f"v{j}") for j in range(2)), 30)
        check(f"kill -9 of {' and '.join(kill)}: all is back", whole, agent.logged()[-1500:])
        until(lambda: all(reader.rounds > was or reader.problems for reader, was in zip(readers, rounds)), 60)
    for reader in readers:
        problems = reader.stop()
        check("its reader saw no error and no wrong byte", not problems, problems)
        check("its reader read on all the while", reader.rounds >= 12, reader.rounds)
    keeper = agent.mount_of("v0")["keeper"]
    os.kill(keeper["pid"], signal.SIGKILL)
    check("a dead keeper alone is replaced, nobody asking",
          until(lambda: is_served(agent, "v0") and agent.mount_of("v0")["keeper"] != keeper), agent.logged()[-1500:])
    agent.becomes("v0", "ready")
    # Server stopped, not dead: nothing that looks may hang.
    server = agent.mount_of("v0")["server"]["pid"]
    os.kill(server, signal.SIGSTOP)
    began = time.monotonic()
    check("a report does not wait for a server that hangs", agent.report("v0")["phase"] == "ready" and
          time.monotonic() - began < 1, agent.report("v0"))
    check("a server that hangs is said to be abnormal",
          until(lambda: "does not answer" in agent.report("v0")["abnormal"], 40), agent.report("v0"))
    os.kill(server, signal.SIGCONT)
    check("and no more when it answers", until(lambda: not agent.report("v0")["abnormal"], 20), agent.report("v0"))
    agent.finish()


def is_served(agent, id):
    state = agent.mount_of(id)
    return state and all(state[who]["pid"] and os.path.exists(f"/proc/{state[who]['pid']}") and
                         "Z" not in open(f"/proc/{state[who]['pid']}/stat").read().rsplit(")", 1)[1][:3]
                         for who in ("keeper", "server"))


def descriptors():
    manager = Manager("descriptors")
    agent = Agent("descriptors", manager=manager).start()
    check("it says READY", until(lambda: manager.heard("READY", "1"), 5), manager.lines)
    agent.ready("v", spec={"cache_size": "8M"})
    target = f"{LAB}/descriptors/t"
    agent.publish("v", target)
    check("the manager is given the mount's descriptor", until(lambda: len(manager.stored) == 1, 5), manager.lines)
    check("the watchdog is fed", until(lambda: manager.heard("WATCHDOG", "1"), 5))
    reader = Reader(target)
    until(lambda: reader.rounds > 0)
    connection = [line for line in open("/proc/self/mountinfo") if line.split(" ")[4] == target]
    for i in range(3):
        agent.wipe()
        rounds = reader.rounds
        agent.start()
        check("everything killed: the next agent brings it back", agent.becomes("v", "ready"), agent.logged()[-1500:])
        check("the reader goes on", until(lambda: reader.rounds > rounds or reader.problems, 60))
    problems = reader.stop()
    check("through it all the reader saw no error", not problems, problems)
    check("it is the same file system as before",
          [line for line in open("/proc/self/mountinfo") if line.split(" ")[4] == target] == connection)
    check("nothing was mounted anew", agent.logged().count("how=mounted") == 1, agent.logged()[-1500:])
    stores = [line for line in manager.lines if "FDSTORE" in line or "FDSTOREREMOVE" in line]
    check("what the manager has is left there", sum("FDSTORE" in line for line in stores) == 1, stores)
    agent.unpublish("v", target)
    agent.detach("v")
    check("the descriptor of an ended mount is given back", until(lambda: not manager.stored, 5), manager.stored)
    agent.finish()
    check("it says STOPPING", manager.heard("STOPPING", "1"))


def reboot():
    agent = Agent("reboot").start()
    targets = [f"{LAB}/reboot/t{i}" for i in range(2)]
    agent.ready("v")
    for target in targets:
        agent.publish("v", target)
    agent.wipe()
    check("with everything dead readers get errors", until(lambda: same(targets[0]), 10))
    agent.start()
    check("with nothing left it is mounted anew", agent.becomes("v", "ready"), agent.logged()[-1500:])
    check("its targets show it again", not any(same(t) for t in targets), [same(t) for t in targets])
    check("one mount at each", all(sum(line.split(" ")[4] == t for line in open("/proc/self/mountinfo")) == 1
                                   for t in targets))
    # As after a reboot: no mount, nothing in /run.
    agent.wipe()
    for line in reversed(open("/proc/self/mountinfo").readlines()):
        if f"{LAB}/reboot/" in line.split(" ")[4]:
            os.system(f"umount -l {line.split(' ')[4]}")
    shutil.rmtree(agent.runtime)
    shutil.rmtree(targets[1])
    os.makedirs(agent.runtime)
    agent.start()
    check("without its keys it waits, and says for what", until(lambda: (agent.report("v").get("error") or {}).get("code") == "permission denied", 10)
          and agent.phase("v") == "repairing", agent.report("v"))
    status, answer = agent.publish("v", targets[0])
    check("meanwhile it is not shown as a plain directory", status == 503 and not is_mounted(targets[0]), answer)
    check("attach with keys brings it back", agent.attach("v")["phase"] == "ready", agent.report("v"))
    check("its targets are there again, also one that was removed", not any(same(t) for t in targets), [same(t) for t in targets])
    # Unmounted by hand, below the agent's feet.
    os.system(f"umount -l {agent.report('v')['mount_point']}")
    check("unmounted from outside it is mounted again",
          until(lambda: "how=mounted" in agent.logged() and not same(targets[0]) and agent.phase("v") == "ready", 40),
          agent.logged()[-1500:])
    agent.finish()


def unfinished():
    """Nobody unmounts below a keeper that is being started, by an agent that was killed, say."""
    agent = Agent("unfinished").start()
    agent.ready("v")
    agent.wipe()
    state, = glob.glob(f"{agent.runtime}/mounts/*.json")
    with open(state.replace(".json", ".lock"), "r+") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        agent.start()
        for what, said in ("is being started", "is held by process"), ("is mounting", "it is being mounted"):
            answers = []
            until(lambda: answers.append(agent.detach("v")) or said in str(answers[-1]) or answers[-1][0] != 503, 20)
            check(f"while a keeper {what}, detach is refused as busy",
                  answers[-1][0] == 503 and said in str(answers[-1]), answers[-1])
            os.rename(state, state + ".away") if os.path.exists(state) else None
        os.rename(state + ".away", state)
    check("then it is done", until(lambda: agent.detach("v")[0] == 200), agent.report("v"))
    agent.finish()


def upgrade():
    agent = Agent("upgrade").start()
    target = f"{LAB}/upgrade/t"
    agent.ready("v", spec={"cache_size": "8M"})
    agent.publish("v", target)
    before = agent.mount_of("v")
    reader = Reader(target)
    until(lambda: reader.rounds > 0)
    inside = [os.readlink(f"/proc/{before['keeper']['pid']}/fd/{fd}") for fd in os.listdir(f"/proc/{before['keeper']['pid']}/fd")]
    check("a keeper holds no connection of the agent's clients", not [one for one in inside if "socket" in one], inside)
    check("SIGTERM ends the agent, and leaves the mount", agent.stop() == 0 and is_served_pid(before))
    agent.start()
    agent.becomes("v", "ready")
    check("the same program touches nothing", agent.mount_of("v")["keeper"] == before["keeper"] and
          "how=found" in agent.logged(), agent.logged()[-800:])
    agent.stop()
    newer = f"{LAB}/upgrade/shoal"
    shutil.copy(SHOAL, newer)
    with open(newer, "ab") as file:
        file.write(b"another version")
    agent.start(newer)
    agent.becomes("v", "ready")
    after = agent.mount_of("v")
    check("another version takes keeper and server over", after["keeper"] != before["keeper"] and
          os.readlink(f"/proc/{after['keeper']['pid']}/exe") == newer and
          os.readlink(f"/proc/{after['server']['pid']}/exe") == newer, after)
    rounds = reader.rounds
    until(lambda: reader.rounds > rounds + 1 or reader.problems)
    problems = reader.stop()
    check("its reader saw no error", not problems, problems)
    agent.finish()


def is_served_pid(state):
    return all(os.path.exists(f"/proc/{state[who]['pid']}") for who in ("keeper", "server"))
