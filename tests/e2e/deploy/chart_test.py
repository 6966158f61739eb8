# SPDX-License-Identifier: Apache-2.0
"""Goal: the chart makes the plain manifests' objects by default, good objects for other values, and
refuses values that would make bad ones; each of its values has an effect.
Method: rendered with Go's template engine (render/main.go); values.schema.json as Helm applies it."""
import copy
import json
import os
import re
import subprocess

import jsonschema
import yaml

import deployment
from cases import case, expect, expect_none, run
from objects import Api, fit_problems, named, of_kind, parse, pod_spec, read

api = Api()
NAMESPACE = "shoal-system"


def chart(asked, *path):
    return os.path.join(asked.root, "deploy", "kubernetes", "chart", *path)


def default_values(asked):
    with open(chart(asked, "values.yaml"), encoding="utf-8") as file:
        return yaml.safe_load(file)


def merged(base, over):
    result = copy.deepcopy(base)
    for key, value in over.items():
        result[key] = merged(result[key], value) if isinstance(value, dict) and isinstance(result.get(key), dict) else value
    return result


def value_problems(asked, values):
    with open(chart(asked, "values.schema.json"), encoding="utf-8") as file:
        schema = json.load(file)
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}"
            for error in jsonschema.Draft7Validator(schema).iter_errors(merged(default_values(asked), values))]


