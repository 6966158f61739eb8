# SPDX-License-Identifier: Apache-2.0
"""Kubernetes objects as an API server and its controllers would see them: read from YAML, checked
against the API's field names, and for whether they fit together. Every check returns its problems as
a list of lines; an empty list means that all is well."""
import glob
import json
import os
import re

import jsonschema
import yaml

CLUSTER_KINDS = {"Namespace", "CSIDriver", "ClusterRole", "ClusterRoleBinding", "PersistentVolume", "StorageClass"}
PRIORITIES = {"system-node-critical", "system-cluster-critical"}
NAME = re.compile(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")
UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "": 1}


class StrictLoader(yaml.SafeLoader):
    """A key that is there twice is an error, as it is for the API server."""


def _mapping(loader, node, deep=False):
    keys = [loader.construct_object(key, deep=deep) for key, _ in node.value]
    twice = sorted({str(key) for key in keys if keys.count(key) > 1})
    if twice:
        raise yaml.YAMLError(f"key {', '.join(twice)} is there twice{node.start_mark}")
    return yaml.SafeLoader.construct_mapping(loader, node, deep)


StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG,
                             lambda loader, node: _mapping(loader, node, deep=True))


def parse(text):
    return [item for item in yaml.load_all(text, Loader=StrictLoader) if item is not None]


def read(pattern):
    """{path: objects} of the files a glob pattern names."""
    found = {}
    for path in sorted(glob.glob(pattern)):
        with open(path, encoding="utf-8") as file:
            found[path] = parse(file.read())
    return found


def title(item):
    return f"{item.get('kind')} {item.get('metadata', {}).get('name')}"


def of_kind(items, *kinds):
    return [item for item in items if item.get("kind") in kinds]


def named(items, kind, name):
    return next((item for item in of_kind(items, kind) if item["metadata"]["name"] == name), None)


class Api:
    """The API's field names and types (schema/kubernetes.json)."""

    def __init__(self):
        with open(os.path.join(os.path.dirname(__file__), "schema", "kubernetes.json"), encoding="utf-8") as file:
            self.schema = json.load(file)
        self.validators = {
            kind: jsonschema.Draft7Validator({"$ref": f"#/definitions/{name}",
                                              "definitions": self.schema["definitions"]})
            for kind, name in self.schema["kinds"].items()}

    def problems(self, items):
        lines = []
        for item in items:
            kind = f"{item.get('apiVersion')} {item.get('kind')}"
            if kind not in self.validators:
                lines.append(f"{kind} is no kind this tree may use")
                continue
            for error in self.validators[kind].iter_errors(item):
                where = "/".join(str(part) for part in error.absolute_path)
                lines.append(f"{title(item)}: {where}: {error.message}")
        return lines


def pod_spec(item):
    """The pod template's metadata and spec of a workload; None of anything else."""
    kind = item.get("kind")
    if kind == "Pod":
        return item["metadata"], item["spec"]
    if kind in ("DaemonSet", "Deployment", "Job"):
        template = item["spec"]["template"]
    elif kind == "CronJob":
        template = item["spec"]["jobTemplate"]["spec"]["template"]
    else:
        return None
    return template.get("metadata", {}), template["spec"]


def containers(spec):
    return spec.get("initContainers", []) + spec["containers"]


def inside(path, directory):
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def _check_container(where, container, spec):
    volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
    mounts = container.get("volumeMounts", [])
    privileged = container.get("securityContext", {}).get("privileged", False)
    for mount in mounts:
        if mount["name"] not in volumes:
            yield f"{where}: mounts the volume {mount['name']}, which the pod does not have"
        if mount.get("mountPropagation") == "Bidirectional" and not privileged:
            yield f"{where}: Bidirectional at {mount['mountPath']} needs a privileged container"
        for other in mounts:
            # The runtime's own mount would appear on the host, once more at each start.
            if other is not mount and other.get("mountPropagation") == "Bidirectional" and \
                    inside(mount["mountPath"], other["mountPath"]):
                yield f"{where}: {mount['mountPath']} lies below {other['mountPath']}, which is Bidirectional"
    ports = [port.get("name") for port in container.get("ports", [])]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        port = container.get(probe, {}).get("httpGet", {}).get("port")
        if isinstance(port, str) and port not in ports:
            yield f"{where}: {probe} asks the port {port}, which is not declared"
    variables = {variable["name"] for variable in container.get("env", [])}
    for text in container.get("command", []) + container.get("args", []):
        for name in re.findall(r"\$\(([A-Z_]+)\)", text):
            if name not in variables:
                yield f"{where}: $({name}) in {text} is no variable of the container"
    image = container.get("image", "")
    if not re.search(r":v?\d[\w.-]*$|@sha256:[0-9a-f]{64}$|:bookworm-slim$", image):
        yield f"{where}: the image {image} is not pinned to a version"
    if "requests" not in container.get("resources", {}):
        yield f"{where}: says not what it needs (resources.requests)"


