# SPDX-License-Identifier: Apache-2.0
"""Reads Prometheus expositions and says what is wrong with them.

  exposition.py value FILE 'name{label="v"}'   prints the sample's value
  exposition.py labels FILE...                 every label's values are few and of a known set
  exposition.py monitoring DIR FILE...         rules and dashboard of DIR ask for nothing but what the files hold
  exposition.py queries DASHBOARD OUT          the dashboard's expressions as recording rules, for promtool
"""
import json
import re
import sys

SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"(?:,|$)')

# Every label there may be, what it may say, and how many values it may have in one exposition.
# `volume` is bounded by --max-volumes of the agent.
LABELS = {
    "le": (r"\+Inf|[0-9.e+-]+", 40),
    "op": (r"get|head|list|put|create_upload|upload_part|complete_upload|abort_upload|list_uploads|append|delete|copy", 12),
    "code": (r"2xx|3xx|4xx|5xx|no_answer|given_up|[A-Z_]+", 20),
    "reason": (r"throttled|timeout|unavailable|corrupt|other", 5),
    "policy": (r"[a-z][a-z-]{0,20}", 10),
    "version": (r"[0-9A-Za-z.+~-]{1,40}", 2),
    "phase": (r"[a-z_]{1,20}", 10),
    "rpc": (r"[A-Z][A-Za-z]{1,50}", 30),
    "result": (r"[a-z_]{1,20}", 10),
    "driver": (r"[a-z0-9.-]{1,63}", 1),
    "volume": (r"[^\n]{1,256}", 1000),
}
# What Prometheus adds to what it scrapes, and what the examples in deploy/ do.
SCRAPED = {"instance", "job", "namespace", "pod", "node"}


def samples(path):
    for line in open(path, encoding="utf-8"):
        if line.startswith("#") or not line.strip():
            continue
        found = SAMPLE.match(line.rstrip("\n"))
        if not found:
            sys.exit(f"{path}: no sample: {line!r}")
        name, labels, value = found.groups()
        yield name, dict(LABEL.findall(labels or "")), float(value)


def value(path, wanted):
    name, labels = re.match(r'^([a-z_]+)(?:\{(.*)\})?$', wanted).groups()
    labels = dict(LABEL.findall(labels or ""))
    found = [v for n, l, v in samples(path) if n == name and all(l.get(k) == x for k, x in labels.items())]
    if len(found) != 1:
        sys.exit(f"{wanted}: {len(found)} samples in {path}")
    print(int(found[0]) if found[0] == int(found[0]) else found[0])


def check_labels(paths):
    problems, count = [], 0
    for path in paths:
        seen = {}
        for name, labels, _ in samples(path):
            count += 1
            for label, text in labels.items():
                if label not in LABELS:
                    problems.append(f"{path}: {name} has the label {label}, which nobody bounds")
                    continue
                if not re.fullmatch(LABELS[label][0], text):
                    problems.append(f"{path}: {name} has {label}={text!r}")
                seen.setdefault(label, set()).add(text)
        problems += [f"{path}: {len(v)} values of {k}" for k, v in seen.items() if v and len(v) > LABELS[k][1]]
    return problems + ([] if count > 100 else [f"only {count} samples: that is no real exposition"])


def expressions_of_dashboard(dashboard):
    """(where, expression) of every query, variables replaced by what they may be."""
    found = []
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            found.append((panel["title"], target["expr"]))
    for variable in dashboard["templating"]["list"]:
        query = variable.get("query")
        text = query.get("query") if isinstance(query, dict) else query
        if variable["type"] == "query":
            inner = re.fullmatch(r"label_values\((.+), *(\w+)\)", text)
            found.append((variable["name"], f"count by ({inner.group(2)}) ({inner.group(1)})"))
    for place, expression in found:
        expression = expression.replace("$__rate_interval", "5m").replace("$__range", "1h")
        expression = re.sub(r"\$\{?(\w+)\}?", ".*", expression)
        yield place, expression