def rendered_text(asked, values):
    path = os.path.join(asked.lab, "values.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(values, file)
    done = subprocess.run([os.path.join(asked.lab, "render"), chart(asked), "shoal", NAMESPACE, path],
                          capture_output=True, text=True, timeout=60)
    expect(done.returncode == 0, done.stderr)
    return done.stdout


def rendered(asked, values):
    return parse(rendered_text(asked, values))


def bare(items):
    """Objects by kind and name, without what only Helm writes."""
    found = {}
    for item in copy.deepcopy(items):
        if item["kind"] == "Namespace":
            continue
        for label in ("app.kubernetes.io/managed-by", "app.kubernetes.io/instance", "helm.sh/chart"):
            item["metadata"].get("labels", {}).pop(label, None)
        found[item["kind"], item["metadata"]["name"]] = item
    return found


def differences(plain, made, where=""):
    if isinstance(plain, dict) and isinstance(made, dict):
        for key in sorted(set(plain) | set(made), key=str):
            yield from differences(plain.get(key), made.get(key), f"{where}/{key}")
    elif isinstance(plain, list) and isinstance(made, list) and len(plain) == len(made):
        for index, (one, other) in enumerate(zip(plain, made)):
            yield from differences(one, other, f"{where}/{index}")
    elif plain != made:
        yield f"{where}: plain {plain!r}, chart {made!r}"


@case
def the_defaults_make_the_plain_manifests(asked):
    plain = [item for items in read(os.path.join(asked.root, "deploy", "kubernetes", "*.yaml")).values() for item in items]
    expect_none(list(differences(bare(plain), bare(rendered(asked, {})))))


@case
def a_value_that_differs_makes_another_object(asked):
    found = list(differences(bare(rendered(asked, {})), bare(rendered(asked, {"log": {"level": "debug"}}))))
    expect(len(found) == 3 and all("--log-level" in line for line in found), found)


CACHE = {"agent": {"cachePath": "/mnt/nvme/shoal", "keeperMemoryMax": "17179869184"}}
VARIANTS = {
    "another kubelet": {"kubeletPath": "/var/lib/k0s/kubelet"},
    "another driver name": {"driverName": "shoal.example.com"},
    "self registration": {"node": {"registration": "self"}},
    "self registration with another kubelet": {"node": {"registration": "self"}, "kubeletPath": "/data/kubelet"},
    "no controller": {"controller": {"enabled": False}},
    "a cache disk": CACHE,
    "other host paths": {"agent": {"statePath": "/data/shoal", "runPath": "/run/storage/shoal"}},
    "monitoring by operator": {"monitoring": {"annotations": False, "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}}}},
    "no annotations": {"monitoring": {"annotations": False}},
    "settings and keys of the node": {"agent": {"settings": "[mount]\ncache-size = \"50G\"  # \"quoted\": {{ x }}\n", "credentialsSecret": "node-keys"}},
    "a private registry": {"image": {"repository": "registry.example.com:5000/shoal", "tag": "1.2.3", "pullPolicy": "Always"},
                           "imagePullSecrets": [{"name": "registry"}]},
    "nowhere in particular": {part: {"nodeSelector": None, "tolerations": [], "affinity": None, "priorityClassName": ""}
                              for part in ("agent", "node", "controller")},
    "agent on loopback": {"agent": {"metricsAddress": "127.0.0.1:19464"}},
    "agent on IPv6": {"agent": {"metricsAddress": "[::1]:19464"}},
    "everything extra": {"agent": {"extraArgs": ["--x=1"], "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://p"}], "maxVolumes": 200,
                                   "podAnnotations": {"a/b": "c"}},
                         "node": {"extraArgs": ["--y"], "podAnnotations": {"a/b": "c"}, "httpPort": 19809, "healthPort": 19808, "stageWait": 90},
                         "controller": {"extraArgs": ["--z"], "replicas": 2, "httpPort": 19809}},
}


def variant_case(name, values):
    def holds(asked):
        expect_none(value_problems(asked, {key: value for key, value in values.items() if name != "nowhere in particular"}))
        items = rendered(asked, values)
        expect_none(api.problems(items))
        expect_none(fit_problems(items))
        expect_none(deployment.problems(items, values.get("kubeletPath", "/var/lib/kubelet")))
    holds.__name__ = f"a chart with {name} makes good objects"
    case(holds)


for variant in VARIANTS.items():
    variant_case(*variant)


@case
def variants_do_what_their_names_say(asked):
    made = {name: rendered(asked, values) for name, values in VARIANTS.items()}
    node = pod_spec(named(made["self registration"], "DaemonSet", "shoal-csi-node"))[1]
    expect(len(node["containers"]) == 1, "self registration has sidecars")
    expect(not of_kind(made["no controller"], "Deployment", "ClusterRole", "Role"), "a controller is there")
    monitor = of_kind(made["monitoring by operator"], "PodMonitor")[0]
    expect(monitor["metadata"]["labels"]["release"] == "prometheus", "the monitor lacks its label")
    plain = read(os.path.join(asked.root, "deploy", "monitoring", "podmonitor.yaml")).popitem()[1][0]
    expect_none(list(differences(plain["spec"], monitor["spec"])))
    expect(plain["metadata"]["namespace"] == NAMESPACE, "the plain PodMonitor is not where the pods are")
    expect_none(api.problems([plain]))
    for item in of_kind(made["monitoring by operator"], "DaemonSet", "Deployment"):
        expect(pod_spec(item)[0]["labels"].items() >= monitor["spec"]["selector"]["matchLabels"].items(), "not monitored")
        ports = [port["name"] for one in pod_spec(item)[1]["containers"] for port in one.get("ports", [])]
        expect("metrics" in ports, f"{item['metadata']['name']} has no port metrics")
    settings = VARIANTS["settings and keys of the node"]["agent"]["settings"]
    expect(named(made["settings and keys of the node"], "ConfigMap", "shoal-settings")["data"]["shoal.toml"] == settings, "settings changed")
    agent = deployment.container_of(made["agent on IPv6"], "shoal-agent", "agent")[1]
    expect(agent["livenessProbe"]["httpGet"]["host"] == "::1", "the probe asks another address")
    spec, agent = deployment.container_of(made["a cache disk"], "shoal-agent", "agent")
    expect({"name": "SHOAL_VOLUMES", "value": "/mnt/nvme/shoal"} in agent["env"], "volumes are elsewhere")


@case
def other_settings_restart_the_agent(asked):
    one, other = (pod_spec(named(rendered(asked, {"agent": {"settings": text}}), "DaemonSet", "shoal-agent"))[0]["annotations"]
                  for text in ("a = 1", "a = 2"))
    expect(one != other, "the pods are the same")


BAD = [({"agnet": {}}, "agnet"), ({"agent": {"statepath": "/x"}}, "statepath"), ({"kubeletPath": "var/lib/kubelet"}, "kubeletPath"),
       ({"kubeletPath": "/var/lib/kubelet/"}, "kubeletPath"), ({"log": {"level": "verbose"}}, "log.level"),
       ({"log": {"format": "xml"}}, "log.format"), ({"node": {"stageWait": 180}}, "stageWait"), ({"node": {"httpPort": 70000}}, "httpPort"),
       ({"node": {"registration": "none"}}, "registration"), ({"controller": {"enabled": "yes"}}, "enabled"),
       ({"driverName": "-x-"}, "driverName"), ({"agent": {"keeperCgroup": "/shoal"}}, "keeperCgroup"),
       ({"agent": {"keeperMemoryMax": "8Gi"}}, "keeperMemoryMax"), ({"agent": {"metricsAddress": "9464"}}, "metricsAddress"),
       ({"sidecars": {"provisioner": {"image": "csi-provisioner"}}}, "image"), ({"image": {"tag": 1.2}}, "image.tag"),
       ({"agent": {"dnsPolicy": "ClusterFirst"}}, "dnsPolicy")]


@case
def the_default_values_are_allowed(asked):
    expect_none(value_problems(asked, {}))


@case
def values_that_would_make_bad_objects_are_refused(asked):
    missed = []
    for values, expected in BAD:
        found = value_problems(asked, values)
        if not any(expected in line for line in found):
            missed.append(f"{values}: {found}")
    expect_none(missed)


def leaves(values, path=()):
    for key, value in values.items():
        if isinstance(value, dict) and value and not {"requests", "limits", "rollingUpdate", "nodeAffinity", "kubernetes.io/os"} & set(value):
            yield from leaves(value, path + (key,))
        else:
            yield path + (key,), value


# Another value for each setting whose type alone does not say one.
OTHER = {"format": "text", "level": "error", "pullPolicy": "Never", "inlineVolumeProfile": "restricted", "registration": "self",
         "keeperCgroup": "/sys/fs/cgroup/other", "keeperMemoryMax": "1", "metricsAddress": "127.0.0.1:1", "dnsPolicy": "Default",
         "interval": "9s", "image": "a:1", "extraEnv": [{"name": "A", "value": "b"}], "imagePullSecrets": [{"name": "a"}],
         "tolerations": [{"operator": "Exists", "key": "a"}], "updateStrategy": {"type": "OnDelete"}}


def another(path, value):
    if path[-1] in OTHER:
        return OTHER[path[-1]]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, list):
        return ["--a"]
    if isinstance(value, dict):
        return {"limits": {"cpu": "7"}} if path[-1] == "resources" else {"a": "b"}
    return "/other" if "Path" in path[-1] else "other"


