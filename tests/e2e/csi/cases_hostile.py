# SPDX-License-Identifier: Apache-2.0
"""What nobody should ask, and how calls end that nobody waits for: the driver goes on, nothing is left."""
import os
import signal
import threading
import time

import csi_pb2
import grpc
from rig import KEYS, Client, expect, raw_connection, same, until, until_ok

FINAL_REFUSALS = ("INVALID_ARGUMENT", "FAILED_PRECONDITION", "NOT_FOUND", "PERMISSION_DENIED", "UNAUTHENTICATED",
                  "INTERNAL", "RESOURCE_EXHAUSTED", "UNAVAILABLE", "ABORTED")


def begin(rig):
    rig.start_bucket("slow", "--invent", "slow:1000000:flat:1KiB", "--list-latency-ms", "2000")


def slow_volume(rig, name):
    return rig.volume(name, {"bucket": "slow", "url": rig.bucket_urls["slow"]}, stage_secrets=KEYS)


def odd_names(rig):
    """volumes of any name the specification allows are shown; their names reach no path"""
    keeper = rig.volume("keeper", rig.dataset(), stage_secrets=KEYS).bring()
    names = ["ünïcode-数据-🐟", "../../../etc", "a/b/../c", ".", "..", "-rf", "a b", "%2e%2e%2f", "\"'`$(id)", "x" * 128, "pod?id=1&x#y"]
    for number, name in enumerate(names):
        volume = rig.volume(name, rig.dataset(), stage_secrets=KEYS, folder=f"odd-{number}").bring()
        same(rig.tree, volume.target())
        expect(volume.stats(), "OK")
        volume.take_away()
    keeper.take_away()


def odd_values(rig):
    """values nobody means are refused or harmless, and never end the driver"""
    pid = rig.driver.pid
    hostile = ["../../etc/passwd", "$(reboot)", "a\nb", "\x01\x02", "数据" * 40, "%s%n", "-" * 300, "'; rm -rf /", "{}", "\u202e",
               "99999999999999999999", "-1", "nan", " "]
    names = ["bucket", "url", "path", "otherOpts", "umask", "region", "cacheSize", "order", "warm", "source", "endpoint",
             "resourceLimit", "addressing", "authType", "maxBandwidth", "hostile"]
    for number, name in enumerate(names):
        for value in hostile:
            volume = rig.volume(f"hostile-{number}", {**rig.dataset("/part-0"), name: value}, stage_secrets=KEYS)
            answer = volume.stage(timeout=5)  # as long as the driver's reserve: only begins it
            assert answer.code in ("OK", *FINAL_REFUSALS), (name, value, answer)
            assert "\n" not in answer.message and "\x01" not in answer.message, (name, value, answer)
            if answer.code in ("OK", "ABORTED", "UNAVAILABLE", "RESOURCE_EXHAUSTED"):
                until_ok(volume.unstage)
            expect(volume.stats(path=volume.staging), "NOT_FOUND")
    assert rig.driver.alive() and rig.driver.pid == pid
    until(lambda: not rig.status(), what="the end of all mounts")


