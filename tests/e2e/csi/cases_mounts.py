# SPDX-License-Identifier: Apache-2.0
"""Volumes from stage to unstage: bytes, repeated calls, targets, many at once, long listings."""
import os
import shutil
import subprocess
import threading
import time

from rig import KEYS, expect, same, until_ok

PARTS = 20


def begin(rig):
    buckets = f"{rig.lab}/buckets-main/b"
    os.makedirs(buckets, exist_ok=True)
    shutil.copytree(rig.tree, f"{buckets}/data")
    for part in range(PARTS):
        folder = f"{buckets}/part-{part}/d"
        os.makedirs(folder)
        for number in range(30):
            with open(f"{folder}/{number}", "wb") as file:
                file.write(os.urandom(1000 + number))
    rig.start_bucket("main", "--get-latency-ms", "2", "--list-latency-ms", "2")
    rig.start_agent()


def is_read_only(rig):
    """what a pod sees is read-only, nosuid, nodev, whatever the call says"""
    volume = rig.volume("read-only", rig.dataset(), stage_secrets=KEYS, mode=5).bring()
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        line = next(line for line in file if volume.target() in line)
    options = line.split()[5].split(",")
    assert {"ro", "nosuid", "nodev"} <= set(options), line
    try:
        with open(f"{volume.target()}/new", "w", encoding="ascii"):
            raise AssertionError("a file was written")
    except OSError as error:
        assert error.errno == 30, error
    volume.take_away()


def repeated_calls(rig):
    """repeated calls are OK, in any order, also for what is not there"""
    volume = rig.volume("repeated", rig.dataset(), stage_secrets=KEYS)
    expect(volume.unpublish(), "OK")
    expect(volume.unstage(), "OK")
    volume.bring()
    for _ in range(3):
        expect(volume.stage(), "OK")
        expect(volume.publish(), "OK")
    assert rig.mounts().count(volume.target()) == 1, "bound more than once"
    expect(volume.unstage(), "FAILED_PRECONDITION", volume.target())
    for _ in range(3):
        expect(volume.unpublish(), "OK")
    for _ in range(3):
        expect(volume.unstage(), "OK")
    # kubelet removed the directory, or never made it.
    os.rmdir(os.path.dirname(volume.target()))
    expect(volume.unpublish(), "OK")


def publish_without_stage(rig):
    """a publish whose stage was lost brings the volume up itself"""
    volume = rig.volume("unstaged", rig.dataset(), secrets=KEYS)
    until_ok(volume.publish)
    same(rig.tree, volume.target())
    volume.take_away()


def other_arguments(rig):
    """other arguments for the same target, and for the same volume, already exist"""
    volume = rig.volume("other", rig.dataset(), stage_secrets=KEYS, secrets=KEYS).bring()
    expect(volume.publish(readonly=True), "ALREADY_EXISTS", "readonly")
    expect(volume.publish(volume_context=rig.dataset(umask="077")), "ALREADY_EXISTS")
    expect(volume.stage(volume_context=rig.dataset(umask="077")), "ALREADY_EXISTS")
    same(rig.tree, volume.target())
    expect(volume.publish(), "OK")
    single = rig.volume("other", rig.dataset(), stage_secrets=KEYS, mode=1)
    expect(single.publish("pod-2"), "FAILED_PRECONDITION", "one target")
    volume.take_away()


def bad_targets(rig):
    """a target that is something else is refused, left as it was, and never a plain directory"""
    volume = rig.volume("targets", rig.dataset(), stage_secrets=KEYS)
    until_ok(volume.stage)
    os.makedirs(os.path.dirname(volume.target()))
    with open(volume.target(), "w", encoding="ascii") as file:
        file.write("mine")
    expect(volume.publish(), "FAILED_PRECONDITION")
    with open(volume.target(), encoding="ascii") as file:
        assert file.read() == "mine"
    os.unlink(volume.target())
    os.makedirs(f"{volume.target()}/mine")
    expect(volume.publish(), "FAILED_PRECONDITION")
    assert os.listdir(volume.target()) == ["mine"] and not os.path.ismount(volume.target())
    expect(volume.unpublish(), "FAILED_PRECONDITION")
    assert os.listdir(volume.target()) == ["mine"], "files were removed"
    shutil.rmtree(volume.target())
    os.makedirs(volume.target())
    subprocess.run(["mount", "-t", "tmpfs", "none", volume.target()], check=True)
    expect(volume.publish(), "FAILED_PRECONDITION")
    expect(volume.unpublish(), "FAILED_PRECONDITION")
    subprocess.run(["umount", volume.target()], check=True)
    os.rmdir(volume.target())
    os.rmdir(os.path.dirname(volume.target()))
    answer = rig.call("NodePublishVolume", volume.publish_request())
    assert answer.code != "OK" and not os.path.exists(volume.target()), answer
    os.makedirs(volume.target())  # an empty one is taken: kubelet may have made it
    expect(volume.publish(), "OK")
    volume.take_away()