def check_expression(place, expression, known):
    problems = []
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression)
    names = re.findall(r"\b((?:shoal|process)_[a-z0-9_]+|up)\b", bare)
    if not names:
        problems.append(f"{place}: asks for no metric: {expression}")
    labels_known = set(SCRAPED)
    for name in names:
        if name == "up":
            continue
        if name not in known:
            problems.append(f"{place}: no exposition has {name}")
        labels_known |= known.get(name, set())
    for name, inside in re.findall(r"\b((?:shoal|process)_[a-z0-9_]+|up)\{([^}]*)\}", bare):
        for label in re.findall(r"(\w+) *(?:=~|!~|!=|=)", inside):
            if label not in known.get(name, set()) | SCRAPED:
                problems.append(f"{place}: {name} has no label {label}")
    for inside in re.findall(r"\b(?:by|on|ignoring|without|group_left) *\(([^)]*)\)", bare):
        for label in filter(None, re.split(r"[ ,]+", inside)):
            if label not in labels_known:
                problems.append(f"{place}: grouped by {label}, which nothing here has")
    return problems


def check_monitoring(folder, paths):
    import yaml
    known = {}
    for path in paths:
        for name, labels, _ in samples(path):
            known.setdefault(name, set()).update(labels)
    problems, asked = [], 0
    rules = yaml.safe_load(open(f"{folder}/shoal.rules.yaml"))
    for group in rules["groups"]:
        for rule in group["rules"]:
            asked += 1
            problems += check_expression(rule.get("alert") or rule["record"], rule["expr"], known)
            if "alert" in rule:
                for part, field in (("labels", "severity"), ("annotations", "summary"), ("annotations", "description")):
                    if not rule.get(part, {}).get(field):
                        problems.append(f"{rule['alert']}: no {field}")
                tested = set(re.findall(r"alertname: (\w+)", open(f"{folder}/shoal.rules.test.yaml").read()))
                if rule["alert"] not in tested:
                    problems.append(f"{rule['alert']}: no test in shoal.rules.test.yaml")
    dashboard = json.load(open(f"{folder}/dashboard.json"))
    problems += check_shape(dashboard)
    for place, expression in expressions_of_dashboard(dashboard):
        asked += 1
        problems += check_expression(place, expression, known)
    return problems + ([] if asked > 30 else [f"only {asked} expressions found"])


def check_shape(dashboard):
    """What Grafana wants of a dashboard it imports, and no two panels on one place."""
    problems, ids, cells = [], set(), {}
    for field in ("title", "uid", "schemaVersion", "panels", "templating", "time", "refresh"):
        if field not in dashboard:
            problems.append(f"dashboard: no {field}")
    for panel in dashboard["panels"]:
        title = panel["title"]
        if panel["id"] in ids:
            problems.append(f"{title}: its id is another panel's")
        ids.add(panel["id"])
        place = panel["gridPos"]
        if place["x"] + place["w"] > 24:
            problems.append(f"{title}: beyond the 24 columns")
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                if (x, y) in cells:
                    problems.append(f"{title}: lies on {cells[x, y]}")
                cells[x, y] = title
        if panel["type"] == "row":
            continue
        if not panel.get("description"):
            problems.append(f"{title}: no description")
        if panel.get("datasource", {}).get("uid") != "${datasource}":
            problems.append(f"{title}: a data source of its own")
        if not panel.get("fieldConfig", {}).get("defaults", {}).get("unit"):
            problems.append(f"{title}: no unit")
        if len({target["refId"] for target in panel["targets"]}) != len(panel["targets"]):
            problems.append(f"{title}: two queries of one name")
    return problems


def write_queries(path, out):
    rules = [{"record": f"check:{number}", "expr": expression}
             for number, (_, expression) in enumerate(expressions_of_dashboard(json.load(open(path))))]
    json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, open(out, "w"))  # JSON is YAML


if __name__ == "__main__":
    verb, arguments = sys.argv[1], sys.argv[2:]
    if verb == "value":
        value(*arguments)
    elif verb == "queries":
        write_queries(*arguments)
    else:
        found = check_labels(arguments) if verb == "labels" else check_monitoring(arguments[0], arguments[1:])
        print("\n".join(found) if found else "nothing wrong")
        sys.exit(1 if found else 0)
