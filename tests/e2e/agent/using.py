# SPDX-License-Identifier: Apache-2.0
"""What clients do when nothing goes wrong, and when keys are wrong."""
import os
import threading
import time
import urllib.request

from node import *


def life():
    agent = Agent("life").start()
    report = agent.ready("vol-1", staging_path=f"{LAB}/life/stage")
    check("attach waits until the volume is ready", report["phase"] == "ready", report)
    check("the report counts files", report["files"] == len(sums(TREE)), report)
    targets = [f"{LAB}/life/t{i}" for i in range(3)]
    for target in targets:
        status, answer = agent.publish("vol-1", target, fingerprint="f")
        check(f"publish to {os.path.basename(target)}", status == 200, answer)
        check("the target is a mount", is_mounted(target))
        check("every byte is the same there", not same(target), same(target))
    options = [line.split(" ")[5] for line in open("/proc/self/mountinfo") if line.split(" ")[4] == targets[0]][0]
    check("it is read-only, nosuid and nodev", {"ro", "nosuid", "nodev"} <= set(options.split(",")), options)
    check("publish again changes nothing", agent.publish("vol-1", targets[0], fingerprint="f")[0] == 200)
    check("there is one mount at the target", sum(is_mounted(t) for t in targets) == 3 and
          sum(line.split(" ")[4] == targets[0] for line in open("/proc/self/mountinfo")) == 1)
    status, answer = agent.publish("vol-1", targets[0], fingerprint="g")
    check("another fingerprint is refused", status == 409 and answer["error"]["code"] == "precondition failed", answer)
    report = agent.report("vol-1")
    check("the report has targets and staging path", [t["path"] for t in report["targets"]] == targets and
          report["staging_path"] == f"{LAB}/life/stage", report)
    status, answer = agent.detach("vol-1")
    check("detach with targets is refused, naming one", status == 409 and targets[0] in answer["error"]["message"], answer)
    for target in targets:
        check("unpublish", agent.unpublish("vol-1", target)[0] == 200)
        check("the target is gone", not os.path.exists(target))
        check("unpublish again is no error", agent.unpublish("vol-1", target)[0] == 200)
    handle = os.open(report["mount_point"], os.O_RDONLY)
    status, answer = agent.detach("vol-1")
    check("detach of a volume in use is refused", status == 409 and "in use" in answer["error"]["message"], answer)
    os.close(handle)
    check("it is ready still", agent.phase("vol-1") == "ready")
    check("detach", agent.detach("vol-1")[0] == 200)
    check("a volume nobody knows is not found", agent.ask("GET", "/volumes?id=vol-1")[0] == 404)
    check("detach again is no error", agent.detach("vol-1")[0] == 200)
    began = time.monotonic()
    agent.ready("vol-2")
    check("index and cache are found again by a later volume", "index.build_started" in agent.logged() and
          len(os.listdir(agent.volumes)) == 1, os.listdir(agent.volumes))
    check("a volume that is indexed is ready soon", time.monotonic() - began < 10)
    check("with its last target it goes, if it was asked to",
          agent.ready("inline", detach_with_last_target=True) and
          agent.publish("inline", targets[0])[0] == 200 and agent.unpublish("inline", targets[0])[0] == 200 and
          agent.ask("GET", "/volumes?id=inline")[0] == 404)
    status, metrics = agent.ask("GET", "/metrics")
    check("metrics count the volumes", status == 200 and 'shoal_agent_mounts{phase="ready"} 1\n' in metrics and
          "shoal_agent_volumes 1\n" in metrics, metrics)
    check("log lines carry the request's id", "request_id=test-attach" in agent.logged(), agent.logged()[-1000:])
    check("no secret is in the log", KEYS["secret_key"] not in agent.logged())
    stored = "".join(open(os.path.join(agent.state, "volumes", name)).read()
                     for name in os.listdir(f"{agent.state}/volumes"))
    check("no secret is in the records", KEYS["secret_key"] not in stored and KEYS["access_key"] not in stored)
    modes = [oct(os.stat(path).st_mode & 0o777) for path in
             (agent.socket, f"{agent.runtime}/agent/keys",
              f"{agent.runtime}/agent/keys/{os.listdir(agent.runtime + '/agent/keys')[0]}")]
    check("socket and keys are root's alone", modes == ["0o600", "0o700", "0o600"], modes)
    agent.finish()


