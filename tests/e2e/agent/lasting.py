# SPDX-License-Identifier: Apache-2.0
"""Listings that take long, indexes that get old, disks that get full."""
import os
import subprocess
import time

from node import *


def listing():
    agent = Agent("listing", flags=["--metrics-address", "127.0.0.1:0"]).start()
    began = time.monotonic()
    answer = agent.attach("many", source="s3://many/", wait=0)
    check("attach without waiting answers at once", answer["phase"] == "indexing" and time.monotonic() - began < 2, answer)
    grown = until(lambda: agent.report("many")["progress"]["objects"] > 20000, 60)
    check("the report says how far the listing is", grown, agent.report("many"))
    before = builds(agent)
    agent.kill()
    check("a listing does not die with the agent", builds(agent) == before or not builds(agent), builds(agent))
    agent.start()
    check("the next agent begins no second one", len(builds(agent)) <= 1, builds(agent))
    for pid, _ in builds(agent):
        os.kill(int(pid), 9)
    check("a listing that is killed goes on by itself", agent.becomes("many", "ready", 120), agent.logged()[-1500:])
    report = agent.report("many")
    check("all objects are there", report["files"] == 400000, report)
    agent.detach("many")
    agent.attach("again", source="s3://many/", wait=0, spec={"io_timeout_seconds": 7})
    check("detach ends a listing", agent.detach("again")[0] == 200 and until(lambda: not builds(agent), 10), builds(agent))
    agent.finish()


def builds(agent):
    return [one for one in processes_of(agent.directory) if " index build " in one[1]]


def ageing():
    agent = Agent("ageing").start()
    first = agent.ready("old", spec={"index_age_max_seconds": 3600})
    agent.detach("old")
    again = agent.ready("old", spec={"index_age_max_seconds": 3600})
    check("an index that is young enough is used", again["listed_at"] == first["listed_at"] and
          "index.too_old" not in agent.logged())
    agent.detach("old")
    threading.Event().wait(1.1)  # ages are in seconds
    again = agent.ready("old", spec={"index_age_max_seconds": 0})
    check("one that is too old is listed again", "index.too_old" in agent.logged(), agent.logged()[-800:])
    check("and is younger then", until(lambda: agent.report("old")["listed_at"] > first["listed_at"], 10), agent.report("old"))
    agent.finish()


def full_disk():
    state = f"{LAB}/full_disk/state"
    os.makedirs(state)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", state], check=True)
    try:
        agent = Agent("full_disk").start()
        agent.ready("v")
        target = f"{LAB}/full_disk/t"
        before = f"{LAB}/full_disk/before"
        agent.publish("v", before)
        agent.ready("u", spec={"cache_size": "7M"})
        ballast = os.open(f"{state}/ballast", os.O_CREAT | os.O_WRONLY)
        try:
            while os.write(ballast, b"x" * 4096):
                pass
        except OSError:
            os.close(ballast)
        answer = agent.attach("w", spec={"cache_size": "5M"})
        check("with a full disk attach fails with the reason", answer.get("error", {}).get("code") == "no space", answer)
        check("and nothing of the volume is left", agent.ask("GET", "/volumes?id=w")[0] == 404)
        status, answer = agent.publish("v", target)
        check("publish fails with the reason", status == 500 and answer["error"]["code"] == "no space", answer)
        check("and leaves no plain directory", not os.path.exists(target))
        check("what was there goes on", agent.phase("v") == "ready")
        check("unpublish does not need room", agent.unpublish("v", before)[0] == 200 and not os.path.exists(before))
        check("nor does detach", agent.detach("u")[0] == 200 and agent.ask("GET", "/volumes?id=u")[0] == 404)
        os.unlink(f"{state}/ballast")
        check("the record is put right when there is room",
              until(lambda: before not in "".join(open(f"{state}/volumes/{n}").read() for n in os.listdir(f"{state}/volumes")), 15))
        check("with room again all is well", agent.publish("v", target)[0] == 200 and not same(target))
        agent.finish(besides=[state])
    finally:
        subprocess.run(["umount", "-l", state], check=False)


def cgroup():
    root = f"{LAB}/cgroup"
    os.makedirs(root)
    if subprocess.run(["mount", "-t", "cgroup2", "none", root], check=False).returncode != 0:
        print("SKIP no cgroup v2 can be mounted here")
        return
    name = f"shoal-test-{os.getpid()}"
    group = f"{root}/{name}"
    try:
        agent = Agent("grouped", flags=["--keeper-cgroup", group]).start()
        agent.ready("v", spec={"cache_size": "8M"})
        agent.attach("many", source="s3://many/", wait=0)
        until(lambda: builds(agent), 10)
        agent.report("v")
        state = agent.mount_of("v")
        moved = until(lambda: builds(agent) and all(group_of(pid) == f"/{name}" for pid, _ in builds(agent)), 10)
        check("a listing is in the group", moved, builds(agent))
        for who in ("keeper", "server"):
            check(f"the {who} is in the group", group_of(state[who]["pid"]) == f"/{name}", group_of(state[who]["pid"]))
        check("the agent is not", group_of(agent.process.pid) != f"/{name}")
        os.kill(state["keeper"]["pid"], 9)
        again = until(lambda: (agent.mount_of("v") or state)["keeper"] != state["keeper"] and agent.mount_of("v"), 20)
        check("a keeper that takes over is in it, too", again and group_of(again["keeper"]["pid"]) == f"/{name}", again)
        agent.finish()
    finally:
        until(lambda: not os.path.isdir(group) or not open(f"{group}/cgroup.procs").read(), 10)
        if os.path.isdir(group):
            os.rmdir(group)
        subprocess.run(["umount", "-l", root], check=False)


def group_of(pid):
    lines = open(f"/proc/{pid}/cgroup").read().split("\n")
    return next(line[3:] for line in lines if line.startswith("0::"))