def resident_bytes(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmRSS"))


def floods(rig):
    """messages of 64 MiB, packed ones, and two hundred clients that stay cost neither memory nor threads"""
    large = csi_pb2.NodeStageVolumeRequest(volume_id="v", volume_context={"x": "y" * (64 << 20)})
    expect(rig.call("NodeStageVolume", large), "RESOURCE_EXHAUSTED")
    ask = rig.client.channel.unary_unary("/csi.v1.Node/NodeStageVolume", request_serializer=lambda m: m.SerializeToString(),
                                         response_deserializer=lambda m: m)
    try:
        ask(large, timeout=30, compression=grpc.Compression.Gzip)
        raise AssertionError("it was taken")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error
    del large
    before = resident_bytes(rig.driver.pid)
    silent = [raw_connection(rig.endpoint) for _ in range(100)]
    clients = [Client(rig.endpoint) for _ in range(100)]
    for client in clients:
        expect(client.call("Probe", csi_pb2.ProbeRequest(), timeout=20), "OK")
    grown = resident_bytes(rig.driver.pid) - before
    threads = len(os.listdir(f"/proc/{rig.driver.pid}/task"))
    assert grown < 48 << 20 and threads < 128, (grown, threads)
    expect(rig.probe(), "OK")
    for client in clients:
        client.close()
    for connection in silent:
        connection.close()


def short_deadlines(rig):
    """a caller with a second is answered within it, and the listing goes on"""
    volume = slow_volume(rig, "hasty")
    for _ in range(3):
        begun = time.monotonic()
        answer = volume.stage(timeout=1)
        assert answer.code in ("ABORTED", "DEADLINE_EXCEEDED"), answer
        assert time.monotonic() - begun < 1.5
    expect(volume.stage(timeout=4), "ABORTED", "objects so far")
    until_ok(volume.unstage)


def canceled_calls(rig):
    """a call that is canceled frees its volume soon"""
    volume = slow_volume(rig, "canceled-call")
    os.makedirs(volume.staging, exist_ok=True)
    ask = rig.client.channel.unary_unary("/csi.v1.Node/NodeStageVolume", request_serializer=lambda m: m.SerializeToString(),
                                         response_deserializer=csi_pb2.NodeStageVolumeResponse.FromString)
    under_way = ask.future(volume.stage_request(), timeout=100)
    until(lambda: "volume=canceled-call" in rig.agent.text(), what="the volume in the agent")
    expect(volume.unstage(), "ABORTED", "another call")
    under_way.cancel()
    until_ok(volume.unstage, 8)
    expect(volume.stats(path=volume.staging), "NOT_FOUND")


def killed_in_the_middle(rig):
    """a driver that is killed while a stage waits loses nothing: its successor goes on"""
    volume = slow_volume(rig, "interrupted")
    answers = []
    thread = threading.Thread(target=lambda: answers.append(volume.stage()))
    thread.start()
    until(lambda: "volume=interrupted" in rig.agent.text(), what="the volume in the agent")
    rig.driver.end(signal.SIGKILL)
    thread.join(20)
    expect(answers[0], "UNAVAILABLE")
    rig.start_driver("--stage-wait", "20", "--http-address", "127.0.0.1:0")
    expect(volume.stage(timeout=5), "ABORTED", "listing s3://slow/")
    until_ok(volume.unstage)


def a_listing_that_is_canceled(rig):
    """unstage ends a listing nobody waits for any more, and SIGTERM answers those who wait"""
    volume = slow_volume(rig, "canceled")
    answers = []
    thread = threading.Thread(target=lambda: answers.append(volume.stage()))
    thread.start()
    until(lambda: "volume=canceled " in rig.agent.text(), what="the volume in the agent")
    waiting = Client(rig.endpoint)
    expect(waiting.call("NodeUnstageVolume", csi_pb2.NodeUnstageVolumeRequest(
        volume_id=volume.name, staging_target_path=volume.staging)), "ABORTED", "another call")
    waiting.close()
    begun = time.monotonic()
    assert rig.driver.end() == 0
    assert time.monotonic() - begun < 8, "it did not stop in time"
    thread.join(20)
    assert answers[0].code in ("ABORTED", "UNAVAILABLE"), answers
    rig.start_driver("--stage-wait", "20", "--http-address", "127.0.0.1:0")
    until_ok(volume.unstage)
    expect(volume.stats(path=volume.staging), "NOT_FOUND")


def changes_its_log_level(rig):
    """SIGUSR2 turns debug lines on and off"""
    command = rig.driver_command(endpoint=f"{rig.lab}/csi/quiet.sock")
    command[command.index("debug")] = "info"
    driver = rig.start(command, "csi-quiet")
    client = Client(f"{rig.lab}/csi/quiet.sock")

    def probes():
        expect(client.call("Probe", csi_pb2.ProbeRequest(), timeout=20), "OK")
        return driver.text().count("rpc=Probe")
    assert probes() == 0
    for count, now in ((1, "debug"), (1, "info")):
        before = driver.text().count(f"now={now}")
        driver.kill(signal.SIGUSR2)
        until(lambda before=before, now=now: driver.text().count(f"now={now}") > before, what=now)
        assert probes() == count, (now, driver.text())
    client.close()
    assert driver.end() == 0


CASES = [odd_names, odd_values, floods, short_deadlines, canceled_calls, killed_in_the_middle, a_listing_that_is_canceled,
         changes_its_log_level]
