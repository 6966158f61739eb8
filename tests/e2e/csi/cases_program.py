# SPDX-License-Identifier: Apache-2.0
"""The driver by itself, without an agent: what it refuses, how it starts and stops, what kubelet sees."""
import os
import signal
import stat
import subprocess
import threading
import urllib.error
import urllib.request

import csi_pb2
import grpc
import registration_pb2
from rig import DRIVER, KEYS, Client, expect, raw_connection, until


def begin(rig):
    rig.start_driver("--stage-wait", "20", "--http-address", "127.0.0.1:0")


def volume(rig):
    return rig.volume("v", {"source": "s3://b/p"}, secrets=KEYS, stage_secrets=KEYS)


def refusals(rig):
    """What the specification asks each call to refuse: request, code, a word of the message."""
    v = volume(rig)
    block = csi_pb2.VolumeCapability(block=csi_pb2.VolumeCapability.BlockVolume(),
                                     access_mode=csi_pb2.VolumeCapability.AccessMode(mode=3))
    no_mode = csi_pb2.VolumeCapability(mount=csi_pb2.VolumeCapability.MountVolume())
    no_type = csi_pb2.VolumeCapability(access_mode=csi_pb2.VolumeCapability.AccessMode(mode=3))
    stats, unpublish = csi_pb2.NodeGetVolumeStatsRequest, csi_pb2.NodeUnpublishVolumeRequest
    unstage, expand = csi_pb2.NodeUnstageVolumeRequest, csi_pb2.NodeExpandVolumeRequest
    bad = "INVALID_ARGUMENT"
    return [
        ("NodeStageVolume", v.stage_request(volume_id=""), bad, "volume_id"),
        ("NodeStageVolume", v.stage_request(volume_id="v" * 129), bad, "volume_id"),
        ("NodeStageVolume", v.stage_request(staging_target_path=""), bad, "staging_target_path"),
        ("NodeStageVolume", v.stage_request(staging_target_path="a/b"), bad, "staging_target_path"),
        ("NodeStageVolume", v.stage_request(volume_capability=None), bad, "volume_capability"),
        ("NodeStageVolume", v.stage_request(volume_capability=block), bad, "block"),
        ("NodeStageVolume", v.stage_request(volume_capability=no_mode), bad, "access_mode"),
        ("NodeStageVolume", v.stage_request(volume_capability=no_type), bad, "access_type"),
        ("NodeStageVolume", v.stage_request(volume_context={}), bad, "bucket"),
        ("NodeStageVolume", v.stage_request(volume_context={"source": "s3://b/p", "warm": "w" * 5000}), bad, "volume_context"),
        ("NodeStageVolume", v.stage_request(secrets={"akId": "x"}), bad, "akSecret"),
        ("NodeStageVolume", v.stage_request(secrets={"akId": "x" * 5000}), bad, "secrets"),
        ("NodePublishVolume", v.publish_request(volume_id=""), bad, "volume_id"),
        ("NodePublishVolume", v.publish_request(target_path=""), bad, "target_path"),
        ("NodePublishVolume", v.publish_request(target_path="/a/../b"), bad, "target_path"),
        ("NodePublishVolume", v.publish_request(target_path="/" + "x" * 5000), bad, "target_path"),
        ("NodePublishVolume", v.publish_request(volume_capability=None), bad, "volume_capability"),
        ("NodePublishVolume", v.publish_request(volume_capability=block), bad, "block"),
        ("NodePublishVolume", v.publish_request(volume_context={"source": "file:///etc"}), bad, "object store"),
        ("NodePublishVolume", v.publish_request(staging_target_path=""), "FAILED_PRECONDITION", "staging_target_path"),
        ("NodeUnpublishVolume", unpublish(target_path="/t"), bad, "volume_id"),
        ("NodeUnpublishVolume", unpublish(volume_id="v"), bad, "target_path"),
        ("NodeUnstageVolume", unstage(staging_target_path="/s"), bad, "volume_id"),
        ("NodeUnstageVolume", unstage(volume_id="v"), bad, "staging_target_path"),
        ("NodeGetVolumeStats", stats(volume_path="/t"), bad, "volume_id"),
        ("NodeGetVolumeStats", stats(volume_id="v"), bad, "volume_path"),
        ("NodeExpandVolume", expand(volume_id="v", volume_path="/t"), "UNIMPLEMENTED", "expanded"),
    ]