def _check_pod(item, items):
    metadata, spec = pod_spec(item)
    where = title(item)
    used = {mount["name"] for container in containers(spec) for mount in container.get("volumeMounts", [])}
    for volume in spec.get("volumes", []):
        if volume["name"] not in used:
            yield f"{where}: nobody mounts the volume {volume['name']}"
        if "hostPath" in volume and not volume["hostPath"].get("type"):
            yield f"{where}: the hostPath {volume['name']} has no type"
        claim = volume.get("persistentVolumeClaim", {}).get("claimName")
        if claim and not named(items, "PersistentVolumeClaim", claim):
            yield f"{where}: the claim {claim} is nowhere"
        config = volume.get("configMap", {}).get("name")
        if config and not named(items, "ConfigMap", config):
            yield f"{where}: the ConfigMap {config} is nowhere"
    account = spec.get("serviceAccountName")
    if account and not named(items, "ServiceAccount", account):
        yield f"{where}: the ServiceAccount {account} is nowhere"
    priority = spec.get("priorityClassName")
    if priority and priority not in PRIORITIES:
        yield f"{where}: the priority class {priority} is not one every cluster has"
    selector = item["spec"].get("selector", {}).get("matchLabels") if item["kind"] in ("DaemonSet", "Deployment") else {}
    for key, value in (selector or {}).items():
        if metadata.get("labels", {}).get(key) != value:
            yield f"{where}: selects {key}={value}, which its own pods do not have"
    ports = [port["containerPort"] for container in containers(spec) for port in container.get("ports", [])]
    for port in sorted({port for port in ports if ports.count(port) > 1}):
        yield f"{where}: two containers listen on {port}"
    for container in containers(spec):
        yield from _check_container(f"{where}, {container['name']}", container, spec)
        for variable in container.get("env", []):
            yield from _check_secret(f"{where}, {variable['name']}", items,
                                     variable.get("valueFrom", {}).get("secretKeyRef"))


def _check_secret(where, items, reference):
    """A Secret that is named must be among the objects, with the key that is named."""
    if not reference:
        return
    secret = named(items, "Secret", reference["name"])
    if not secret:
        yield f"{where}: the Secret {reference['name']} is nowhere"
    elif "namespace" in reference and secret["metadata"].get("namespace") != reference["namespace"]:
        yield f"{where}: the Secret {reference['name']} is not in the namespace {reference['namespace']}"
    elif "key" in reference and reference["key"] not in secret.get("stringData", {}):
        yield f"{where}: the Secret {reference['name']} has no {reference['key']}"


def _check_roles(items):
    for binding in of_kind(items, "RoleBinding", "ClusterRoleBinding"):
        role = binding["roleRef"]
        if not named(items, role["kind"], role["name"]):
            yield f"{title(binding)}: the {role['kind']} {role['name']} is nowhere"
        for subject in binding["subjects"]:
            account = named(items, subject["kind"], subject["name"])
            if not account or account["metadata"].get("namespace") != subject.get("namespace"):
                yield f"{title(binding)}: the {subject['kind']} {subject['namespace']}/{subject['name']} is nowhere"


def quantity(text):
    number, unit = re.fullmatch(r"(\d+)([KMGT]i)?", str(text)).groups()
    return int(number) * UNITS[unit or ""]


def _is_bound(claim, volume):
    spec, wanted = volume["spec"], claim["spec"]
    reference = spec.get("claimRef")
    labels = wanted.get("selector", {}).get("matchLabels")
    return (wanted.get("volumeName") == volume["metadata"]["name"] and reference is not None
            and (reference["name"], reference["namespace"]) ==
            (claim["metadata"]["name"], claim["metadata"]["namespace"])) or \
        (bool(labels) and labels.items() <= volume["metadata"].get("labels", {}).items())


def _check_claims(items):
    volumes = of_kind(items, "PersistentVolume")
    handles = [volume["spec"]["csi"]["volumeHandle"] for volume in volumes]
    for handle in sorted({handle for handle in handles if handles.count(handle) > 1}):
        yield f"two volumes have the handle {handle}"
    for claim in of_kind(items, "PersistentVolumeClaim"):
        if named(items, "StorageClass", claim["spec"].get("storageClassName")):
            continue
        found = [volume for volume in volumes if _is_bound(claim, volume)]
        if len(found) != 1:
            yield f"{title(claim)}: {len(found)} volumes fit, where one should"
            continue
        spec = found[0]["spec"]
        if not set(claim["spec"]["accessModes"]) <= set(spec["accessModes"]):
            yield f"{title(claim)}: wants {claim['spec']['accessModes']} of {title(found[0])}"
        if quantity(claim["spec"]["resources"]["requests"]["storage"]) > quantity(spec["capacity"]["storage"]):
            yield f"{title(claim)}: wants more than {title(found[0])} says it has"
    for volume in volumes:
        for name in ("nodePublishSecretRef", "nodeStageSecretRef"):
            yield from _check_secret(f"{title(volume)}, {name}", items, volume["spec"]["csi"].get(name))


def fit_problems(items):
    """Whether the objects fit together; their fields must have been checked before."""
    lines = []
    names = [(item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"]) for item in items]
    lines += [f"{kind} {name} is there twice" for kind, _, name in sorted(set(names), key=str)
              if names.count((kind, _, name)) > 1]
    for item in items:
        if not NAME.fullmatch(item["metadata"]["name"]):
            lines.append(f"{title(item)}: no name for an object")
        if (item["kind"] in CLUSTER_KINDS) == ("namespace" in item["metadata"]):
            lines.append(f"{title(item)}: a namespace where none belongs, or none where one does")
        if pod_spec(item):
            lines += _check_pod(item, items)
    return lines + list(_check_roles(items)) + list(_check_claims(items))
