# SPDX-License-Identifier: Apache-2.0
"""Goal: the examples would be taken by a cluster, their volumes mean what they say to the driver, and
their programs do on real data what their comments promise.
Method: the API's field names and the rules of objects.py; the driver's own parser (shoal-csi
--check-attributes); each example's command, with its environment expanded as kubelet does it, run on
local directories and on a dev bucket in place of the volumes and the service."""
import copy
import json
import os
import re
import shutil
import subprocess

from cases import Skip, Wrong, case, expect, expect_none, run
from objects import Api, fit_problems, named, of_kind, pod_spec, quantity, read, title

api = Api()
DRIVER = "csi.shoal.dev"
# A read-only ossfs volume as its users have it, which has to work with another driver name.
OSSFS_VOLUME = {
    "nodePublishSecretRef": {"name": "oss-secret", "namespace": "default"},
    "volumeAttributes": {"bucket": "my-bucket", "url": "oss-cn-beijing.aliyuncs.com", "path": "/tf-train/train/data",
                         "otherOpts": "-o kernel_cache -o max_stat_cache_size=10000 -o umask=022 -o allow_other"},
    "volumeHandle": "tf-train-pv",
}
# Keys of Kubernetes itself among the parameters of a StorageClass.
STAGE_SECRET = "csi.storage.k8s.io/node-stage-secret-"


def examples(asked):
    found = read(os.path.join(asked.root, "deploy", "kubernetes", "examples", "*.yaml"))
    return {os.path.basename(path): items for path, items in found.items()}


def example(asked, name):
    return examples(asked)[name + ".yaml"]


@case
def every_field_of_the_examples_is_one_of_the_api(asked):
    expect(len(examples(asked)) >= 7, f"only {sorted(examples(asked))}")
    expect_none([f"{name}: {line}" for name, items in examples(asked).items() for line in api.problems(items)])


@case
def the_objects_of_each_example_fit_together(asked):
    expect_none([f"{name}: {line}" for name, items in examples(asked).items() for line in fit_problems(items)])


@case
def a_claim_that_no_volume_fits_is_found(asked):
    for plant, expected in ((lambda items: named(items, "PersistentVolumeClaim", "minute-bars")["spec"].update(volumeName="x"), "0 volumes fit"),
                            (lambda items: named(items, "PersistentVolumeClaim", "minute-bars")["spec"].update(accessModes=["ReadWriteMany"]), "wants"),
                            (lambda items: named(items, "Secret", "market-data-reader")["metadata"].update(name="y"), "is nowhere")):
        items = copy.deepcopy(example(asked, "backtest-job"))
        plant(items)
        expect(any(expected in line for line in fit_problems(items)), f"{expected}: {fit_problems(items)}")


def volumes(items):
    """(what, attributes, secrets, mount options, access modes, ephemeral) of every volume of ours."""
    def secret(reference):
        return named(items, "Secret", reference["name"])["stringData"] if reference else {}

    for item in of_kind(items, "PersistentVolume"):
        csi = item["spec"]["csi"]
        if csi["driver"] == DRIVER:
            yield (title(item), csi["volumeAttributes"],
                   secret(csi.get("nodePublishSecretRef") or csi.get("nodeStageSecretRef")),
                   item["spec"].get("mountOptions", []), item["spec"]["accessModes"], False)
    for item in of_kind(items, "StorageClass"):
        given = item["parameters"]
        expect(item["provisioner"] == DRIVER, f"{title(item)}: {item['provisioner']}")
        yield (title(item), {name: value for name, value in given.items() if not name.startswith("csi.storage.k8s.io/")},
               secret({"name": given[STAGE_SECRET + "name"]}), item.get("mountOptions", []), ["ReadOnlyMany"], False)
    for item in items:
        for volume in (pod_spec(item) or ({}, {}))[1].get("volumes", []):
            if volume.get("csi", {}).get("driver") == DRIVER:
                csi = volume["csi"]
                yield title(item), csi["volumeAttributes"], secret(csi.get("nodePublishSecretRef")), [], ["ReadWriteOnce"], True


