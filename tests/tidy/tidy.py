#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads the tree and fails on what the rules of the house forbid.

Rules: the arrows between layers (LAYERS below, as in src/README.md), third-party headers only in the
folder that owns them, a README in every module, file sizes, words that must not be merged, an SPDX
line in every source file. Usage: tidy.py ROOT
"""
import os
import re
import sys

# layer (folder under src/): layers whose headers it may include
LAYERS = {
    "base": set(),
    "sys": {"base"},
    "http": {"base", "sys"},
    "format": {"base"},
    "store": {"base", "http", "format"},
    "index": {"base", "format", "store"},
    "image": {"base", "format", "index"},
    "cache": {"base", "sys", "format", "index"},
    "fetch": {"base", "sys", "format", "store", "index", "cache"},
    "prefetch": {"base", "format"},
    "volume": {"base", "sys", "http", "format", "store", "index", "image", "cache", "fetch", "prefetch"},
    "upload": {"base", "sys", "http", "format", "store"},
    "frontend/fuse": {"base", "sys", "volume"},
    "control": {"base", "sys", "volume"},
    "agent": {"base", "sys", "store", "volume", "control", "frontend/fuse"},
    "csi": {"base", "sys", "control", "agent"},
    "devbucket": {"base", "store"},
}

# header prefix: folders that may include it
THIRD_PARTY = {
    "toml++/": {"tools"},
    "liburing": {"sys"},
    "curl/": {"http"},
    "openssl/": {"store", "devbucket"},
    "expat": {"store", "devbucket"},
    "rocksdb/": {"index", "upload"},
    "google/protobuf": {"format", "csi"},
    "csi.pb.h": {"csi"},
    "csi.grpc.pb.h": {"csi"},
    "registration.grpc.pb.h": {"csi"},
    "grpc": {"csi"},
    "records.pb.h": {"format"},
    "upload.pb.h": {"format"},
    "xxhash": {"cache", "fetch"},
    "boost/": {"devbucket"},
    "httplib": {"control"},
    "linux/fuse": {"frontend/fuse"},
    "nlohmann/": {"frontend/fuse", "control", "agent", "csi", "devbucket", "tools"},
    "CLI/": {"csi", "devbucket", "tools"},
    "fmt/": {"http", "store", "index", "image", "cache", "fetch", "volume", "upload", "frontend/fuse", "control",
             "agent", "devbucket", "tools"},
}

BANS_EVERYWHERE = [
    (re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b"), "unfinished work: finish it or file an issue"),
    (re.compile(r"\b(?:sleep_for|usleep)\s*\("), "no sleeping to let things settle"),
]
BANS = BANS_EVERYWHERE + [
    (re.compile(r"\b(?:atoi|atol|stoi|stol|stoul|stoull|strcpy|sprintf)\s*\("), "use std::from_chars / fmt"),
    (re.compile(r"[^_]\bassert\s*\("), "use SHOAL_ASSERT"),
]

FILE_LINES_MAX = 800
HEADER_LINES_MAX = 300
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')


def layer_of(path):
    """Longest layer name that is a prefix of a path below src/."""
    best = None
    for name in LAYERS:
        if path.startswith(name + "/") and (best is None or len(name) > len(best)):
            best = name
    return best


def sources(root, folder, endings=(".h", ".cc")):
    for directory, _, names in os.walk(os.path.join(root, folder)):
        for name in sorted(names):
            if name.endswith(endings):
                yield os.path.relpath(os.path.join(directory, name), root)


def check_include(path, owner, quote, included, problems):
    """`owner` is the layer, or the top folder outside src/. Our own headers are included with ""."""
    for prefix, owners in THIRD_PARTY.items():
        if included.startswith(prefix) and owner not in owners:
            problems.append(f"{path}: includes <{included}>, which only {sorted(owners)} may")
    if owner not in LAYERS or quote == "<":
        return
    used = layer_of(included)
    if used and used != owner and used not in LAYERS[owner]:
        problems.append(f"{path}: forbidden arrow {owner} -> {used} (#include \"{included}\")")


def check_file(root, path, problems):
    with open(os.path.join(root, path), encoding="utf-8", errors="surrogateescape") as file:
        lines = file.read().split("\n")
    if "SPDX-License-Identifier: Apache-2.0" not in "\n".join(lines[:2]):
        problems.append(f"{path}: no SPDX line at the top")
    in_src = path.startswith("src/")
    owner = layer_of(path[4:]) if in_src else path.split("/")[0]
    if in_src and owner is None:
        problems.append(f"{path}: belongs to no layer; add its folder to LAYERS and src/README.md")
    limit = HEADER_LINES_MAX if path.endswith(".h") else FILE_LINES_MAX
    if len(lines) > limit:
        problems.append(f"{path}: {len(lines)} lines, more than {limit}: split it by state")
    for number, line in enumerate(lines, 1):
        found = INCLUDE.match(line)
        if found and owner != "tests" and owner != "bench":
            check_include(path, owner, found.group(1), found.group(2), problems)
        if path.endswith(".h") and re.match(r"\s*using namespace (?!std::)", line):
            problems.append(f"{path}:{number}: using namespace in a header")
        for pattern, reason in BANS if owner != "tests" else BANS_EVERYWHERE:
            if pattern.search(line) and "tidy-ok:" not in line:
                problems.append(f"{path}:{number}: {reason}: {line.strip()}")


def check_modules(root, problems):
    for name in LAYERS:
        folder = os.path.join(root, "src", name)
        if not os.path.isdir(folder):
            problems.append(f"src/{name}: the layer has no folder")
            continue
        readme = os.path.join(folder, "README.md")
        if not os.path.exists(readme):
            problems.append(f"src/{name}: no README.md")
        elif len(open(readme, encoding="utf-8").read().split("\n")) > 61:
            problems.append(f"src/{name}/README.md: over 60 lines")


def check_tree(root):
    problems = []
    for folder in ("src", "include", "tools", "bench", "tests"):
        for path in sources(root, folder):
            check_file(root, path, problems)
    check_modules(root, problems)
    allowed = {"CMakeLists.txt", "src", "include", "tools", "bench", "tests", "deploy", "README.md",
               "LICENSE", "build", "CMakePresets.json"}
    for name in os.listdir(root):
        if not name.startswith(".") and not name.startswith("build-") and name not in allowed:
            problems.append(f"{name}: does not belong at the top level")
    return problems


if __name__ == "__main__":
    found = check_tree(sys.argv[1])
    print("\n".join(found) if found else "tidy: no problem found")
    sys.exit(1 if found else 0)
