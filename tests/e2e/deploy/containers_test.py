# SPDX-License-Identifier: Apache-2.0
"""Goal: the container files would build, with packages that exist and nothing that is not named; the
scripts in the image do what they say.
Method: the instructions are read and held against the tree and against apt; the scripts are run here,
with the real programs and with made-up nodes."""
import os
import re
import shutil
import subprocess

from cases import Skip, case, expect, expect_none, run
from objects import read


def folder(asked):
    return os.path.join(asked.root, "deploy", "container")


def instructions(asked, name):
    """[(INSTRUCTION, rest)] of a container file."""
    with open(os.path.join(folder(asked), name), encoding="utf-8") as file:
        text = re.sub(r"\\\n", " ", "".join(line for line in file if not line.startswith("#")))
    return [tuple(line.split(None, 1)) for line in text.split("\n") if line.strip()]


FILES = ("Containerfile", "Containerfile.mnist")


@case
def container_files_copy_what_is_in_the_tree_and_run_what_they_copied(asked):
    problems = []
    for name in FILES:
        there = set()
        for word, rest in instructions(asked, name):
            if word == "FROM" and not re.search(r":(bookworm-slim|\d+\.\d+\.\d+)( AS \w+)?$", rest):
                problems.append(f"{name}: {rest} is not pinned")
            elif word == "FROM":
                there = set()
            elif word == "COPY" and "--from=" not in rest:
                *sources, target = rest.split()
                there.add(target)
                problems += [f"{name}: {source} is not in the tree" for source in sources
                             if not os.path.exists(os.path.join(asked.root, source))]
            elif word == "RUN":
                script = rest.split()[0]
                whole_tree = "." in there and os.path.exists(os.path.join(asked.root, script))
                if script not in there and not whole_tree:
                    problems.append(f"{name}: runs {script}, which it did not copy")
                if not os.access(os.path.join(folder(asked), os.path.basename(script)), os.X_OK):
                    problems.append(f"{name}: {script} cannot be executed")
            elif word in ("ADD", "MAINTAINER", "ONBUILD"):
                problems.append(f"{name}: {word}")
            if re.search(r"secret|password|curl |wget ", rest, re.I):
                problems.append(f"{name}: {rest}")
    expect_none(problems)


@case
def who_trains_is_not_root(asked):
    users = [rest for word, rest in instructions(asked, "Containerfile.mnist") if word == "USER"]
    expect(users == ["65532:65532"], users)


@case
def images_that_build_on_ours_have_our_version(asked):
    with open(os.path.join(asked.root, "CMakeLists.txt"), encoding="utf-8") as file:
        version = re.search(r"project\(shoal VERSION ([\d.]+)", file.read()).group(1)
    used = [rest for word, rest in instructions(asked, "Containerfile.mnist") if word == "FROM"]
    expect(used == [f"ghcr.io/shoal-dev/shoal:{version}"], used)
    texts = [open(os.path.join(folder(asked), name), encoding="utf-8").read() for name in FILES]
    versions = {found for text in texts for found in re.findall(r"ghcr.io/shoal-dev/[\w-]+:([\d.]+)", text)}
    expect(versions == {version}, versions)


@case
def the_build_context_has_what_the_build_needs(asked):
    with open(os.path.join(folder(asked), "Containerfile.dockerignore"), encoding="utf-8") as file:
        kept = {line[1:].strip() for line in file if line.startswith("!")}
    with open(os.path.join(asked.root, "CMakeLists.txt"), encoding="utf-8") as file:
        needed = set(re.findall(r"add_subdirectory\(([\w-]+)", file.read()))
    expect(len(needed) >= 2, needed)
    expect_none([f"{name} is not in the context" for name in sorted(needed | {"deploy", "include", "LICENSE"}) if name not in kept])


