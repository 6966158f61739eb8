# SPDX-License-Identifier: Apache-2.0
"""Goal: the plain manifests are objects an API server takes, in the order of their names, that fit
together and fit the programs.
Method: the API's field names, the rules of objects.py and deployment.py, the programs' own --help; and
errors planted into the good manifests, each of which has to be found."""
import copy
import os
import re

import deployment
from cases import Skip, case, expect, expect_none, run
from objects import Api, fit_problems, of_kind, parse, pod_spec, read, title

api = Api()


def manifests(asked):
    found = read(os.path.join(asked.root, "deploy", "kubernetes", "*.yaml"))
    return [item for items in found.values() for item in items]


def all_problems(items):
    # Each looks only at what the one before it found to be sound.
    return api.problems(items) or fit_problems(items) or deployment.problems(items)


@case
def every_field_of_the_manifests_is_one_of_the_api(asked):
    items = manifests(asked)
    expect(len(items) >= 10, f"only {len(items)} objects")
    expect_none(api.problems(items))


@case
def the_objects_fit_together(asked):
    expect_none(fit_problems(manifests(asked)))


@case
def driver_name_paths_ports_and_rights_agree(asked):
    expect_none(deployment.problems(manifests(asked)))


@case
def what_is_needed_is_applied_before_who_needs_it(asked):
    kinds = [item["kind"] for item in manifests(asked)]
    expect(kinds[0] == "Namespace", f"{kinds[0]} is the first, the namespace is not there yet")
    namespace = manifests(asked)[0]["metadata"]
    expect(namespace["labels"]["pod-security.kubernetes.io/enforce"] == "privileged", "no privileged pods allowed")
    for item in manifests(asked):
        expect(item["metadata"].get("namespace", namespace["name"]) == namespace["name"], title(item))
    for before, after in (("CSIDriver", "DaemonSet"), ("ServiceAccount", "DaemonSet"), ("ClusterRole", "Deployment")):
        expect(kinds.index(before) < kinds.index(after), f"{after} before {before}")


@case
def images_have_the_version_of_the_project(asked):
    with open(os.path.join(asked.root, "CMakeLists.txt"), encoding="utf-8") as file:
        version = re.search(r"project\(shoal VERSION ([\d.]+)", file.read()).group(1)
    found = read(os.path.join(asked.root, "deploy", "kubernetes", "**", "*.yaml").replace("**", "*")) | \
        read(os.path.join(asked.root, "deploy", "kubernetes", "*.yaml"))
    images = [one["image"] for path, items in found.items() if "chart" not in path for item in items
              if pod_spec(item) for one in deployment.containers(pod_spec(item)[1]) if "/shoal" in one["image"]]
    expect(len(images) >= 6, f"only {images}")
    expect_none([image for image in images if not image.endswith(":" + version)])


def programs(asked):
    found = {"/usr/bin/shoal": deployment.help_of([os.environ["SHOAL_PROGRAM"], "agent"], "agent"),
             "/usr/bin/shoal-csi": deployment.help_of([os.environ["SHOAL_CSI_PROGRAM"]], "shoal-csi")}
    missing = ["shoal agent" if name.endswith("shoal") else "shoal-csi" for name, text in found.items() if text is None]
    return {name: text for name, text in found.items() if text is not None}, missing


@case
def the_programs_have_the_flags_they_are_given(asked):
    found, missing = programs(asked)
    expect_none(deployment.flag_problems(manifests(asked), found))
    if missing:
        raise Skip(f"this build has no {' and no '.join(missing)} to ask")


@case
def a_flag_nobody_has_is_found(asked):
    items = manifests(asked)
    text = "  --mode node|controller  --socket PATH"
    found = deployment.flag_problems(items, {"/usr/bin/shoal-csi": text})
    expect(any("has no --driver-name" in line for line in found), found)
    expect(not any("--mode" in line for line in found), found)


# ---- planted errors: (what it is, how it is planted, what must be said)
def workload(items, name):
    return next(item for item in of_kind(items, "DaemonSet", "Deployment") if item["metadata"]["name"] == name)


def container(items, name, index=0):
    return pod_spec(workload(items, name))[1]["containers"][index]


def argument(items, name, flag, value, index=0):
    one = container(items, name, index)
    one["args"] = [f"{flag}={value}" if text.startswith(flag + "=") else text for text in one["args"]]


def rule(items, resource):
    return next(one for item in of_kind(items, "ClusterRole", "Role") for one in item["rules"] if resource in one["resources"])