def says_who_it_is(rig):
    """the driver says who it is and what it can do"""
    info = rig.call("GetPluginInfo", csi_pb2.GetPluginInfoRequest()).response
    assert info.name == DRIVER and info.vendor_version, info
    plugin = rig.call("GetPluginCapabilities", csi_pb2.GetPluginCapabilitiesRequest()).response
    assert not plugin.capabilities, plugin
    node = rig.call("NodeGetCapabilities", csi_pb2.NodeGetCapabilitiesRequest()).response
    assert sorted(c.rpc.type for c in node.capabilities) == [1, 2, 4, 5, 6], node
    info = rig.call("NodeGetInfo", csi_pb2.NodeGetInfoRequest()).response
    assert info.node_id == "node-7" and info.max_volumes_per_node >= 0, info


def refuses_what_is_missing(rig):
    """every call refuses what the specification says, by name"""
    for rpc, request, code, word in refusals(rig):
        expect(rig.call(rpc, request, timeout=10), code, word)


def controller_calls_are_not_served(rig):
    """a node driver does not serve the controller's calls"""
    expect(rig.call("CreateVolume", csi_pb2.CreateVolumeRequest(name="n")), "UNIMPLEMENTED")


def without_an_agent(rig):
    """without an agent it is not ready, and calls are unavailable with what to do"""
    probe = rig.probe()
    assert probe.code == "OK" and probe.response.HasField("ready") and not probe.response.ready.value, probe
    v = volume(rig)
    expect(v.stage(), "UNAVAILABLE", "shoal agent")
    expect(v.publish(), "UNAVAILABLE", "shoal agent")
    expect(v.unpublish(), "UNAVAILABLE")
    expect(v.unstage(), "UNAVAILABLE")
    expect(v.stats(), "UNAVAILABLE")
    assert not os.path.exists(v.target()), "a plain directory in place of a mount"


def sockets_are_for_root(rig):
    """only root may connect"""
    mode = os.stat(rig.endpoint).st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) & 0o077 == 0, oct(mode)
    assert os.listdir(os.path.dirname(rig.endpoint)) == ["csi.sock"], "other files beside the socket"


def takes_kubelets_authorities(rig):
    """every authority a kubelet sends is taken"""
    for authority in ("localhost", rig.endpoint, "csi", "%2Fcsi%2Fcsi.sock"):
        client = Client(rig.endpoint, authority)
        expect(client.call("Probe", csi_pb2.ProbeRequest(), timeout=10), "OK")
        client.close()


def survives_strangers(rig):
    """garbage, hanging connections, huge messages and unknown calls do no harm"""
    hanging = [raw_connection(rig.endpoint) for _ in range(50)]
    garbage = raw_connection(rig.endpoint)
    garbage.sendall(b"GET / HTTP/1.1\r\n\r\n" + os.urandom(4096))
    expect(rig.call("NodeStageVolume", volume(rig).stage_request(
        volume_context={"source": "s3://b/p", "x": "y" * (2 << 20)})), "RESOURCE_EXHAUSTED")
    unknown = rig.client.channel.unary_unary("/csi.v1.Node/NodeDance", request_serializer=lambda m: m,
                                             response_deserializer=lambda m: m)
    try:
        unknown(b"", timeout=10)
        raise AssertionError("an unknown call was answered")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error
    broken = rig.client.channel.unary_unary("/csi.v1.Node/NodeStageVolume", request_serializer=lambda m: m,
                                            response_deserializer=lambda m: m)
    try:
        broken(b"\xff\xff\xff", timeout=10)
        raise AssertionError("a broken message was answered")
    except grpc.RpcError as error:
        assert error.code() in (grpc.StatusCode.INTERNAL, grpc.StatusCode.INVALID_ARGUMENT), error
    expect(rig.probe(), "OK")
    for connection in [*hanging, garbage]:
        connection.close()


