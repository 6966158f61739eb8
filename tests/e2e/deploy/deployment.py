# SPDX-License-Identifier: Apache-2.0
"""What must hold of Shoal's own objects as a whole, however they were made: by the plain manifests, or
by the chart with whatever values. Returns problems, as objects.py does."""
import re
import subprocess

from objects import inside, named, of_kind, pod_spec, containers, title

# What csi-provisioner asks for when it provisions volumes without snapshots, clones, capacity or
# topology: its own deploy/kubernetes/rbac.yaml, without the rules for those.
PROVISIONER_NEEDS = [
    ("", "persistentvolumes", "get list watch create update patch delete"),
    ("", "persistentvolumeclaims", "get list watch update"),
    ("", "events", "list watch create update patch"),
    ("storage.k8s.io", "storageclasses", "get list watch"),
]
LEADER_NEEDS = [("coordination.k8s.io", "leases", "get watch list delete update create")]


def flags_of(container):
    """{"--name": value} of a container's arguments."""
    found = {}
    for text in container.get("args", []):
        name, _, value = text.partition("=")
        if name.startswith("--"):
            found[name] = value
    return found


def container_of(items, workload, name):
    item = next(item for item in of_kind(items, "DaemonSet", "Deployment") if item["metadata"]["name"] == workload)
    spec = pod_spec(item)[1]
    return spec, next((one for one in containers(spec) if one["name"] == name), None)


def host_path(spec, container, path):
    """Where a path of a container lies on the host; None if it does not."""
    best = None
    for mount in container["volumeMounts"]:
        volume = next(one for one in spec["volumes"] if one["name"] == mount["name"])
        if inside(path, mount["mountPath"]) and "hostPath" in volume and \
                (best is None or len(mount["mountPath"]) > len(best[0])):
            best = mount["mountPath"], volume["hostPath"]["path"]
    return best and best[1] + path[len(best[0]):]


def _check_agent(items, kubelet):
    spec, agent = container_of(items, "shoal-agent", "agent")
    flags = flags_of(agent)
    environment = {one["name"]: one.get("value") for one in agent["env"]}
    paths = [flags["--socket"], flags["--state-dir"], flags["--keeper-cgroup"], environment["SHOAL_RUNTIME"],
             environment["SHOAL_VOLUMES"], kubelet + "/pods", "/dev"]
    for path in paths:
        # kubelet names paths of the host, and keepers go on with paths of a container that is gone.
        if host_path(spec, agent, path) != path:
            yield f"agent: {path} is {host_path(spec, agent, path)} on the host, not the same"
    for path in (flags["--state-dir"], environment["SHOAL_RUNTIME"], kubelet):
        mount = next((one for one in agent["volumeMounts"] if inside(path, one["mountPath"])), {})
        if mount.get("mountPropagation") != "Bidirectional":
            yield f"agent: what is mounted in {path} is not seen outside"
    for field in ("hostPID", "hostNetwork"):
        if not spec.get(field):
            yield f"agent: without {field} the processes behind the mounts die with the pod"
    prepare = container_of(items, "shoal-agent", "prepare-node")[1]
    if prepare["args"][0] != flags["--keeper-cgroup"]:
        yield f"prepare-node makes {prepare['args'][0]}, the agent uses {flags['--keeper-cgroup']}"
    port = flags["--metrics-address"].rsplit(":", 1)[1]
    if [one["containerPort"] for one in agent["ports"] if one["name"] == "metrics"] != [int(port)]:
        yield f"agent: listens on {port}, and declares another port"


def _check_unprivileged(items):
    for item in of_kind(items, "DaemonSet", "Deployment"):
        if item["metadata"]["name"] == "shoal-agent":
            continue
        spec = pod_spec(item)[1]
        if spec.get("hostPID") or spec.get("hostNetwork") or spec.get("hostIPC"):
            yield f"{title(item)}: has no need of the host's namespaces"
        for one in containers(spec):
            context = one.get("securityContext", {})
            if context.get("capabilities", {}).get("drop") != ["ALL"] or context.get("privileged") or \
                    context.get("allowPrivilegeEscalation") is not False or not context.get("readOnlyRootFilesystem"):
                yield f"{title(item)}, {one['name']}: has more rights than it needs"