@case
def volumes_of_ours_are_read_only_and_never_deleted(asked):
    count = 0
    for name, items in examples(asked).items():
        for item in of_kind(items, "PersistentVolume"):
            if item["spec"]["csi"]["driver"] == DRIVER:
                count += 1
                expect(item["spec"]["accessModes"] == ["ReadOnlyMany"], f"{name}: {title(item)} is to be written")
                expect(item["spec"]["persistentVolumeReclaimPolicy"] == "Retain", f"{name}: {title(item)}")
        for item in of_kind(items, "StorageClass"):
            expect(item["reclaimPolicy"] == "Retain", f"{name}: {title(item)}")
    expect(count >= 5, f"only {count} volumes")


@case
def only_the_driver_name_of_an_ossfs_volume_changes(asked):
    for name in ("mnist-shoal-and-ossfs", "mnist-shoal-and-uploader"):
        csi = named(example(asked, name), "PersistentVolume", "tf-train-pv")["spec"]["csi"]
        expect(csi == OSSFS_VOLUME | {"driver": DRIVER}, f"{name}: {csi}")
        secret = named(example(asked, name), "Secret", "oss-secret")["stringData"]
        expect(sorted(secret) == ["akId", "akSecret"], f"{name}: {sorted(secret)}")


@case
def no_example_has_a_key_in_it(asked):
    for name, items in examples(asked).items():
        for item in of_kind(items, "Secret"):
            expect(all(value.startswith("replace-with-your-") for value in item["stringData"].values()), f"{name}: {title(item)}")


@case
def the_read_me_names_every_example_and_no_other(asked):
    with open(os.path.join(asked.root, "deploy", "kubernetes", "README.md"), encoding="utf-8") as file:
        said = set(re.findall(r"examples/([\w-]+\.yaml)", file.read()))
    expect_none([f"{name} is only in one of the two" for name in sorted(said ^ set(examples(asked)))])


# ---- what volumes mean to the driver
def check_attributes(document):
    program = os.environ["SHOAL_CSI_PROGRAM"]
    if not os.access(program, os.X_OK):
        raise Skip(f"this build has no shoal-csi at {program}")
    return subprocess.run([program, "--check-attributes", "-"], input=json.dumps(document), capture_output=True, text=True, timeout=30)


def document(attributes, secrets, options=(), modes=("ReadOnlyMany",)):
    return {"volumeAttributes": attributes, "secrets": secrets, "mountOptions": list(options), "accessModes": list(modes)}


@case
def the_driver_takes_the_volumes_of_all_examples(asked):
    problems, count = [], 0
    for name, items in examples(asked).items():
        for what, attributes, secrets, options, modes, inline in volumes(items):
            if inline:
                attributes = attributes | {"csi.storage.k8s.io/ephemeral": "true"}
            done = check_attributes(document(attributes, secrets, options, modes))
            count += 1
            if done.returncode != 0:
                problems.append(f"{name}: {what}: exit code {done.returncode}: {done.stderr or done.stdout}")
                continue
            said = json.loads(done.stdout)
            # What is carried over from ossfs is said to have no effect; our own examples have no such thing.
            if said["warnings"] and "otherOpts" not in attributes:
                problems.append(f"{name}: {what}: warnings: {said['warnings']}")
            for value in secrets.values():
                if value in done.stdout + done.stderr:
                    problems.append(f"{name}: {what}: a key is printed")
    expect(count >= 7, f"only {count} volumes")
    expect_none(problems)


@case
def an_ossfs_volume_means_the_same_dataset(asked):
    done = check_attributes(document(OSSFS_VOLUME["volumeAttributes"], {"akId": "a", "akSecret": "b"}))
    expect(done.returncode == 0, done.stderr)
    said = json.loads(done.stdout)
    expect(said["spec"]["source"].rstrip("/") == "oss://my-bucket/tf-train/train/data", said)
    expect(said["spec"]["umask"] in ("022", "0022"), said)
    expect(any("kernel_cache" in line or "max_stat_cache_size" in line for line in said["warnings"]), said)


