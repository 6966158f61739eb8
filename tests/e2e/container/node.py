# SPDX-License-Identifier: Apache-2.0
"""The node: its directories, the images on it, and the containers of the manifests as kubelet would have
them made. kubelet's calls to the driver are made by Client of the CSI test."""
import copy
import os
import shutil
import subprocess
import sys

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", name) for name in ("csi", "deploy")]
import csi_pb2  # noqa: E402
import objects  # noqa: E402
from oci import Container, config, path_of  # noqa: E402
from rig import Client, until  # noqa: E402

NAME = "node-7"
FIELDS = {"spec.nodeName": NAME}
KUBELET = "/var/lib/kubelet"
PLUGIN = f"{KUBELET}/plugins/csi.shoal.dev"


class Node:
    def __init__(self, lab, root, bucket):
        self.lab, self.bucket, self.running, self.made = lab, bucket, {}, 0
        self.client = None
        items = [item for part in objects.read(f"{root}/deploy/kubernetes/*.yaml").values() for item in part]
        self.pods = {item["metadata"]["name"]: item["spec"]["template"]["spec"]
                     for item in objects.of_kind(items, "DaemonSet", "Deployment")}
        os.makedirs("/run/crun")

    # ---- containers

    def image(self, version):
        return f"{self.lab}/images/{version}"

    def new_image(self, version, of="one", changed=False):
        """A copy of an image; changed: its program is another one, as of a later version."""
        shutil.copytree(self.image(of), self.image(version), symlinks=True, copy_function=os.link)
        program = f"{self.image(version)}/usr/bin/shoal"
        if changed:
            shutil.copy(program, program + ".new")
            with open(program + ".new", "ab") as file:
                file.write(b"another version")
            os.rename(program + ".new", program)

    def create(self, name, pod, container, image, fields=None):
        """kubelet's part: directories of hostPaths, and the container's own."""
        for volume in pod.get("volumes", []):
            path, kind = path_of(volume), volume.get("hostPath", {}).get("type", "")
            if "emptyDir" in volume:
                group = pod["securityContext"]["fsGroup"]
                os.makedirs(path)
                os.chown(path, 0, group)
                os.chmod(path, 0o2775)
            if kind == "DirectoryOrCreate":
                os.makedirs(path, exist_ok=True)
            assert not kind or os.path.isdir(path), f"{name}: {path} is no directory of this node"
        self.made += 1
        settings = config(pod, container, f"/kubepods/pod-{name}/{self.made}", {**FIELDS, **(fields or {})})
        return Container(f"/run/containers/{name}-{self.made}", "/run/crun", self.image(image), f"{name}-{self.made}",
                         settings, f"{self.lab}/{name}.log")

    def start_agent(self, image="one", ready=True):
        """The agent's pod: its init container, the container, the startup probe."""
        pod = self.pods["shoal-agent"]
        prepared = self.create("prepare-node", pod, pod["initContainers"][0], image)
        assert prepared.run() == 0, prepared.text()
        self.running["agent"] = self.create("agent", pod, pod["containers"][0], image).start()
        if ready:
            self.wait_probe("agent", "startupProbe")

    def start_plugin(self, image="one", registers_itself=False):
        pod, folder = self.pods["shoal-csi-node"], f"{KUBELET}/plugins_registry"
        container = copy.deepcopy(pod["containers"][0])
        if registers_itself:  # as the chart makes it of node.registration=self
            container["args"].append(f"--register-with-kubelet={folder}")
            container["volumeMounts"].append({"name": "registration", "mountPath": folder})
        self.running["plugin"] = self.create("plugin", pod, container, image).start()
        self.wait_probe("plugin", None)
        if self.client:
            self.client.close()
        self.client = Client(f"{PLUGIN}/csi.sock")

    def start_controller(self, image):
        """The plugin of the controller's pod; its socket's path on the node."""
        pod = self.pods["shoal-csi-controller"]
        self.running["controller"] = self.create("controller", pod, pod["containers"][0], image).start()
        self.wait_probe("controller", "livenessProbe")
        return f"{path_of(pod['volumes'][0])}/csi.sock"

    def wait_probe(self, name, which, seconds=30):
        """The container's own probe, or /healthz of its metrics port (the sidecar's is not here)."""
        one = self.running[name]
        pods = {"agent": "shoal-agent", "plugin": "shoal-csi-node", "controller": "shoal-csi-controller"}
        container = self.pods[pods[name]]["containers"][0]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        asked = container[which]["httpGet"] if which else {"path": "/healthz", "port": "metrics"}
        url = f"http://127.0.0.1:{ports[asked['port']]}{asked['path']}"
        until(lambda: self.get(one, url)[0] == 200 or (not one.alive() and self.gone(one)), seconds,
              f"{url} of {name}: {one.text()[-1500:]}")

    @staticmethod
    def gone(one):
        raise AssertionError(f"{one.name} has ended: {one.text()[-3000:]}")

    @staticmethod
    def get(one, url):
        """(status, body) as somebody in the container's network sees it."""
        done = subprocess.run(["nsenter", "--target", str(one.pid), "--net", "curl", "-s", "-m", "3", "-w", "\n%{http_code}", url],
                              capture_output=True, text=True, check=False)
        body, _, code = done.stdout.rpartition("\n")
        return int(code or 0), body

    def end(self, name, grace=0):
        """Removes a container: killed, or asked first and given so many seconds."""
        one = self.running.pop(name)
        if grace:
            one.signal("TERM")
            until(lambda: not one.alive(), grace, f"the end of {name}")
        one.remove()

    # ---- kubelet

    def call(self, rpc, request, timeout=30):
        return self.client.call(rpc, request, timeout)

    def start_pod(self, name, source, script, propagation="None"):
        """A pod of somebody: no rights, its own namespaces, the volume at /data."""
        pod = {"securityContext": {"runAsUser": 1000, "runAsGroup": 1000},
               "volumes": [{"name": "data", "hostPath": {"path": source}}, {"name": "sums", "hostPath": {"path": f"{self.lab}/sums"}}]}
        container = {"command": ["/bin/sh", "-c", script],
                     "securityContext": {"capabilities": {"drop": ["ALL"]}, "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True},
                     "volumeMounts": [{"name": "data", "mountPath": "/data", "readOnly": True, "mountPropagation": propagation},
                                      {"name": "sums", "mountPath": "/sums"}]}
        self.running[name] = self.create(name, pod, container, "pods").start()
        return self.running[name]

    def clean_up(self):
        for name in list(self.running):
            self.end(name)


class Volume:
    """A PersistentVolume on the node, in kubelet's directories."""

    def __init__(self, node, name, bucket="b", path="/data"):
        self.node, self.name = node, name
        self.context = {"bucket": bucket, "url": node.bucket, "path": path}
        self.keys = {"akId": "lab-key", "akSecret": "lab-hush-secret"}
        self.staging = f"{KUBELET}/plugins/kubernetes.io/csi/csi.shoal.dev/{name}/globalmount"

    def target(self, pod):
        return f"{KUBELET}/pods/{pod}/volumes/kubernetes.io~csi/{self.name}/mount"

    @staticmethod
    def capability():
        return csi_pb2.VolumeCapability(mount=csi_pb2.VolumeCapability.MountVolume(),
                                        access_mode=csi_pb2.VolumeCapability.AccessMode(mode=3))

    def stage(self):
        os.makedirs(self.staging, exist_ok=True)
        return self.node.call("NodeStageVolume", csi_pb2.NodeStageVolumeRequest(
            volume_id=self.name, staging_target_path=self.staging, volume_capability=self.capability(),
            volume_context=self.context, secrets=self.keys))

    def publish(self, pod):
        os.makedirs(os.path.dirname(self.target(pod)), exist_ok=True)
        return self.node.call("NodePublishVolume", csi_pb2.NodePublishVolumeRequest(
            volume_id=self.name, staging_target_path=self.staging, target_path=self.target(pod),
            volume_capability=self.capability(), volume_context=self.context, secrets=self.keys, readonly=True))

    def unpublish(self, pod):
        return self.node.call("NodeUnpublishVolume", csi_pb2.NodeUnpublishVolumeRequest(
            volume_id=self.name, target_path=self.target(pod)))

    def unstage(self):
        return self.node.call("NodeUnstageVolume", csi_pb2.NodeUnstageVolumeRequest(
            volume_id=self.name, staging_target_path=self.staging))