def stats(rig):
    """stats are those of the index, only where the volume is"""
    volume = rig.volume("stats", rig.dataset(), stage_secrets=KEYS).bring("pod-1", "pod-2")
    files = sum(len(names) for _, _, names in os.walk(rig.tree))
    size = sum(os.path.getsize(f"{folder}/{name}") for folder, _, names in os.walk(rig.tree) for name in names)
    for pod in ("pod-1", "pod-2"):
        answer = volume.stats(pod)
        expect(answer, "OK")
        usage = {one.unit: one for one in answer.response.usage}
        assert usage[1].total == usage[1].used == size and usage[1].available == 0, usage
        assert usage[2].total == usage[2].used >= files and usage[2].available == 0, usage
        assert not answer.response.volume_condition.abnormal, answer.response
        assert answer.response.volume_condition.message
    expect(volume.stats(path=volume.staging), "OK")
    expect(volume.stats(path=f"{rig.pods}/nobody/mount"), "NOT_FOUND")
    expect(rig.volume("nobody", {}).stats(), "NOT_FOUND")
    volume.take_away("pod-1", "pod-2")
    expect(volume.stats(), "NOT_FOUND")


def groups(rig):
    """files belong to the group of the pod, and another pod's group is no obstacle where all may read"""
    first = rig.volume("groups", rig.dataset(), stage_secrets=KEYS, volume_mount_group="4711").bring("pod-1")
    second = rig.volume("groups", rig.dataset(), stage_secrets=KEYS, volume_mount_group="4712")
    assert os.stat(first.target("pod-1")).st_gid == 4711, os.stat(first.target("pod-1"))
    until_ok(lambda: second.publish("pod-2"))
    same(rig.tree, second.target("pod-2"))
    first.take_away("pod-1", "pod-2")


def own_attributes(rig):
    """our own attributes reach the mount"""
    volume = rig.volume("own", rig.dataset(
        cacheSize="64M", bufferSize="96M", maxRequests="7", ioTimeout="33s", order="shuffle:42", uid="1234",
        gid="5678", umask="0027", warm="*", indexMaxAge="1d"), stage_secrets=KEYS).bring()
    server = rig.server_of("s3://b/data/")["server_pid"]
    with open(f"/proc/{server}/cmdline", encoding="utf-8") as file:
        words = file.read().split("\0")
    for flag, value in (("--cache-size", "64M"), ("--buffer-size", "96M"), ("--max-requests", "7"), ("--io-timeout", "33")):
        assert flag in words and words[words.index(flag) + 1] == value, (flag, words)
    for folder, folders, names in os.walk(volume.target()):
        for name, mode in [*((one, 0o440) for one in names), *((one, 0o550) for one in folders)]:
            shown = os.stat(f"{folder}/{name}")
            assert (shown.st_uid, shown.st_gid, shown.st_mode & 0o777) == (1234, 5678, mode), (name, shown)
    same(rig.tree, volume.target())
    volume.take_away()


