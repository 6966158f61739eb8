#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes kubernetes.json: the field names and types of the Kubernetes objects this tree uses.

    generate.py DIR > kubernetes.json

DIR is where these npm packages were unpacked, each in the folder of its own name:

    npm pack kubernetes-models@5.1.0 @kubernetes-models/apimachinery@3.0.2 \\
             @kubernetes-models/prometheus-operator@6.0.0
    mkdir core apimachinery prometheus-operator     # and `tar xzf X.tgz -C FOLDER` each

They are TypeScript declarations made from the OpenAPI document of Kubernetes 1.36 and from the
prometheus-operator's resource definitions. What is written is JSON Schema without the prose, reduced
to what the kinds below refer to; a field that is not declared is not allowed. No number of these
kinds is a fraction, so `number` becomes integer, except where a quantity may be written as one.
"""
import json
import os
import re
import sys

KINDS = {
    "core": {
        "v1": ["Namespace", "Secret", "ConfigMap", "ServiceAccount", "PersistentVolume",
               "PersistentVolumeClaim", "Pod"],
        "apps/v1": ["DaemonSet", "Deployment"],
        "batch/v1": ["Job", "CronJob"],
        "storage.k8s.io/v1": ["CSIDriver", "StorageClass"],
        "rbac.authorization.k8s.io/v1": ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"],
    },
    "prometheus-operator": {"monitoring.coreos.com/v1": ["PodMonitor"]},
}
SPECIAL = {"IoK8sApimachineryPkgApiResourceQuantity": {"type": ["string", "number"]},
           "IoK8sApimachineryPkgUtilIntstrIntOrString": {"type": ["string", "integer"]}}
TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[A-Za-z_$][\w$.]*|\d+|[{}\[\]<>()|:;?,])')


class Parser:
    """One TypeScript type, as tokens, to JSON Schema."""

    def __init__(self, text):
        self.tokens = TOKEN.findall(text)
        self.at = 0

    def take(self, *wanted):
        token = self.tokens[self.at]
        if wanted and token not in wanted:
            raise ValueError(f"{token!r} where {wanted} was expected: {self.tokens[self.at - 5:self.at + 5]}")
        self.at += 1
        return token

    def skip(self, token):
        if self.at < len(self.tokens) and self.tokens[self.at] == token:
            self.at += 1
            return True
        return False

    def type(self):
        choices = [self.one()]
        while self.skip("|"):
            choices.append(self.one())
        literals = [value for choice in choices for value in choice.get("enum", [])]
        rest = [choice for choice in choices if "enum" not in choice]
        if literals:
            rest.append({"enum": literals})
        return rest[0] if len(rest) == 1 else {"anyOf": rest}

    def one(self):
        token = self.take()
        if token == "{":
            return self.members()
        if token == "(":
            inner = self.type()
            self.take(")")
            return inner
        if token.startswith('"'):
            return {"enum": [json.loads(token)]}
        if token == "Array":
            self.take("<")
            inner = self.type()
            self.take(">")
            return {"type": "array", "items": inner}
        if token in ("any", "unknown", "object"):
            return {}
        if token in ("string", "boolean"):
            return {"type": token}
        if token == "number":
            return {"type": "integer"}
        return {"$ref": "#/definitions/" + token[1:]}

    def members(self):
        shape = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
        while not self.skip("}"):
            if self.skip("["):
                self.at += 3  # key : string
                self.take("]")
                self.take(":")
                shape["additionalProperties"] = self.type()
            else:
                name = self.take()
                name = json.loads(name) if name.startswith('"') else name
                if not self.skip("?"):
                    shape["required"].append(name)
                self.take(":")
                shape["properties"][name] = self.type()
            self.skip(";")
        return {key: value for key, value in shape.items() if value not in ([], {}) or key == "type"}


def declarations(root):
    """{full name, as IoK8sApiCoreV1Pod: TypeScript text of its type}"""
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            if not name.endswith(".d.ts") or name == "index.d.ts" or "_schemas" in folder:
                continue
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
            alias = re.search(r"export type \{ I(\w+) as I(\w+)", text)
            body = re.search(r"export interface I\w+(?: extends \w+)? (\{.*?\n\})", text, re.S) or \
                re.search(r"export type I\w+ = (.*?);", text, re.S)
            if alias and body:
                found[alias.group(2)] = body.group(1)
    return found


def references(shape):
    if isinstance(shape, dict):
        for key, value in shape.items():
            if key == "$ref":
                yield value.rsplit("/", 1)[1]
            else:
                yield from references(value)
    elif isinstance(shape, list):
        for value in shape:
            yield from references(value)


def full_name(folder, group_version, kind):
    with open(os.path.join(folder, group_version, kind + ".d.ts"), encoding="utf-8") as file:
        return re.search(r"export type \{ I\w+ as I(\w+)", file.read()).group(1)


def main():
    base = sys.argv[1]
    texts = {}
    for package in ("core", "apimachinery", "prometheus-operator"):
        texts.update(declarations(os.path.join(base, package, "package")))
    kinds, wanted = {}, []
    for package, versions in KINDS.items():
        for version, names in versions.items():
            for kind in names:
                name = full_name(os.path.join(base, package, "package"), version, kind)
                kinds[f"{version} {kind}"] = name
                wanted.append(name)
    definitions = {}
    while wanted:
        name = wanted.pop()
        if name not in definitions:
            definitions[name] = SPECIAL.get(name) or Parser(texts[name]).type()
            wanted.extend(references(definitions[name]))
    print('{"generator": "generate.py beside this file", "kinds": ' + json.dumps(kinds) + ',\n"definitions": {')
    print(",\n".join(f'"{name}": {json.dumps(definitions[name])}' for name in sorted(definitions)))
    print("}}")


if __name__ == "__main__":
    main()
