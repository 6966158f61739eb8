# SPDX-License-Identifier: Apache-2.0
"""What must be refused, with a reason, and leave nothing behind."""
import json
import os
import subprocess

from node import *


def requests():
    agent = Agent("requests").start()
    spec = {"source": "s3://b/data", "endpoint": ENDPOINT}
    good = {"id": "v", "spec": spec}
    cases = {
        "no JSON": "{",
        "not an object": "[]",
        "nested a thousand times": "[" * 1000 + "]" * 1000,
        "an unknown field": {**good, "surprise": 1},
        "no id": {"spec": spec},
        "an empty id": {**good, "id": ""},
        "a long id": {**good, "id": "x" * 257},
        "an id with a line end": {**good, "id": "a\nb"},
        "no spec": {"id": "v"},
        "an unknown option": {"id": "v", "spec": {**spec, "cachesize": "1G"}},
        "an option of another type": {"id": "v", "spec": {**spec, "direct": "yes"}},
        "a negative number": {"id": "v", "spec": {**spec, "max_qps": -1}},
        "no source": {"id": "v", "spec": {}},
        "a source that is no URL": {"id": "v", "spec": {"source": "bucket/prefix"}},
        "a size that is none": {"id": "v", "spec": {**spec, "cache_size": "lots"}},
        "a mask that is none": {"id": "v", "spec": {**spec, "umask": "999"}},
        "an order that is none": {"id": "v", "spec": {**spec, "order": "sorted"}},
        "a list outside the data set": {"id": "v", "spec": {**spec, "order": "list:../../etc/passwd"}},
        "direct with an order": {"id": "v", "spec": {**spec, "order": "shuffle:1", "direct": True}},
        "half the keys": {**good, "keys": {"access_key": "a"}},
        "keys with a line end": {**good, "keys": {"access_key": "a", "secret_key": "b\n[default]"}},
        "a relative staging path": {**good, "staging_path": "stage"},
        "a wait without end": {**good, "wait_milliseconds": 10 ** 12},
    }
    for name, body in cases.items():
        status, answer = agent.ask("POST", "/attach", body)
        check(f"{name} is refused", status == 400 and answer["error"]["code"] == "bad input" and answer["error"]["message"], (status, answer))
    status, answer = agent.ask("POST", "/attach", "x" * (3 << 20))
    check("a body of 3 MiB is refused", status in (400, 413), (status, answer))
    status, answer = agent.ask("POST", "/nonsense", {})
    check("an address that is none is refused", status == 404, (status, answer))
    raw = socket.socket(socket.AF_UNIX)
    raw.settimeout(20)
    raw.connect(agent.socket)
    raw.sendall(b"POST /attach HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + b"5\r\naaaaa\r\n" * 1000)
    check("a body without a length is refused", b" 411 " in raw.recv(4096))
    raw.close()
    silent = [socket.socket(socket.AF_UNIX) for _ in range(40)]
    for one in silent:
        one.connect(agent.socket)
    check("clients that say nothing keep nobody out", agent.ask("GET", "/healthz", timeout=5)[0] == 200)
    for one in silent:
        one.close()
    check("nothing came of all this", agent.ask("GET", "/volumes")[1] == {"volumes": []})
    small = Agent("small", flags=["--max-volumes", "1"]).start()
    small.ready("one")
    answer = small.attach("two")
    check("more volumes than the bound are refused", answer.get("error", {}).get("code") == "limit reached", answer)
    answer = small.attach("one", spec={"cache_size": "1G"})
    check("other options for a volume that is attached are refused", answer["error"]["code"] == "precondition failed", answer)
    small.finish()
    agent.finish()


def targets():
    agent = Agent("targets").start()
    agent.ready("v")
    agent.ready("w", spec={"cache_size": "1G"})
    home = f"{LAB}/targets/home"
    os.makedirs(f"{home}/full")
    open(f"{home}/full/file", "w").close()
    open(f"{home}/file", "w").close()
    os.symlink("/etc", f"{home}/link")
    os.symlink(home, f"{LAB}/targets/alias")
    os.makedirs(f"{home}/foreign")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", f"{home}/foreign"], check=True)
    mount_point = agent.report("v")["mount_point"]
    bad = {"/etc/../etc/x": 400, "relative/path": 400, "/": 400, "": 400, f"{home}//double": 400, f"{home}/end/": 400,
           f"{home}/./dot": 400, "/" + "x" * 5000: 400, f"{home}/nul\0byte": 400, f"{home}/link": 409, f"{home}/file": 409,
           f"{home}/full": 409, f"{home}/foreign": 409, f"{home}/no/parent": 404, mount_point: 400,
           f"{agent.state}/inside": 400, f"{agent.volumes}/inside": 400, LAB: 400}
    for target, expected in bad.items():
        status, answer = agent.publish("v", target)
        check(f"target {target[-40:]!r} is refused", status == expected and answer["error"]["message"], (status, answer))
    check("nothing was made for them", sorted(os.listdir(home)) == ["file", "foreign", "full", "link"], os.listdir(home))
    check("nothing is in their place", os.path.exists(f"{home}/full/file") and os.path.islink(f"{home}/link"))
    check("no target is recorded", agent.report("v")["targets"] == [], agent.report("v"))
    for name in ("file", "link", "full", "foreign"):
        status, answer = agent.unpublish("v", f"{home}/{name}")
        check(f"unpublish removes no {name} of others", status == 409 and os.path.lexists(f"{home}/{name}"), (status, answer))
    status, answer = agent.unpublish("v", mount_point)
    check("unpublish does not take the agent's own mount away", status == 400 and is_mounted(mount_point), answer)
    check("publish through a link above the target", agent.publish("v", f"{LAB}/targets/alias/t")[0] == 200 and
          is_mounted(f"{home}/t") and not same(f"{home}/t"))
    status, answer = agent.publish("w", f"{LAB}/targets/alias/t")
    check("a target of another volume is refused", status == 409, answer)
    status, answer = agent.unpublish("w", f"{LAB}/targets/alias/t")
    check("and is not taken away for another volume", status == 409 and is_mounted(f"{home}/t"), answer)
    check("unpublish by the same name", agent.unpublish("v", f"{LAB}/targets/alias/t")[0] == 200 and
          not os.path.exists(f"{home}/t"))
    os.makedirs(f"{home}/empty")
    check("an empty directory is taken", agent.publish("v", f"{home}/empty")[0] == 200 and not same(f"{home}/empty"))
    # In use, and removed from under the agent.
    handle = os.open(f"{home}/empty", os.O_RDONLY)
    check("a target in use goes out of sight", agent.unpublish("v", f"{home}/empty")[0] == 200 and not os.path.exists(f"{home}/empty"))
    os.close(handle)
    agent.publish("v", f"{home}/later")
    subprocess.run(["umount", f"{home}/later"], check=True)
    check("a target unmounted by others is bound again", agent.publish("v", f"{home}/later")[0] == 200 and is_mounted(f"{home}/later"))
    # Of mounts the agent did not make.
    own = f"{home}/by-hand"
    os.makedirs(own)
    env = {**os.environ, "SHOAL_RUNTIME": agent.runtime}
    subprocess.run([SHOAL, "mount", "s3://b/data", own, "--endpoint", ENDPOINT], env=env, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    status, answer = agent.unpublish("nobody", own)
    check("a mount made by hand is not taken away", status == 409 and is_mounted(own), answer)
    status = subprocess.run([SHOAL, "status"], env=env, capture_output=True, text=True).stdout
    check("shoal status shows the agent's mounts beside it", own in status and mount_point in status, status)
    subprocess.run([SHOAL, "umount", own], env=env, check=True)
    subprocess.run(["umount", f"{home}/foreign"], check=True)
    agent.finish()


def agents():
    agent = Agent("agents").start()
    second = subprocess.run([SHOAL, "agent", "--state-dir", agent.state, "--socket", f"{LAB}/agents/second.sock"],
                            env=agent.environment(), capture_output=True, text=True, timeout=20)
    check("a second agent on the same state is refused, naming the first",
          second.returncode == 1 and str(agent.process.pid) in second.stderr, second)
    check("the first goes on", agent.answers())
    other = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", SHOAL, "agent", "--state-dir", f"{LAB}/x"],
                           env={**agent.environment(), "SHOAL_CONFIG": "/dev/null"}, capture_output=True, text=True, timeout=20)
    check("without root it says so", other.returncode == 1 and "root" in other.stderr, other)
    with open(f"{agent.state}/volumes/torn.json", "w") as file:
        file.write('{"version": 1, "id": "x"')
    agent.kill()
    agent.start()
    check("a torn record is named, and left alone", "record.unreadable" in agent.logged() and
          os.path.exists(f"{agent.state}/volumes/torn.json"))
    os.unlink(f"{agent.state}/volumes/torn.json")
    agent.finish()