@case
def the_driver_refuses_what_no_example_should_have(asked):
    bad = [({"bucket": "b", "url": "oss-cn-beijing.aliyuncs.com", "path": "no-slash"}, {}),
           ({"bucket": "b", "url": "oss-cn-beijing.aliyuncs.com", "otherOpts": "kernel_cache"}, {}),
           ({"source": "s3://b/p", "cacheSize": "many"}, {}), ({"source": "s3://b/p"}, {"akId": "only-half"}),
           ({"source": "file:///etc"}, {}), ({}, {})]
    taken = []
    for attributes, secrets in bad:
        done = check_attributes(document(attributes, secrets))
        if done.returncode != 1 or not done.stderr + done.stdout:
            taken.append(f"{attributes} {secrets}: exit code {done.returncode}")
    expect_none(taken)


# ---- what the programs of the examples do
def expanded(text, variables):
    return re.sub(r"\$\(([A-Z_]+)\)", lambda found: variables.get(found.group(1), found.group(0)), text)


def container_of(items, kind):
    item = of_kind(items, kind)[0]
    return item, pod_spec(item)[1]["containers"][0]


def variables_of(items, container, changed=()):
    """The environment as kubelet makes it, Secrets looked up."""
    found = {}
    for one in container.get("env", []):
        reference = one.get("valueFrom", {}).get("secretKeyRef")
        found[one["name"]] = named(items, "Secret", reference["name"])["stringData"][reference["key"]] if reference else one["value"]
    return found | dict(changed)