def many():
    agent = Agent("many").start()
    reports = {}

    def bring(i):
        spec = {"max_requests": 8 + i % 4}  # four mounts
        reports[i] = agent.attach(f"v{i}", wait=90, spec=spec)
        reports[i]["publish"] = agent.publish(f"v{i}", f"{LAB}/many/t{i}")[0]

    threads = [threading.Thread(target=bring, args=(i,)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check("20 volumes at once are ready", all(r["phase"] == "ready" for r in reports.values()), reports)
    check("20 volumes at once are shown", all(r["publish"] == 200 for r in reports.values()), reports)
    check("equal options share a mount", len(agent.mounts()) == 4, list(agent.mounts()))
    check("each shows the data set", not any(same(f"{LAB}/many/t{i}") for i in range(0, 20, 5)))
    check("detach of one leaves the others", agent.unpublish("v0", f"{LAB}/many/t0")[0] == 200 and
          agent.detach("v0")[0] == 200 and not same(f"{LAB}/many/t4"))
    agent.finish()


def sharing():
    agent = Agent("sharing").start()
    agent.ready("right")
    wrong = {"access_key": KEYS["access_key"], "secret_key": "guessed"}
    answer = agent.attach("guess", keys=wrong)
    check("who knows the access key but not the secret gets nothing",
          answer["phase"] == "failed" and answer["error"]["code"] == "permission denied", answer)
    agent.attach("guess-2", keys=wrong)
    check("one of two with the same wrong keys gets the right ones",
          agent.attach("guess", keys=KEYS)["phase"] == "ready")
    check("the other does not get them by it", agent.phase("guess-2") == "failed", agent.report("guess-2"))
    agent.ready("second", keys=SECOND_KEYS)
    check("different keys do not share", agent.report("second")["mount_point"] != agent.report("right")["mount_point"])
    check("equal keys do", agent.report("guess")["mount_point"] == agent.report("right")["mount_point"])
    agent.finish()


def keys():
    agent = Agent("keys").start()
    answer = agent.attach("wrong", keys={"access_key": "nobody", "secret_key": "nothing"})
    check("wrong keys fail with the reason", answer["phase"] == "failed" and
          answer["error"]["code"] == "permission denied" and answer["error"]["remedy"], answer)
    check("the secret is not in the answer", "nothing" not in json.dumps(answer))
    answer = agent.attach("wrong", keys=KEYS)
    check("attach with right keys brings it up", answer["phase"] == "ready", answer)
    answer = agent.attach("nowhere", source="s3://no-such-bucket/x")
    check("a bucket that is not there fails with the reason", answer["phase"] == "failed" and
          answer["error"]["code"] == "not found", answer)
    answer = agent.attach("none", keys=None)
    check("without any keys it fails with the reason", answer["phase"] == "failed" and
          answer["error"]["code"] == "permission denied", answer)
    answer = agent.attach("dead", spec={"endpoint": "http://127.0.0.1:9"}, wait=1)
    check("a service that is away is tried for a while", answer["phase"] in ("indexing", "failed"), answer)
    # Rotation: the mount goes on with other keys, and the old ones are refused.
    agent.ready("rotating", keys=SECOND_KEYS, spec={"cache_size": "4M"})
    before = agent.mount_of("rotating")
    target = f"{LAB}/keys/t"
    agent.publish("rotating", target)
    check("the names are there by the second keys", len(os.listdir(target)) == len(os.listdir(TREE)))
    with open(f"{target}/order.txt", "rb") as file, open(f"{TREE}/order.txt", "rb") as truth:
        check("bytes by the second keys", file.read() == truth.read())
    with open(f"{LAB}/bucket-keys.new", "w") as file:
        file.write("third-key third-secret\nsession-key session-secret session-token\n")
    os.rename(f"{LAB}/bucket-keys.new", f"{LAB}/bucket-keys")
    answer = agent.attach("rotating", keys={"access_key": "third-key", "secret_key": "third-secret"},
                          spec={"cache_size": "4M"})
    check("new keys are taken", answer["phase"] == "ready", answer)
    drop_caches()
    urllib.request.urlopen(urllib.request.Request(f"{ENDPOINT}/-/reset", method="POST")).read()
    check("bytes by the third keys, through the same mount", not same(target), same(target))
    gets = bucket_requests("get")
    check("which came from the bucket", gets > 100, gets)
    after = agent.mount_of("rotating")
    check("neither server nor keeper was replaced", before["server"] == after["server"] and
          before["keeper"] == after["keeper"], (before, after))
    agent.kill()
    agent.start()
    check("after a restart it is there", agent.becomes("rotating", "ready"))
    agent.unpublish("rotating", target)
    agent.detach("rotating")
    agent.detach("nowhere")  # it is listed again by the new agent
    third = {"access_key": "third-key", "secret_key": "third-secret"}
    lists = bucket_requests("list")
    agent.ready("later", keys=third)
    check("a later volume of the new keys finds the index", bucket_requests("list") == lists, (lists, bucket_requests("list")))
    session = {"access_key": "session-key", "secret_key": "session-secret", "session_token": "session-token"}
    agent.ready("session", keys=session)
    name = os.path.basename(agent.report("session")["mount_point"])
    check("keys of a session work", os.path.isdir(f"{agent.volumes}/{name}"))
    agent.detach("session")
    check("and leave nothing that could not be found again", not os.path.exists(f"{agent.volumes}/{name}"))
    name = os.path.basename(agent.report("none")["mount_point"])
    agent.detach("none")
    check("nor do keys that were refused", not os.path.exists(f"{agent.volumes}/{name}"), os.listdir(agent.volumes))
    with open(f"{LAB}/bucket-keys.new", "w") as file:
        file.write("second-key second-secret\n")
    os.rename(f"{LAB}/bucket-keys.new", f"{LAB}/bucket-keys")
    agent.finish()
    own = Agent("own", keys_in_environment=True).start()
    check("without keys the node's own are used", own.attach("v", keys=None)["phase"] == "ready")
    own.finish()


def bucket_requests(kind):
    return json.load(urllib.request.urlopen(f"{ENDPOINT}/-/stats"))[kind]["requests"]


def hints():
    agent = Agent("hints").start()
    agent.ready("warmed", spec={"warm": ["*"], "pin": True})
    check("what is to be warmed is warmed", until(lambda: "warm.done" in agent.logged(), 40), agent.logged()[-1500:])
    agent.ready("shuffled", spec={"order": "shuffle:7:1"})
    agent.ready("listed", spec={"order": "list:order.txt", "cache_size": "64M"})
    check("orders are announced", until(lambda: agent.logged().count("order.announced") == 2, 30), agent.logged()[-1500:])
    for id, count in (("shuffled", len(sums(TREE))), ("listed", len(sums(TREE)) - 1)):
        known = until(lambda: server_asked(agent, id, "/prefetch")["order_files"] == count, 10)
        check(f"the server knows the order of {id}", known, server_asked(agent, id, "/prefetch"))
    agent.ready("mislisted", spec={"order": "list:no/such/file"})
    check("an order that cannot be followed is said, and costs nothing else",
          until(lambda: "order.unusable" in agent.logged(), 30) and agent.phase("mislisted") == "ready")
    agent.kill()
    agent.start()
    check("hints are not told twice", agent.becomes("listed", "ready") and
          until(lambda: agent.logged().count("warm.done") == 2, 40) and
          agent.logged().count("order.announced") == 2, agent.logged()[-2500:])
    agent.finish()


def server_asked(agent, id, path):
    connection = UnixConnection(agent.mount_of(id)["control_socket"], 5)
    connection.request("GET", path)
    return json.loads(connection.getresponse().read())
