# SPDX-License-Identifier: Apache-2.0
"""A container of a pod template as an OCI bundle: what a container runtime makes of the fields our
manifests use (containerd's CRI plugin is the model), and crun to run it."""
import json
import os
import shutil
import subprocess

PROPAGATION = {"None": "rprivate", "HostToContainer": "rslave", "Bidirectional": "rshared"}
MASKED = ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
OWN_MOUNTS = [
    ("/proc", "proc", "proc", ["nosuid", "noexec", "nodev"]),
    ("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    ("/dev/pts", "devpts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
    ("/dev/shm", "tmpfs", "shm", ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
    ("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev"]),
]


def bounding_set():
    """Names of the capabilities this machine may give away: no more can be had by a privileged one."""
    with open("/proc/self/status", encoding="ascii") as file:
        bits = int(next(line for line in file if line.startswith("CapBnd")).split()[1], 16)
    # capsh would name them; the order is the kernel's (linux/capability.h).
    names = ("CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE "
             "NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT "
             "SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE "
             "AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ "
             "PERFMON BPF CHECKPOINT_RESTORE").split()
    return ["CAP_" + name for number, name in enumerate(names) if bits >> number & 1]


def environment_of(container, fields):
    """What `env` says; `fields` are the values of fieldRefs."""
    values = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    for one in container.get("env", []):
        values[one["name"]] = one["value"] if "value" in one else fields[one["valueFrom"]["fieldRef"]["fieldPath"]]
    return [f"{name}={value}" for name, value in values.items()]


def path_of(volume):
    return volume["hostPath"]["path"] if "hostPath" in volume else f"/run/volumes/{volume['name']}"


def mounts_of(pod, container, privileged):
    """The runtime's own mounts, less those a volume replaces, and the volumes."""
    volumes = {one["name"]: path_of(one) for one in pod.get("volumes", [])}
    asked = container.get("volumeMounts", [])
    replaced = [one["mountPath"] for one in asked]
    found = []
    for path, kind, source, options in OWN_MOUNTS:
        if any(path == one or path.startswith(one + "/") for one in replaced):
            continue
        if path == "/sys" and not privileged:
            options = [*options, "ro"]
        found.append({"destination": path, "type": kind, "source": source, "options": options})
    for one in sorted(asked, key=lambda mount: mount["mountPath"]):
        found.append({"destination": one["mountPath"], "type": "bind", "source": volumes[one["name"]], "options": [
            "rbind", PROPAGATION[one.get("mountPropagation", "None")], "ro" if one.get("readOnly") else "rw"]})
    return found


def config(pod, container, cgroup, fields):
    """config.json, all but what the image says."""
    context = {**pod.get("securityContext", {}), **container.get("securityContext", {})}
    privileged = context.get("privileged", False)
    rights = bounding_set() if privileged else []
    if not privileged:
        assert context.get("capabilities", {}).get("drop") == ["ALL"], "who keeps some rights is not our case"
    kinds = [one.get("mountPropagation", "None") for one in container.get("volumeMounts", [])]
    namespaces = ["mount", "ipc", "uts"]
    namespaces += [] if pod.get("hostPID") else ["pid"]
    namespaces += [] if pod.get("hostNetwork") else ["network"]
    namespaces += [] if privileged else ["cgroup"]
    return {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": context.get("runAsUser", 0), "gid": context.get("runAsGroup", 0),
                     "additionalGids": [context["fsGroup"]] if "fsGroup" in context else []},
            "args": container["command"] + container.get("args", []),
            "env": environment_of(container, fields), "cwd": "/",
            "capabilities": {name: rights for name in ("bounding", "effective", "permitted")},
            "noNewPrivileges": not context.get("allowPrivilegeEscalation", True),
            **({"oomScoreAdj": -997} if "node-critical" in pod.get("priorityClassName", "") and
               "CAP_SYS_RESOURCE" in bounding_set() else {}),
        },
        "root": {"path": "rootfs", "readonly": context.get("readOnlyRootFilesystem", False)},
        "hostname": fields["spec.nodeName"],
        "mounts": mounts_of(pod, container, privileged),
        "linux": {
            "namespaces": [{"type": kind} for kind in namespaces],
            "cgroupsPath": cgroup,
            "rootfsPropagation": "rshared" if "Bidirectional" in kinds else "rslave" if "HostToContainer" in kinds else "rprivate",
            # No device filter: who has no CAP_MKNOD has no devices either.
            "resources": {"devices": [{"allow": True, "access": "rwm"}]},
            "maskedPaths": [] if privileged else MASKED, "readonlyPaths": [] if privileged else READ_ONLY,
        },
    }


class Container:
    """One that runs, or ran. Its root is an overlay on the image, gone with it."""

    def __init__(self, folder, state, image, name, settings, log):
        self.folder, self.state, self.name, self.log = folder, state, name, log
        self.pid = None
        for part in ("upper", "work", "rootfs"):
            os.makedirs(f"{folder}/{part}")
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                        f"lowerdir={image},upperdir={folder}/upper,workdir={folder}/work", f"{folder}/rootfs"], check=True)
        with open(f"{folder}/config.json", "w", encoding="utf-8") as file:
            json.dump(settings, file)

    def crun(self, *words, **more):
        return subprocess.run(["crun", "--root", self.state, "--cgroup-manager", "cgroupfs", *words],
                              check=False, stdin=subprocess.DEVNULL, **more)

    def start(self):
        with open(self.log, "ab") as output:
            done = self.crun("run", "--detach", "--bundle", self.folder, "--pid-file", f"{self.folder}/pid", self.name,
                             stdout=output, stderr=output)
        assert done.returncode == 0, f"{self.name} does not start: {self.text()[-2000:]}"
        with open(f"{self.folder}/pid", encoding="ascii") as file:
            self.pid = int(file.read())
        return self

    def run(self):
        """Runs an init container to its end; its exit code."""
        with open(self.log, "ab") as output:
            code = self.crun("run", "--bundle", self.folder, self.name, stdout=output, stderr=output).returncode
        self.remove()
        return code

    def alive(self):
        try:
            with open(f"/proc/{self.pid}/stat", encoding="utf-8") as file:
                return file.read().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            return False

    def signal(self, name):
        self.crun("kill", self.name, name, capture_output=True)

    def remove(self):
        """As a runtime does: all of its cgroup is killed, the root unmounted and deleted."""
        self.crun("kill", "--all", self.name, "KILL", capture_output=True)
        self.crun("delete", "--force", self.name, capture_output=True)
        subprocess.run(["umount", f"{self.folder}/rootfs"], check=True)
        shutil.rmtree(self.folder)

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()