def many_that_take_long(rig):
    """forty volumes that take long keep nobody else waiting"""
    count = 40
    invented = [word for number in range(count) for word in ("--invent", f"crowd-{number}:1000000:flat:1KiB")]
    rig.start_bucket("crowd", *invented, "--list-latency-ms", "2000")
    ready = rig.volume("ready", rig.dataset("/part-0"), stage_secrets=KEYS).bring()
    volumes = [rig.volume(f"crowd-{number}", {"bucket": f"crowd-{number}", "url": rig.bucket_urls["crowd"]},
                          stage_secrets=KEYS) for number in range(count)]
    answers = []
    threads = [threading.Thread(target=lambda volume=volume: answers.append(volume.stage(timeout=9))) for volume in volumes]
    for thread in threads:
        thread.start()
    try:
        slowest = 0
        while any(thread.is_alive() for thread in threads):
            begun = time.monotonic()
            expect(rig.probe(), "OK")
            expect(ready.stats(), "OK")
            expect(ready.publish("pod-2"), "OK")
            expect(ready.unpublish("pod-2"), "OK")
            slowest = max(slowest, time.monotonic() - begun)
        assert slowest < 3, slowest
        assert len(answers) == count and {answer.code for answer in answers} == {"ABORTED"}, answers
    finally:
        for volume in volumes:
            until_ok(volume.unstage)
    ready.take_away()


def many_at_once(rig):
    """twenty volumes at once"""
    failures = []

    def life(part):
        try:
            volume = rig.volume(f"many-{part}", rig.dataset(f"/part-{part}"), stage_secrets=KEYS)
            volume.bring("pod-1", "pod-2")
            for pod in ("pod-1", "pod-2"):
                same(f"{rig.lab}/buckets-main/b/part-{part}", volume.target(pod))
            volume.take_away("pod-1", "pod-2")
        except BaseException as error:  # a thread's assertion
            failures.append((part, error))
    threads = [threading.Thread(target=life, args=(part,)) for part in range(PARTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def the_same_at_once(rig):
    """calls for one volume at the same time: one at a time, one mount"""
    volume = rig.volume("concurrent", rig.dataset(), stage_secrets=KEYS, secrets=KEYS)
    answers = []

    def call(number):
        answers.append(volume.stage() if number % 2 else volume.publish())
    threads = [threading.Thread(target=call, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    codes = {answer.code for answer in answers}
    assert codes <= {"OK", "ABORTED", "UNAVAILABLE"}, answers
    volume.bring()
    assert rig.mounts().count(volume.target()) == 1
    same(rig.tree, volume.target())
    volume.take_away()


def a_long_listing(rig):
    """a listing that outlives the call: ABORTED with progress, also across a new driver and a new agent, then OK"""
    rig.start_bucket("large", "--invent", "large:120000:dirs=120:1KiB", "--list-latency-ms", "300")
    context = {"bucket": "large", "url": rig.bucket_urls["large"]}
    volume = rig.volume("long", context, stage_secrets=KEYS)
    rig.driver.end()
    rig.start_driver("--stage-wait", "1", "--http-address", "127.0.0.1:0")
    rig.wait_ready()
    begun, agent_log = time.monotonic(), len(rig.agent.text())
    answer = volume.stage()
    expect(answer, "ABORTED", "listing s3://large/", "objects so far", "goes on in the background")
    assert time.monotonic() - begun < 4, "it waited longer than it was told to"
    # The caller's own deadline counts, too: less than the reserve leaves no time to wait.
    begun = time.monotonic()
    expect(volume.stage(timeout=4), "ABORTED")
    assert time.monotonic() - begun < 3
    rig.driver.end(9)
    rig.start_driver("--stage-wait", "1", "--http-address", "127.0.0.1:0")
    rig.agent.end(9)
    rig.start_agent()
    assert "index.build_found" in rig.agent.text()[agent_log:], "the listing began again"
    answers = until_ok(volume.stage, 90)
    progress = [int(answer.message.split(": ")[1].split(" ")[0].replace(",", ""))
                for answer in answers if answer.code == "ABORTED" and "objects so far" in answer.message]
    assert progress == sorted(progress) and (not progress or progress[-1] > 0), progress
    until_ok(volume.publish)
    assert len(os.listdir(volume.target())) == 120
    volume.take_away()
    rig.driver.end()
    rig.start_driver("--stage-wait", "20", "--http-address", "127.0.0.1:0")


CASES = [is_read_only, repeated_calls, publish_without_stage,
         other_arguments, bad_targets, stats, groups, own_attributes, many_at_once, many_that_take_long, the_same_at_once, a_long_listing]
