# SPDX-License-Identifier: Apache-2.0
"""What happens on the node, in order: cases.py LAB ROOT BIN first|second"""
import json
import os
import signal
import sys
import threading
import time
import traceback

from node import KUBELET, Node, Volume, csi_pb2
import rig
from rig import expect, until, until_ok

READER = """
exec 3</data/$(cat /sums/held)
trap 'sha256sum <&3; exit 0' TERM
cd /data
while :; do sha256sum -c --quiet --strict /sums/all && echo good round || echo BAD round; done
"""


def log_of(node, name):
    with open(f"{node.lab}/{name}.log", encoding="utf-8", errors="replace") as file:
        return file.read()


def read_on(node, rounds=1):
    """The pods read everything again, not from memory; what they read is right."""
    readers = [name for name in node.running if name.startswith("pod-")]
    before = {name: log_of(node, name).count("round") for name in readers}
    rig.drop_caches()
    # The round that runs may have begun before.
    until(lambda: all(log_of(node, name).count("round") > before[name] + rounds for name in readers), 60, "pods that read")
    for name in readers:
        assert "good round" in log_of(node, name) and "BAD" not in log_of(node, name), log_of(node, name)[-2000:]


def processes(word):
    """{pid: root of its mount namespace's program} of the node's processes of a command."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if words[:2] == [b"/usr/bin/shoal", word.encode()]:
            found[int(pid)] = os.stat(f"/proc/{pid}/ns/mnt").st_ino
    return found


def another_pod(node):
    until_ok(lambda: node.volume.publish("pod-3"))
    assert os.listdir(node.volume.target("pod-3"))
    stats = node.call("NodeGetVolumeStats", csi_pb2.NodeGetVolumeStatsRequest(
        volume_id=node.volume.name, volume_path=node.volume.target("pod-3")))
    assert stats.code == "OK" and stats.response.usage and not stats.response.volume_condition.abnormal, stats
    until_ok(lambda: node.volume.unpublish("pod-3"))
    read_on(node)


def a_server_dies(node):
    """...and another one comes."""
    before = processes("serve")
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    until(lambda: processes("serve") and not processes("serve").keys() & before.keys(), 20,
          f"another server than {before}")


def until_served(node):
    """A server answers, as the agent sees it."""
    def up():
        code, text = node.get(node.running["agent"], "http://127.0.0.1:9464/metrics")
        return code == 200 and 'shoal_volume_up{volume="pv"} 1' in text
    until(up, 30, f"a volume that is up: {log_of(node, 'agent')[-3000:]}")


def until_taken_over(node):
    """Served, and nothing of an earlier container is left: its mounts would hold its files for ever."""
    until_served(node)
    ours = set(processes("agent").values())
    until(lambda: set(processes("keeper").values()) == ours == set(processes("serve").values()), 20,
          f"processes of the new container alone: {ours}, {processes('keeper')}, {processes('serve')}")
    for word in ("serve", "index"):
        for pid in processes(word):
            with open(f"/proc/{pid}/oom_score_adj", encoding="ascii") as file:
                assert int(file.read()) >= 0, f"{word} is protected from the kernel's memory killer, as the agent is"


def keepers_cgroup():
    with open("/sys/fs/cgroup/shoal/cgroup.procs", encoding="ascii") as file:
        return {int(line) for line in file}


def mounts():
    with open("/proc/self/mounts", encoding="utf-8") as file:
        return [line.split()[1] for line in file if line.split()[2] in ("erofs", "fuse.shoal")]


# ---- the first boot, in order: each goes on where the one before it ended

def the_node_becomes_ready(node):
    node.start_agent()
    node.start_plugin()
    assert "ready" in log_of(node, "prepare-node")
    for which in ("startupProbe", "livenessProbe", "readinessProbe"):
        node.wait_probe("agent", which)


def pods_without_rights_read(node):
    node.volume = Volume(node, "pv")
    until_ok(node.volume.stage)
    for pod, propagation in (("pod-1", "None"), ("pod-2", "HostToContainer")):
        until_ok(lambda: node.volume.publish(pod))
        node.start_pod(pod, node.volume.target(pod), READER, propagation)
    read_on(node)


def kubectl_exec_shows_the_mounts(node):
    said = node.running["agent"].crun("exec", node.running["agent"].name, "shoal", "status", capture_output=True, text=True)
    assert said.returncode == 0 and "s3://b/data" in said.stdout, said


def the_agents_container_is_killed_and_removed(node):
    keepers = processes("keeper")
    node.end("agent")
    assert processes("keeper") == keepers and not processes("agent"), "keepers died with the container"
    read_on(node)
    node.start_agent()
    until_taken_over(node)
    another_pod(node)


def a_server_dies_while_its_image_and_the_agent_are_gone(node):
    node.new_image("two")
    node.end("agent", grace=20)
    # As when an image was collected: readers wait, nobody fails.
    rig.remove(node.image("one"))
    rig.drop_caches()
    for pid in processes("serve"):
        os.kill(pid, signal.SIGKILL)
    node.start_agent("two")
    until_taken_over(node)
    another_pod(node)


def a_server_dies_after_the_image_it_began_with(node):
    a_server_dies(node)
    read_on(node)
    until_served(node)


def another_version_takes_over(node):
    node.new_image("three", of="two", changed=True)
    node.end("agent", grace=20)
    node.start_agent("three")
    until_taken_over(node)
    read_on(node)
    rig.remove(node.image("two"))
    a_server_dies(node)
    read_on(node)


def the_plugin_is_replaced(node):
    node.end("plugin", grace=20)
    read_on(node)
    node.start_plugin("three", registers_itself=True)
    until(lambda: os.listdir(f"{KUBELET}/plugins_registry"), 10, "a socket for kubelet")
    another_pod(node)


def the_controller_needs_no_root(node):
    client = rig.Client(node.start_controller("three"))
    names = client.call("GetPluginInfo", csi_pb2.GetPluginInfoRequest())
    assert names.response.name == "csi.shoal.dev", names
    volume = client.call("CreateVolume", csi_pb2.CreateVolumeRequest(
        name="pvc-1", parameters={"bucket": "b", "url": node.bucket, "path": "/data"},
        volume_capabilities=[node.volume.capability()]))
    assert volume.response.volume.volume_id, volume
    client.close()
    node.end("controller", grace=20)


def a_listing_goes_on_without_the_agent(node):
    many = Volume(node, "many", bucket="many", path="/")
    asking = threading.Thread(target=many.stage)
    asking.start()
    # In its first moments it is still in the container's cgroup; the next agent would begin it again.
    build = until(lambda: processes("index").keys() & keepers_cgroup(), 20, f"a listing: {log_of(node, 'agent')[-2000:]}")
    node.end("agent")
    assert processes("index").keys() == build, "the listing died with the container"
    node.start_agent("three")
    asking.join()
    until_ok(many.stage)
    text = log_of(node, "agent")
    assert "index.build_found" in text, text[-2000:]
    until_ok(many.unstage)


def a_pod_ends_while_the_agent_is_away(node):
    node.end("pod-2", grace=20)
    with open(f"{node.lab}/sums/held.sum", encoding="ascii") as file:
        expected = file.read().split()[0]
    assert expected in log_of(node, "pod-2"), "other bytes in the file that was open all the time"
    node.end("agent")
    expect(node.volume.unpublish("pod-2"), "UNAVAILABLE", "shoal agent")
    node.start_agent("three")
    until_ok(lambda: node.volume.unpublish("pod-2"))
    read_on(node)


def everything_goes_and_nothing_is_left(node):
    node.end("pod-1")
    until_ok(lambda: node.volume.unpublish("pod-1"))
    until_ok(node.volume.unstage)
    # Sooner than servers that still have somebody to serve (fuse::bounds::kDetachedGrace).
    until(lambda: not mounts() and not processes("keeper") and not processes("serve"), 6,
          f"an end of {mounts()}, {processes('keeper')}")
    assert not keepers_cgroup(), "somebody is left in the keepers' cgroup"
    left = [f"{folder}/{name}" for folder, folders, _ in os.walk(f"{KUBELET}/pods") for name in folders if name == "mount"]
    assert not left, left


def volumes_are_in_use_when_the_node_dies(node):
    until_ok(node.volume.stage)
    until_ok(lambda: node.volume.publish("pod-1"))
    node.start_pod("pod-1", node.volume.target("pod-1"), READER)
    read_on(node)
    os.sync()


# ---- after the node has died with everything on it

def volumes_come_back_after_a_reboot(node):
    node.start_agent("three")
    node.start_plugin("three")
    node.volume = Volume(node, "pv")
    assert os.path.isdir(node.volume.target("pod-1")) and not mounts(), "no reboot"
    until_ok(node.volume.stage)  # kubelet comes for every pod again, with the keys
    until_ok(lambda: node.volume.publish("pod-1"))
    node.start_pod("pod-1", node.volume.target("pod-1"), READER)
    read_on(node)
    counts = json.loads(node.get(node.running["agent"], f"{node.bucket}/-/stats")[1])
    assert counts["total"]["requests"] == 0, f"index or cache were made again: {counts}"


FIRST = [the_node_becomes_ready, pods_without_rights_read, kubectl_exec_shows_the_mounts, the_agents_container_is_killed_and_removed,
         a_server_dies_while_its_image_and_the_agent_are_gone, a_server_dies_after_the_image_it_began_with,
         another_version_takes_over, the_plugin_is_replaced, the_controller_needs_no_root, a_listing_goes_on_without_the_agent,
         a_pod_ends_while_the_agent_is_away, everything_goes_and_nothing_is_left, volumes_are_in_use_when_the_node_dies]
SECOND = [volumes_come_back_after_a_reboot, everything_goes_and_nothing_is_left]


def main():
    lab, root, _, boot = sys.argv[1:5]
    until(lambda: os.path.exists(f"{lab}/port"), 20, "the bucket")
    with open(f"{lab}/port", encoding="ascii") as file:
        node = Node(lab, root, f"http://127.0.0.1:{file.read().strip()}")
    for case in FIRST if boot == "first" else SECOND:
        name, begun = case.__name__.replace("_", " "), time.monotonic()
        try:
            case(node)
            print(f"PASS {name} ({time.monotonic() - begun:.1f} s)", flush=True)
        except Exception:
            print(f"FAIL {name}\n    " + traceback.format_exc().replace("\n", "\n    "), flush=True)
            return 1
    return 0


sys.exit(main())