@case
def every_value_has_an_effect(asked):
    base = {"monitoring": {"podMonitor": {"enabled": True}}}
    before = rendered_text(asked, base)
    idle, count = [], 0
    for path, value in leaves(merged(default_values(asked), base)):
        values = another(path, value)
        for key in reversed(path):
            values = {key: values}
        expect_none(value_problems(asked, values))
        count += 1
        if rendered_text(asked, merged(base, values)) == before:
            idle.append(".".join(path))
    expect(count > 50, f"only {count} values")
    expect_none(idle)


@case
def every_value_is_in_the_schema_and_the_other_way_round(asked):
    with open(chart(asked, "values.schema.json"), encoding="utf-8") as file:
        schema = json.load(file)

    def named_in(shape, path=()):
        if "$ref" in shape:
            shape = schema["definitions"][shape["$ref"].rsplit("/", 1)[1]]
            if "image" in shape.get("properties", {}):
                return {path + ("image",), path + ("resources",)}
            return {path}
        inner = shape.get("properties")
        return {found for key, one in inner.items() for found in named_in(one, path + (key,))} if inner else {path}

    values = {path for path, _ in leaves(default_values(asked))}
    expect_none([f"{'.'.join(path)} is only in one of the two" for path in values ^ (named_in(schema) - {("global",)})])


@case
def chart_and_project_have_one_version(asked):
    with open(os.path.join(asked.root, "CMakeLists.txt"), encoding="utf-8") as file:
        version = re.search(r"project\(shoal VERSION ([\d.]+)", file.read()).group(1)
    with open(chart(asked, "Chart.yaml"), encoding="utf-8") as file:
        about = yaml.safe_load(file)
    expect(str(about["version"]) == str(about["appVersion"]) == version, f"chart {about['version']}, {about['appVersion']}; project {version}")


@case
def notes_name_what_was_installed(asked):
    text = rendered_text(asked, {"driverName": "shoal.example.com"})
    notes = text[text.index("Source: NOTES.txt"):]
    notes = notes[:notes.find("\n---") if "\n---" in notes else None]
    expect("driver shoal.example.com" in notes and NAMESPACE in notes and "csi.shoal.dev" not in notes, notes)


run()