@case
def the_build_asks_for_nothing_that_the_build_stage_has_not(asked):
    with open(os.path.join(folder(asked), "build"), encoding="utf-8") as file:
        command = re.search(r"^ *(cmake -S .*)$", file.read(), re.M).group(1)
    absent = [word for word in packages_of(asked, "packages_tests") if word in ("libgtest-dev", "libbenchmark-dev")]
    expect(len(absent) == 2, f"other packages of tests: {absent}")
    without = [f"-DCMAKE_DISABLE_FIND_PACKAGE_{name}=TRUE" for name in ("GTest", "benchmark")]
    done = subprocess.run(["bash", "-c", f'root=$0; {command} -B "$1" "${{@:2}}"', asked.root, os.path.join(asked.lab, "configured"), *without],
                          capture_output=True, text=True)
    expect(done.returncode == 0, done.stderr[-2000:])


def packages_of(asked, variable):
    text = subprocess.run(["bash", "-c", f'. "$0" && echo ${variable}', os.path.join(asked.root, "tools", "setup.sh")],
                          capture_output=True, text=True, check=True).stdout
    return text.split()


@case
def every_package_exists_in_debian(asked):
    if not shutil.which("apt-cache") or "Package:" not in subprocess.run(["apt-cache", "show", "bash"], capture_output=True, text=True).stdout:
        raise Skip("no lists of packages here: apt-get update")
    names = packages_of(asked, "packages_build")
    names += [word for file in FILES for kind, rest in instructions(asked, file) if kind == "RUN" and "install-packages" in rest
              for word in rest.split("&&")[0].split()[1:] if word not in ("build", "listed") and not word.startswith("/")]
    expect(len(names) > 15 and "python3-numpy" in names, names)
    done = subprocess.run(["apt-cache", "show", "--no-all-versions"] + names, capture_output=True, text=True)
    found = set(re.findall(r"^Package: (\S+)", done.stdout, re.M))
    expect_none([f"{name} is no package" for name in names if name not in found])


def runtime_packages(asked, *files):
    return subprocess.run([os.path.join(folder(asked), "runtime-packages"), *files], capture_output=True, text=True)


@case
def packages_the_programs_need_are_found_out(asked):
    done = runtime_packages(asked, os.environ["SHOAL_PROGRAM"], os.environ["SHOAL_UPLOADER_LIBRARY"])
    expect(done.returncode == 0, done.stderr)
    names = done.stdout.split()
    expect(names == sorted(set(names)), "not sorted, or twice")
    expect({"libc6", "libstdc++6", "ca-certificates", "libssl3"} <= set(names), names)
    expect_none([f"{name}: for building only" for name in names if name.endswith("-dev")])
    # Complete: every library that is loaded belongs to one of them.
    for line in subprocess.run(["ldd", os.environ["SHOAL_PROGRAM"]], capture_output=True, text=True).stdout.split("\n"):
        found = re.search(r"=> (/\S+)", line)
        if found:
            owners = [subprocess.run(["dpkg-query", "-S", path], capture_output=True, text=True).stdout.split(":")[0]
                      for path in (found.group(1), os.path.realpath(found.group(1)), re.sub("^/usr", "", os.path.realpath(found.group(1))))]
            expect(set(owners) & set(names), f"{found.group(1)} is of {owners}")


@case
def a_program_that_is_none_is_an_error(asked):
    done = runtime_packages(asked, os.path.join(folder(asked), "Containerfile"))
    expect(done.returncode != 0 and "Containerfile" in done.stderr, done.stderr)