def _check_node(items, driver, kubelet):
    spec, plugin = container_of(items, "shoal-csi-node", "shoal-csi")
    agent_spec, agent = container_of(items, "shoal-agent", "agent")
    flags = flags_of(plugin)
    environment = {one["name"]: one.get("value") for one in plugin["env"]}
    if environment["CSI_ENDPOINT"] != f"unix://{kubelet}/plugins/{driver}/csi.sock":
        yield f"plugin: {environment['CSI_ENDPOINT']} is not in {kubelet}/plugins/{driver}"
    endpoint = environment["CSI_ENDPOINT"][len("unix://"):]
    if host_path(spec, plugin, endpoint) != endpoint:
        yield "plugin: its socket has another path on the host; kubelet is told the container's"
    if host_path(spec, plugin, flags["--agent-socket"]) != \
            host_path(agent_spec, agent, flags_of(agent)["--socket"]):
        yield "plugin: looks for the agent's socket where it is not"
    runtime = next(one.get("value") for one in agent["env"] if one["name"] == "SHOAL_RUNTIME")
    for mount in plugin["volumeMounts"]:
        if inside(runtime, mount["mountPath"]) and mount.get("mountPropagation") != "HostToContainer":
            yield f"plugin: keeps a copy of every mount in {runtime}, also of those that are gone"
    registrar = container_of(items, "shoal-csi-node", "node-driver-registrar")[1]
    itself = flags.get("--register-with-kubelet")
    if (registrar is None) == (itself is None):
        yield "plugin: nobody registers it with kubelet, or two do"
    if itself and host_path(spec, plugin, itself) != kubelet + "/plugins_registry":
        yield f"plugin: registers in {itself}, where kubelet does not look"
    if registrar:
        said = flags_of(registrar)
        if said["--kubelet-registration-path"] != endpoint:
            yield "registrar: tells kubelet another path than the plugin's"
        if host_path(spec, registrar, said["--csi-address"]) != endpoint:
            yield "registrar: asks another socket than the plugin's"
        if host_path(spec, registrar, "/registration") != kubelet + "/plugins_registry":
            yield "registrar: registers where kubelet does not look"
        probe = container_of(items, "shoal-csi-node", "liveness-probe")[1]
        port = next(one["containerPort"] for one in plugin["ports"] if one["name"] == "healthz")
        if flags_of(probe)["--health-port"] != str(port) or \
                host_path(spec, probe, flags_of(probe)["--csi-address"]) != endpoint:
            yield "liveness-probe: not the port, or not the socket, that the plugin's probes mean"


def allowed(items, account, namespace):
    """[(api group, resource, verb)] of a service account, cluster wide and in its own namespace."""
    found = set()
    for binding in of_kind(items, "RoleBinding", "ClusterRoleBinding"):
        if not any((one["name"], one["namespace"]) == (account, namespace) for one in binding["subjects"]):
            continue
        for rule in named(items, binding["roleRef"]["kind"], binding["roleRef"]["name"])["rules"]:
            found |= {(group, resource, verb) for group in rule["apiGroups"]
                      for resource in rule["resources"] for verb in rule["verbs"]}
    return found


def _check_controller(items, driver):
    deployment = named(items, "Deployment", "shoal-csi-controller")
    if not deployment:
        return
    namespace = deployment["metadata"]["namespace"]
    spec, provisioner = container_of(items, "shoal-csi-controller", "csi-provisioner")
    plugin = container_of(items, "shoal-csi-controller", "shoal-csi")[1]
    rights = allowed(items, spec["serviceAccountName"], namespace)
    for group, resource, verbs in PROVISIONER_NEEDS + LEADER_NEEDS:
        missing = [verb for verb in verbs.split() if (group, resource, verb) not in rights]
        if missing:
            yield f"csi-provisioner may not {', '.join(missing)} {resource}"
    if any(resource in ("secrets", "*") for _, resource, _ in rights):
        yield "csi-provisioner may read Secrets, and has no need to"
    if flags_of(provisioner)["--leader-election-namespace"] != namespace:
        yield "csi-provisioner elects its leader in another namespace"
    socket = next(one["value"] for one in plugin["env"] if one["name"] == "CSI_ENDPOINT")
    if socket != "unix://" + flags_of(provisioner)["--csi-address"]:
        yield "csi-provisioner asks another socket than the plugin's"
    if not spec.get("automountServiceAccountToken"):
        yield "csi-provisioner has no token for the API server"
    if flags_of(plugin)["--driver-name"] != driver:
        yield f"controller: has not the driver name {driver}"


def problems(items, kubelet="/var/lib/kubelet"):
    drivers = of_kind(items, "CSIDriver")
    if len(drivers) != 1:
        return [f"{len(drivers)} CSIDriver objects"]
    driver = drivers[0]["metadata"]["name"]
    lines = []
    if drivers[0]["spec"].get("attachRequired") is not False:
        lines.append("CSIDriver: pods would wait for an attacher for ever")
    if drivers[0]["spec"].get("fsGroupPolicy") != "None":
        lines.append("CSIDriver: kubelet would change the group of millions of files")
    if flags_of(container_of(items, "shoal-csi-node", "shoal-csi")[1])["--driver-name"] != driver:
        lines.append(f"plugin: has not the driver name {driver}")
    return lines + list(_check_agent(items, kubelet)) + list(_check_node(items, driver, kubelet)) + \
        list(_check_controller(items, driver)) + list(_check_unprivileged(items))


def flag_problems(items, programs):
    """Flags our own containers are given and the programs do not have. `programs`: {command: its --help}"""
    lines = []
    for item in of_kind(items, "DaemonSet", "Deployment"):
        for one in containers(pod_spec(item)[1]):
            text = programs.get(one.get("command", [""])[0])
            if text is None:
                continue
            known = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))
            lines += [f"{title(item)}: {one['command'][0]} has no {flag}" for flag in flags_of(one) if flag not in known]
    return lines


def help_of(command, named):
    """The --help of a program, whose usage line names it so; None when there is none."""
    try:
        done = subprocess.run(command + ["--help"], capture_output=True, text=True, timeout=30)
    except FileNotFoundError:
        return None
    usage = re.search(r"^Usage: .*", done.stdout, re.M)
    return done.stdout if done.returncode == 0 and usage and named in usage.group(0).split("[")[0] else None