def execute(container, variables, places, programs=()):
    """Runs a container's command with directories of this machine in place of its mounts."""
    command = [expanded(text, variables) for text in container["command"] + container.get("args", [])]
    # Longest first: /mnt/train/data before /mnt.
    for place, directory in sorted(places.items(), key=lambda pair: -len(pair[0])):
        command = [re.sub(re.escape(place) + r"(?![\w-])", directory, text) for text in command]
    command = [dict(programs).get(text, text) for text in command]
    environment = {"PATH": os.environ["PATH"]} | {name: re.sub(r"^/scratch", places.get("/scratch", "/scratch"), value)
                                                  for name, value in variables.items()}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    if done.returncode != 0:
        raise Wrong(f"{command}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def make_bars(asked):
    made = os.path.join(asked.lab, "made")
    if not os.path.isdir(made):
        program = os.path.join(os.path.dirname(os.environ["SHOAL_PROGRAM"]), "shoal-make-dataset")
        subprocess.run([program, made, "--symbols", "10", "--days", "4", "--logs", "1"], check=True, capture_output=True)
        shutil.rmtree(os.path.join(made, "logs"))  # the rest is SYMBOL/DATE.csv
    return made


@case
def shares_of_the_back_test_make_up_the_whole(asked):
    items = example(asked, "backtest-job")
    job, container = container_of(items, "Job")
    bars = make_bars(asked)
    program = os.path.join(asked.lab, "app")
    os.makedirs(program, exist_ok=True)
    with open(os.path.join(program, "backtest.py"), "w", encoding="utf-8") as file:
        file.write(named(items, "ConfigMap", "backtest")["data"]["backtest.py"])
    variables = variables_of(items, container)
    expect(int(variables["SHARES"]) == job["spec"]["completions"] == job["spec"]["parallelism"], "shares and pods differ")
    total = 0
    for index in range(3):
        said = execute(container, variables | {"SHARES": "3", "JOB_COMPLETION_INDEX": str(index)},
                       {"/data": bars, "/app": program}, {"python3": "/usr/bin/python3"})
        total += int(re.search(r"(\d+) files", said).group(1))
    files = sum(len(names) for folder, _, names in os.walk(bars) if folder != bars)
    expect(total == files > 0, f"{total} of {files} files")


@case
def log_analysis_counts_the_errors(asked):
    import gzip
    logs = os.path.join(asked.lab, "logs")
    for name, lines in (("a/1.gz", ["ok", "ERROR x", "ERROR y"]), ("a/2.gz", ["ok"]), ("b c/3.gz", ["ERROR"])):
        os.makedirs(os.path.dirname(os.path.join(logs, name)), exist_ok=True)
        with gzip.open(os.path.join(logs, name), "wt") as file:
            file.write("\n".join(lines) + "\n")
    _, container = container_of(example(asked, "log-analysis-cronjob"), "CronJob")
    expect(execute(container, {}, {"/logs": logs}) == "2 ./a/1.gz\n1 ./b c/3.gz\n", "other counts")


@case
def the_warm_up_reads_every_file(asked):
    items = example(asked, "warm-up-job")
    job, container = container_of(items, "Job")
    bars = make_bars(asked)
    files = sum(len(names) for _, _, names in os.walk(bars))
    expect(execute(container, {}, {"/data": bars}) == f"read {files} files\n", "other files")
    rules = pod_spec(job)[1]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    expect(rules[0]["labelSelector"]["matchLabels"].items() <= pod_spec(job)[0]["labels"].items(), "two may share a node")
    volume = named(items, "PersistentVolume", "images")["spec"]
    expect(quantity(re.sub(r"G$", "Gi", volume["csi"]["volumeAttributes"]["cacheSize"])) > quantity(volume["capacity"]["storage"]),
           "the cache is smaller than what it is to hold")


def digits(asked):
    directory = os.path.join(asked.lab, "digits")
    if not os.path.isdir(directory):
        os.makedirs(directory)
        subprocess.run(["/usr/bin/python3", os.path.join(asked.root, "tools/python/examples/make_digits.py"), directory, "--count", "20"],
                       check=True, capture_output=True)
    return directory


def training_programs(asked):
    python = os.path.join(asked.root, "tools", "python")
    return ({"python3": "/usr/bin/python3", "/app/train_mnist.py": os.path.join(python, "examples", "train_mnist.py")},
            {"PYTHONPATH": python, "SHOAL_UPLOADER_LIBRARY": os.environ["SHOAL_UPLOADER_LIBRARY"]})


@case
def training_sends_its_checkpoints_with_the_uploader(asked):
    items = example(asked, "mnist-shoal-and-uploader")
    _, container = container_of(items, "Job")
    programs, extra = training_programs(asked)
    scratch = os.path.join(asked.lab, "scratch")
    os.makedirs(scratch, exist_ok=True)
    expect({"OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "URL", "BUCKET"} <= set(variables_of(items, container)), "variables are missing")
    said = execute(container, variables_of(items, container, {
        "OSS_ACCESS_KEY_ID": os.environ["AWS_ACCESS_KEY_ID"], "OSS_ACCESS_KEY_SECRET": os.environ["AWS_SECRET_ACCESS_KEY"],
        "OSS_REGION": "us-east-1", "URL": asked.endpoint, "BUCKET": "b"}) | extra,
        {"/mnt/train/data": digits(asked), "/scratch": scratch}, programs)
    expect("dataload cost time: " in said and "4 checkpoints, async" in said, said)
    sent = sorted(os.listdir(os.path.join(asked.lab, "buckets", "b", "tf-train", "training_logs")))
    expect(sent == ["model.ckpt-0", "model.ckpt-100", "model.ckpt-150", "model.ckpt-50"], sent)
    expect(os.path.isdir(os.path.join(scratch, "shoal")), "the journal is not where the pod has room for it")


@case
def training_writes_its_checkpoints_to_a_directory(asked):
    items = example(asked, "mnist-shoal-and-ossfs")
    _, container = container_of(items, "Pod")
    programs, extra = training_programs(asked)
    logs = os.path.join(asked.lab, "training_logs")
    os.makedirs(logs, exist_ok=True)
    said = execute(container, variables_of(items, container) | extra,
                   {"/mnt/train/data": digits(asked), "/mnt/training_logs": logs}, programs)
    expect("dataload cost time: " in said and "4 checkpoints, to a directory" in said, said)
    expect(sorted(os.listdir(logs)) == ["model.ckpt-0", "model.ckpt-100", "model.ckpt-150", "model.ckpt-50"], os.listdir(logs))


run()