@case
def the_files_of_the_image_are_complete(asked):
    csi = os.environ["SHOAL_CSI_PROGRAM"]
    if not os.access(csi, os.X_OK):
        raise Skip(f"this build has no shoal-csi at {csi}")
    programs = os.path.join(asked.lab, "image-programs")
    os.makedirs(programs, exist_ok=True)
    for path, name in ((os.environ["SHOAL_PROGRAM"], "shoal"), (csi, "shoal-csi"),
                       (os.environ["SHOAL_UPLOADER_LIBRARY"], "libshoal_uploader.so")):
        shutil.copy(path, os.path.join(programs, name))
    out = os.path.join(asked.lab, "image")
    subprocess.run([os.path.join(folder(asked), "build"), out, "--programs", programs], check=True, capture_output=True)
    expect(subprocess.run([os.path.join(out, "usr/bin/shoal"), "--version"]).returncode == 0, "shoal does not run")
    # Every command the manifests give our image is in it.
    wanted = {line for items in read(os.path.join(asked.root, "deploy", "kubernetes", "*.yaml")).values() for item in items
              for line in re.findall(r"'command': \['(/[^']+)'", str(item))}
    expect(len(wanted) == 3, wanted)
    expect_none([f"{path} is not in the image" for path in wanted if not os.access(out + path, os.X_OK)])
    done = subprocess.run(["/usr/bin/python3", "-c", "import shoal_uploader"], capture_output=True, text=True,
                          env={"PYTHONPATH": out + "/usr/lib/shoal/python"})
    expect(done.returncode == 0, done.stderr)
    expect(os.path.getsize(out + "/usr/lib/shoal/runtime-packages") > 0, "no list of packages")


@case
def a_build_without_a_program_is_an_error(asked):
    empty = os.path.join(asked.lab, "no-programs")
    os.makedirs(empty, exist_ok=True)
    shutil.copy(os.path.realpath(os.environ["SHOAL_UPLOADER_LIBRARY"]), os.path.join(empty, "libshoal_uploader.so"))
    done = subprocess.run([os.path.join(folder(asked), "build"), os.path.join(asked.lab, "none"), "--programs", empty],
                          capture_output=True, text=True)
    expect(done.returncode == 1 and "no program" in done.stderr, done.stderr)


# ---- prepare-node, on nodes made of directories
def node(asked, name, **without):
    root = os.path.join(asked.lab, "nodes", name)
    files = {"fuse": "dev/fuse", "loop": "dev/loop-control", "erofs": "proc/filesystems", "cgroup": "sys/fs/cgroup/cgroup.controllers",
             "memory": "sys/fs/cgroup/shoal/memory.max"}
    for what, path in files.items():
        os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
        if not without.get(what):
            with open(os.path.join(root, path), "w", encoding="ascii") as file:
                file.write("nodev\tproc\n\terofs\n")
    open(os.path.join(root, "proc/filesystems"), "a", encoding="ascii").close()
    return root


def prepare(asked, root, *arguments):
    return subprocess.run([os.path.join(folder(asked), "prepare-node"), *arguments], capture_output=True, text=True,
                          env={"PATH": os.environ["PATH"], "PREPARE_ROOT": root})


@case
def a_good_node_gets_its_cgroup_and_limit(asked):
    root = node(asked, "good")
    for limit in ("8589934592", "max"):
        done = prepare(asked, root, "/sys/fs/cgroup/shoal", limit)
        expect(done.returncode == 0 and "ready" in done.stdout, done.stderr)
        with open(os.path.join(root, "sys/fs/cgroup/shoal/memory.max"), encoding="ascii") as file:
            expect(file.read().strip() == limit, "another limit")
    fresh = node(asked, "fresh", memory=True)
    shutil.rmtree(os.path.join(fresh, "sys/fs/cgroup/shoal"))
    expect(prepare(asked, fresh, "/sys/fs/cgroup/shoal").returncode == 0, "not made")
    expect(os.path.isdir(os.path.join(fresh, "sys/fs/cgroup/shoal")), "no directory")


@case
def what_a_node_lacks_is_said(asked):
    wanted = {"fuse": "/dev/fuse", "erofs": "CONFIG_EROFS_FS", "cgroup": "no cgroup-v2", "memory": "memory controller"}
    for what, words in wanted.items():
        done = prepare(asked, node(asked, "no-" + what, **{what: True}), "/sys/fs/cgroup/shoal", "1000")
        expect(done.returncode == 1 and words in done.stderr, f"{what}: {done.returncode} {done.stderr}")
    done = prepare(asked, node(asked, "no-loop", loop=True), "/sys/fs/cgroup/shoal", "max")
    expect(done.returncode == 0 and "6.12" in done.stderr, done.stderr)
    expect(prepare(asked, node(asked, "no-argument")).returncode == 1, "no argument, no error")


run()