PLANTED = [
    ("an unknown field", lambda i: i[1]["spec"].update(attachReqired=False), "attachReqired"),
    ("a field of another object", lambda i: container(i, "shoal-agent").update(hostPID=True), "hostPID"),
    ("a text for a boolean", lambda i: i[1]["spec"].update(attachRequired="false"), "is not of type 'boolean'"),
    ("a number for a text", lambda i: container(i, "shoal-agent").update(args=["agent", 9464]), "is not of type 'string'"),
    ("a fraction", lambda i: container(i, "shoal-agent")["ports"][0].update(containerPort=94.64), "is not of type 'integer'"),
    ("a word that is none of the allowed", lambda i: container(i, "shoal-agent").update(imagePullPolicy="Sometimes"), "Sometimes"),
    ("a required field that is missing", lambda i: workload(i, "shoal-agent")["spec"].pop("selector"), "'selector' is a required"),
    ("a misspelt probe", lambda i: container(i, "shoal-agent").update(livenesProbe={}), "livenesProbe"),
    ("a version the kind does not have", lambda i: i[1].update(apiVersion="storage.k8s.io/v2"), "storage.k8s.io/v2"),
    ("a kind nobody knows", lambda i: i[1].update(kind="CSIDrivr"), "CSIDrivr"),
    ("a selector that selects nothing", lambda i: workload(i, "shoal-agent")["spec"]["selector"]["matchLabels"].update(
        {"app.kubernetes.io/component": "agnt"}), "its own pods do not have"),
    ("a mount of no volume", lambda i: container(i, "shoal-agent")["volumeMounts"][0].update(name="rn"), "which the pod does not have"),
    ("a volume nobody mounts", lambda i: container(i, "shoal-csi-node")["volumeMounts"].pop(), "nobody mounts"),
    ("a probe of no port", lambda i: container(i, "shoal-agent")["livenessProbe"]["httpGet"].update(port="metric"), "is not declared"),
    ("an image of no version", lambda i: container(i, "shoal-agent").update(image="ghcr.io/shoal-dev/shoal:latest"), "not pinned"),
    ("propagation without privilege", lambda i: container(i, "shoal-agent")["securityContext"].update(privileged=False), "needs a privileged"),
    ("a mount below one that propagates", lambda i: container(i, "shoal-agent")["volumeMounts"][4].update(
        mountPath="/var/lib/shoal/dev"), "which is Bidirectional"),
    ("no propagation", lambda i: container(i, "shoal-agent")["volumeMounts"][2].pop("mountPropagation"), "is not seen outside"),
    ("mounts that are held", lambda i: container(i, "shoal-csi-node")["volumeMounts"][1].pop("mountPropagation"), "keeps a copy of every mount"),
    ("an account that is nowhere", lambda i: pod_spec(workload(i, "shoal-agent"))[1].update(serviceAccountName="x"), "ServiceAccount x is nowhere"),
    ("a priority no cluster has", lambda i: pod_spec(workload(i, "shoal-agent"))[1].update(priorityClassName="high"), "priority class high"),
    ("a namespace of its own PIDs", lambda i: pod_spec(workload(i, "shoal-agent"))[1].pop("hostPID"), "die with the pod"),
    ("another driver name", lambda i: argument(i, "shoal-csi-node", "--driver-name", "csi.shoal.io"), "has not the driver name"),
    ("another agent socket", lambda i: argument(i, "shoal-csi-node", "--agent-socket", "/run/shoal/a.sock"), "where it is not"),
    ("another cgroup", lambda i: argument(i, "shoal-agent", "--keeper-cgroup", "/sys/fs/cgroup/keepers"), "prepare-node makes"),
    ("another registration path", lambda i: argument(i, "shoal-csi-node", "--kubelet-registration-path", "/csi/csi.sock", 1), "registrar: tells kubelet"),
    ("another health port", lambda i: argument(i, "shoal-csi-node", "--health-port", "9807", 2), "liveness-probe"),
    ("a capability", lambda i: container(i, "shoal-csi-node")["securityContext"].update(capabilities={"add": ["SYS_ADMIN"]}), "more rights"),
    ("a verb that is missing", lambda i: rule(i, "persistentvolumes")["verbs"].remove("create"), "may not create persistentvolumes"),
    ("no leases", lambda i: rule(i, "leases").update(resources=["endpoints"]), "leases"),
    ("a right to Secrets", lambda i: rule(i, "nodes")["resources"].append("secrets"), "Secrets"),
    ("a role that is nowhere", lambda i: of_kind(i, "RoleBinding")[0]["roleRef"].update(name="y"), "Role y is nowhere"),
    ("an object that is there twice", lambda i: i.append(copy.deepcopy(i[1])), "is there twice"),
    ("attachment", lambda i: i[1]["spec"].pop("attachRequired"), "attacher"),
]


def planted_case(name, plant, expected):
    def found(asked):
        items = manifests(asked)
        plant(items)
        lines = all_problems(items)
        expect(any(expected in line for line in lines), f"not found; said was: {lines}")
    found.__name__ = "planted " + name + " is found"
    case(found)


for planted in PLANTED:
    planted_case(*planted)


@case
def a_key_that_is_there_twice_is_an_error(asked):
    try:
        parse("kind: Pod\nspec: {a: 1}\nspec: {b: 2}\n")
    except Exception as error:
        expect("spec" in str(error) and "twice" in str(error), str(error))
        return
    raise AssertionError("it was taken")


run()