def answers_many(rig):
    """two hundred calls at once are all answered"""
    answers = []

    def ask(i):
        v = rig.volume(f"v-{i}", {"source": "s3://b/p"}, secrets=KEYS)
        answers.append(rig.call("NodePublishVolume", v.publish_request(), timeout=60))
    threads = [threading.Thread(target=ask, args=(i,)) for i in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    codes = {answer.code for answer in answers}
    assert len(answers) == 200 and codes <= {"UNAVAILABLE", "RESOURCE_EXHAUSTED"}, codes


def http_port(rig):
    line = next(line for line in rig.driver.text().splitlines() if "csi.started" in line)
    return line.split("http_port=")[1].split()[0]


def serves_health_and_metrics(rig):
    """healthz and metrics are served, nothing else is"""
    url = f"http://127.0.0.1:{http_port(rig)}"
    with urllib.request.urlopen(f"{url}/healthz", timeout=10) as answer:
        assert answer.status == 200 and answer.read() == b"ok\n"
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        text = answer.read().decode()
    for line in ("# TYPE shoal_csi_requests_total counter", 'rpc="NodeStageVolume",code="INVALID_ARGUMENT"}',
                 'shoal_csi_request_duration_seconds_count{rpc="Probe"}'):
        assert line in text, line
    for method, path in (("GET", "/"), ("POST", "/metrics"), ("GET", "/metrics/../etc")):
        try:
            urllib.request.urlopen(urllib.request.Request(url + path, method=method), timeout=10)
            raise AssertionError(f"{method} {path} was answered")
        except urllib.error.HTTPError as error:
            assert error.code == 404, error


def starts_after_a_kill(rig):
    """a socket left by kill -9 is replaced, a second driver beside a living one is refused"""
    second = subprocess.run(rig.driver_command(), capture_output=True, text=True, timeout=20, check=False)
    assert second.returncode == 1 and "another process serves it" in second.stderr, second
    expect(rig.probe(), "OK")
    rig.driver.end(signal.SIGKILL)
    assert os.path.exists(rig.endpoint), "the case is about a socket that is left"
    rig.start_driver("--stage-wait", "20", "--http-address", "127.0.0.1:0")


def stops_in_order(rig):
    """SIGTERM ends it at once, and removes its socket"""
    assert rig.driver.end() == 0, rig.driver.text()[-1000:]
    assert not os.path.exists(rig.endpoint)
    rig.start_driver("--stage-wait", "20", "--http-address", "127.0.0.1:0")


def fails_fast(rig):
    """misconfiguration ends it at once, with the reason"""
    endpoint = f"unix://{rig.lab}/csi/other.sock"
    file = f"{rig.lab}/csi/file.sock"
    with open(file, "w", encoding="ascii") as out:
        out.write("x")
    for flags, code, word in (
            (["--endpoint", endpoint], 2, "--node-id is missing"),
            (["--node-id", "n"], 2, "endpoint"),
            (["--node-id", "n", "--endpoint", "tcp://127.0.0.1:1"], 2, "unix socket"),
            (["--node-id", "n", "--endpoint", f"unix://{rig.lab}/csi/socket"], 2, ".sock"),
            (["--node-id", "n", "--endpoint", f"unix://{rig.lab}/nowhere/csi.sock"], 1, "nowhere"),
            (["--node-id", "n", "--endpoint", f"unix://{file}"], 1, "in its place"),
            (["--node-id", "n" * 300, "--endpoint", endpoint], 2, "--node-id"),
            (["--node-id", "n", "--endpoint", endpoint, "--driver-name", "no name"], 2, "--driver-name"),
            (["--node-id", "n", "--endpoint", endpoint, "--http-address", "nonsense"], 2, "nonsense"),
            (["--node-id", "n", "--endpoint", endpoint, "--register-with-kubelet", f"{rig.lab}/nowhere"], 1, "nowhere"),
            (["--node-id", "n", "--endpoint", endpoint, "--mode", "both"], 2, "--mode"),
            (["--no-such-flag"], 2, "--no-such-flag")):
        done = subprocess.run([f"{rig.bin}/shoal-csi", *flags], capture_output=True, text=True, timeout=20,
                              check=False, env={"PATH": os.environ["PATH"]})
        assert done.returncode == code and word in done.stderr, (flags, done)
    os.unlink(file)


def takes_settings_from_the_environment(rig):
    """settings come from the environment, flags count more"""
    endpoint = f"{rig.lab}/csi/environment.sock"
    driver = rig.start([f"{rig.bin}/shoal-csi", "--driver-name", "flag.example"], "csi-environment",
                       CSI_ENDPOINT=f"unix://{endpoint}", SHOAL_NODE_ID="from-environment",
                       SHOAL_DRIVER_NAME="environment.example", SHOAL_LOG_FORMAT="json")
    client = Client(endpoint)
    assert client.call("NodeGetInfo", csi_pb2.NodeGetInfoRequest(), 20).response.node_id == "from-environment"
    assert client.call("GetPluginInfo", csi_pb2.GetPluginInfoRequest(), 20).response.name == "flag.example"
    client.close()
    assert driver.end() == 0
    assert driver.text().startswith("{"), driver.text()


def registers_with_kubelet(rig):
    """kubelet finds it in its registry, and it ends when kubelet refuses it"""
    registry, endpoint = f"{rig.lab}/registry", f"{rig.lab}/csi/registered.sock"
    os.makedirs(registry, exist_ok=True)
    driver = rig.start(rig.driver_command("--register-with-kubelet", registry, "--kubelet-endpoint",
                                          "/var/lib/kubelet/plugins/csi.shoal.dev/csi.sock", endpoint=endpoint),
                       "csi-registered")
    plugin = f"{registry}/{DRIVER}-reg.sock"
    until(lambda: os.path.exists(plugin), what="the registration socket")
    channel = grpc.insecure_channel(f"unix:{plugin}")

    def ask(method, request, response):
        return channel.unary_unary(f"/pluginregistration.Registration/{method}",
                                   request_serializer=lambda m: m.SerializeToString(),
                                   response_deserializer=response.FromString)(request, timeout=10, wait_for_ready=True)
    info = ask("GetInfo", registration_pb2.InfoRequest(), registration_pb2.PluginInfo)
    assert (info.type, info.name, info.endpoint, list(info.supported_versions)) == (
        "CSIPlugin", DRIVER, "/var/lib/kubelet/plugins/csi.shoal.dev/csi.sock", ["1.0.0"]), info
    status = registration_pb2.RegistrationStatus
    ask("NotifyRegistrationStatus", status(plugin_registered=True), registration_pb2.RegistrationStatusResponse)
    assert driver.alive()
    ask("NotifyRegistrationStatus", status(plugin_registered=False, error="no such version"),
        registration_pb2.RegistrationStatusResponse)
    assert driver.process.wait(20) == 1
    assert "no such version" in driver.text()
    assert not os.path.exists(plugin), "kubelet would go on asking"
    channel.close()


def controller_makes_notes(rig):
    """a controller makes volumes out of parameters, and deletes nothing"""
    endpoint = f"{rig.lab}/csi/controller.sock"
    driver = rig.start(rig.driver_command(endpoint=endpoint, mode="controller"), "csi-controller")
    client = Client(endpoint)
    capability = volume(rig).capability()

    def create(name="pvc-1", **other):
        return client.call("CreateVolume", csi_pb2.CreateVolumeRequest(**{
            "name": name, "volume_capabilities": [capability],
            "parameters": {"bucket": "b", "url": "oss-cn-beijing.aliyuncs.com"},
            "capacity_range": csi_pb2.CapacityRange(required_bytes=5), **other}), 20)
    plugin = client.call("GetPluginCapabilities", csi_pb2.GetPluginCapabilitiesRequest(), 20).response
    assert [c.service.type for c in plugin.capabilities] == [1], plugin
    assert client.call("Probe", csi_pb2.ProbeRequest(), 20).response.ready.value, "it needs no agent"
    made = create()
    assert made.code == "OK" and made.response.volume.volume_context["bucket"] == "b", made
    assert create().response == made.response
    expect(create(parameters={"bucket": "c"}), "ALREADY_EXISTS")
    expect(create(name=""), "INVALID_ARGUMENT", "name")
    expect(create(volume_capabilities=[]), "INVALID_ARGUMENT", "volume_capabilities")
    expect(create(name="n", parameters={}), "INVALID_ARGUMENT", "bucket")
    expect(create(name="n", parameters={"bucket": "b", "akSecret": "lab-hush-secret"}), "INVALID_ARGUMENT", "Secret")
    delete = csi_pb2.DeleteVolumeRequest
    for _ in range(2):
        expect(client.call("DeleteVolume", delete(volume_id="pvc-1"), 20), "OK")
    expect(client.call("DeleteVolume", delete(), 20), "INVALID_ARGUMENT", "volume_id")
    validate = csi_pb2.ValidateVolumeCapabilitiesRequest
    expect(client.call("ValidateVolumeCapabilities", validate(volume_id="x", volume_capabilities=[capability]), 20), "NOT_FOUND")
    confirmed = client.call("ValidateVolumeCapabilities", validate(
        volume_id="x", volume_context={"bucket": "b"}, volume_capabilities=[capability]), 20)
    assert confirmed.response.HasField("confirmed"), confirmed
    expect(client.call("NodeGetInfo", csi_pb2.NodeGetInfoRequest(), 20), "UNIMPLEMENTED")
    client.close()
    assert driver.end() == 0


CASES = [says_who_it_is, refuses_what_is_missing, controller_calls_are_not_served, without_an_agent,
         sockets_are_for_root, takes_kubelets_authorities, survives_strangers, answers_many,
         serves_health_and_metrics, starts_after_a_kill, stops_in_order, fails_fast,
         takes_settings_from_the_environment, registers_with_kubelet, controller_makes_notes]
