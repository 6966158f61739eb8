# SPDX-License-Identifier: Apache-2.0
import argparse
import json
import os
import random
import shlex
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(1, os.path.join(ROOT, "bench", "comparison"))

import machine  # noqa: E402
import results  # noqa: E402
import servers  # noqa: E402
from arguments import between, comma_list, one_of, size  # noqa: E402
from clients import BY_NAME, LARGE, LARGE_NAME, PEERS, SMALL, program  # noqa: E402
from lab import Failure, Interrupted, raise_on_signals  # noqa: E402
from trial import LIMIT, LIMIT_PROGRAM, MIB, Runner, UploadLab, run_limit  # noqa: E402

RESULTS = "bench/RESULTS-UPLOAD.md"
SMALL_BYTES = 8192
FILES_PER_DIRECTORY = 100
FREE_BYTES_BESIDE = 512 * MIB
KEYS = {"AWS_ACCESS_KEY_ID": "shoal-lab-key", "AWS_SECRET_ACCESS_KEY": "shoal-lab-secret", "AWS_REGION": "us-east-1"}

DESCRIPTION = """\
Sends 10,000 files of 8 KiB, and one file of 4 GiB, with `shoal put`, aws cli, rclone and s3cmd to the
same server in one run, interleaved, and prints medians, ranges, ratios to the best peer and verdicts.

peers    """ + ", ".join(PEERS) + """
         each as installed, and set as somebody who knows it would
server   the dev bucket, its directory in /dev/shm where there is room; or a Ceph gateway with its
         store in memory (--server rgw); or any service that takes the bucket in the path of a URL
         (--endpoint, --bucket, keys in AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION)
limit    what one loop can put into the dev bucket from memory, if """ + LIMIT_PROGRAM + """ is there
checks   objects and bytes in the bucket after every run; contents in the first of each client"""

EPILOG = """\
examples:
  bench/upload                                  all of it, about half an hour
  bench/upload --quick                          one pass, 2,000 files and 512 MiB
  bench/upload --markdown                       """ + RESULTS + """, too
  bench/upload --latency-ms 20 --kinds small --peers rclone,rclone-tuned
  bench/upload --server rgw
  AWS_ACCESS_KEY_ID=.. AWS_SECRET_ACCESS_KEY=.. bench/upload --endpoint http://minio:9000 --bucket test

Leaves nothing behind, whether it ends well, badly or by Ctrl-C.
Exit code: 0 done (whatever the verdicts), 1 Shoal or the bench failed, 2 wrong usage."""


def tell(text):
    print(text, file=sys.stderr, flush=True)


def human(count):
    for unit, shift in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if count >= 1 << shift:
            return f"{count / (1 << shift):g} {unit}"
    return f"{count} bytes"


def peer_list(text):
    return {"all": PEERS, "none": []}.get(text) if text in ("all", "none") else comma_list(one_of(PEERS))(text)


def parse(arguments):
    parser = argparse.ArgumentParser(prog="bench/upload", description=DESCRIPTION, epilog=EPILOG,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--kinds", type=comma_list(one_of((SMALL, LARGE))), default=[SMALL, LARGE], metavar="KIND,..",
        help="small, large (default both)")
    add("--files", type=between(1, 10**7), metavar="N", help="small files (default 10000)")
    add("--large-size", type=size, metavar="SIZE", help="of the large file (default 4G; with rgw 1G)")
    add("--latency-ms", type=comma_list(between(0, 10000)), metavar="MS,..",
        help="of every request to the dev bucket (default 0,20 for small files, 0 for the large one)")
    add("--peers", type=peer_list, default=PEERS, metavar="LIST", help="names above, all or none (default all)")
    add("--passes", type=between(1, 100), metavar="N", help="default 3")
    add("--cap", type=between(1, 3600), default=60, metavar="SECONDS",
        help="a slow peer's small files are stopped then, and marked (default 60)")
    add("--quick", action="store_true", help="one pass, 2,000 files, 512 MiB")
    add("--server", choices=("devbucket", "rgw"), default="devbucket")
    add("--endpoint", metavar="URL", help="another service, with --bucket")
    add("--bucket", metavar="NAME")
    add("--dir", metavar="DIR", help="where the dev bucket keeps its objects")
    add("--dir-journal", default="/tmp", metavar="DIR",
        help="where Shoal's journal is: a disk, so that its fsync counts (default /tmp)")
    add("--markdown", nargs="?", const=os.path.join(ROOT, RESULTS), metavar="FILE",
        help=f"write the tables there, too (default {RESULTS})")
    add("--json", metavar="FILE", help="write every single measurement there")
    add("--seed", type=between(0, 2**31), default=1, metavar="N", help="of the contents")
    add("--programs", metavar="DIR", help="use the programs there instead of building")
    options = parser.parse_args(arguments)
    if bool(options.endpoint) != bool(options.bucket):
        parser.error("--endpoint and --bucket go together")
    if options.endpoint and not all(os.environ.get(name) for name in list(KEYS)[:2]):
        parser.error(f"--endpoint needs keys in {' and '.join(list(KEYS)[:2])}")
    if options.latency_ms and (options.endpoint or options.server != "devbucket"):
        parser.error("--latency-ms is an ability of the dev bucket")
    options.server = "endpoint" if options.endpoint else options.server
    options.files = options.files or (2000 if options.quick else 10000)
    options.passes = options.passes or (1 if options.quick else 3)
    options.large_size = options.large_size or (
        512 * MIB if options.quick else (1 if options.server == "rgw" else 4) << 30)
    return options


def plan(options):
    """The cases: (kind, latency in ms)."""
    usual = {SMALL: [0, 20], LARGE: [0]} if options.server == "devbucket" else {SMALL: [0], LARGE: [0]}
    return [(kind, latency_ms) for kind in options.kinds for latency_ms in options.latency_ms or usual[kind]]


def rotated(names, number):
    """Another one first in every pass."""
    start = (number - 1) % len(names) if names else 0
    return [*names[start:], *names[:start]]


def prepare(options):
    """Installs and builds what the plan needs; gives the directory of the programs."""
    packages = {BY_NAME[name].package for name in options.peers} | {"time", "diffutils"}
    if options.server == "rgw":
        packages |= {"ceph-mon", "ceph-osd", "radosgw", "curl"}
    if options.server != "devbucket":
        packages |= {"rclone"}
    needed = ["shoal", *(["shoal-devbucket"] if options.server == "devbucket" else [])]
    if options.programs is None:
        machine.install(ROOT, sorted(packages))
        return machine.build(ROOT, [*needed, *([LIMIT_PROGRAM] if options.server == "devbucket" else [])])
    machine.shell(ROOT, 'need_packages "$@" >&2', *sorted(packages))
    missing = [name for name in needed if not os.access(os.path.join(options.programs, name), os.X_OK)]
    if missing:
        raise Failure(f"--programs {options.programs}: no {', '.join(missing)} there")
    return os.path.abspath(options.programs)


def make_sources(lab, kinds, files, large_bytes, seed):
    """kind: (directory, files, bytes). The contents are random: nobody can compress them."""
    made, noise = {}, random.Random(seed)
    if SMALL in kinds:
        for number in range(files):
            folder = lab.folder("source", SMALL, f"d{number // FILES_PER_DIRECTORY:04}")
            with open(os.path.join(folder, f"f{number:06}"), "wb") as file:
                file.write(noise.randbytes(SMALL_BYTES))
        made[SMALL] = (lab.path("source", SMALL), files, files * SMALL_BYTES)
    if LARGE in kinds:
        with open(os.path.join(lab.folder("source", LARGE), LARGE_NAME), "wb") as file:
            for begin in range(0, large_bytes, MIB):
                file.write(noise.randbytes(min(MIB, large_bytes - begin)))
        made[LARGE] = (lab.path("source", LARGE), 1, large_bytes)
    return made


def make_server(options, lab):
    if options.server == "endpoint":
        return servers.Anywhere(lab, options.endpoint, options.bucket)
    if options.server == "rgw":
        return servers.Gateway(lab, ROOT)
    # Twice the large one: its parts are there until it is put together.
    needed = max(2 * options.large_size if LARGE in options.kinds else 0,
                 2 * options.files * SMALL_BYTES if SMALL in options.kinds else 0) + FREE_BYTES_BESIDE
    parent = servers.objects_directory(options.dir, needed, [lab.directory, options.dir_journal])
    return servers.DevBucket(lab, lab.directory_in(parent))


def measure(options, lab, server, sources, journals):
    samples, failures = [], {}
    runner = Runner(lab, server, sources, journals, options.cap)
    has_limit = options.server == "devbucket" and os.access(lab.program(LIMIT_PROGRAM), os.X_OK)
    cases = plan(options)
    for number in range(1, options.passes + 1):
        if has_limit:
            tell(f"pass {number}: {LIMIT}")
            samples += [sample for sample in run_limit(lab, server.directory, options.files, SMALL_BYTES,
                                                       options.large_size, number)
                        if (sample.kind, sample.latency_ms) in cases]
        for case in cases:
            names = [name for name in ("shoal", *options.peers) if case[0] in BY_NAME[name].kinds]
            for name in rotated(names, number):
                if (case, name) in failures:
                    continue
                try:
                    sample = runner.run(BY_NAME[name], *case, number)
                except Failure as error:  # a result like another; the rest is still worth having
                    failures[case, name] = str(error)
                    tell(f"  {name} did not work: {error}")
                    continue
                samples.append(sample)
                tell(f"pass {number}, {case[0]}, {case[1]} ms, {name}: {sample.seconds:.2f} s, {sample.rate:,.0f}/s"
                     f"{'' if sample.complete else ' (capped)'}, CPU {sample.cpu:.2f} s, load {sample.load}")
    return samples, failures


def file_system(path):
    done = subprocess.run(["stat", "-f", "-c", "%T", path], stdout=subprocess.PIPE, text=True, check=False,
                          stderr=subprocess.DEVNULL)
    return f"{path} ({done.stdout.strip() or 'unknown'})"


def head_lines(options, command_line, lab, server, journals):
    # The temporary directories are named by what they are in: their own names mean nothing afterwards.
    lines = machine.describe(ROOT, command_line, options.peers)
    for name, package in (("aws", "awscli"), ("s3cmd", "s3cmd")):
        if any(BY_NAME[peer].package == package for peer in options.peers):
            lines.append(f"{name}: {machine.first_line([program(name), '--version'])}")
    described = server.describe()
    if options.server == "devbucket":
        parent = os.path.dirname(server.directory)
        described = f"shoal-devbucket, its directory in {file_system(parent)}"
    lines += [f"server: {described}; new and empty for each run, on the same processors as the client"
              if options.server != "endpoint" else f"server: {described}",
              f"files to send: in {file_system(os.path.dirname(lab.directory))}, read into the page cache before each "
              f"run; journal of Shoal: in {file_system(os.path.dirname(journals))}",
              f"passes: {options.passes}, interleaved, another client first in each; medians (smallest - largest), "
              "ratios of one pass; CPU: user + system of client and children"]
    return lines


def main(arguments):
    options = parse(arguments)
    raise_on_signals()
    programs = prepare(options)
    keys = dict(KEYS)
    if options.endpoint:
        keys.update({name: os.environ[name] for name in (*KEYS, "AWS_SESSION_TOKEN") if os.environ.get(name)})
    for path in filter(None, (options.json, options.markdown)):
        open(path, "a", encoding="utf-8").close()  # fails now rather than at the end
    with UploadLab(programs, keys) as lab:
        journals = lab.directory_in(options.dir_journal)
        server = make_server(options, lab)
        tell("making the files")
        sources = make_sources(lab, options.kinds, options.files, options.large_size, options.seed)
        os.sync()
        samples, failures = measure(options, lab, server, sources, journals)
        head = head_lines(options, shlex.join(["bench/upload", *arguments]), lab, server, journals)
    sizes = {SMALL: f"{options.files:,} files of {human(SMALL_BYTES)}", LARGE: f"one file of {human(options.large_size)}"}
    def rendered(markdown):
        return results.render_all(samples, failures, plan(options), sizes, head, options.cap, markdown)
    print(rendered(False), end="")
    if options.markdown:
        with open(options.markdown, "w", encoding="utf-8") as file:
            file.write(rendered(True))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump([sample.to_json() for sample in samples], file, indent=1)
            file.write("\n")
    return 1 if any(name == "shoal" for _, name in failures) else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (Failure, OSError) as failure:
        print(f"bench/upload: {failure}", file=sys.stderr)
        sys.exit(1)
    except Interrupted as interruption:
        print("bench/upload: interrupted; everything is cleaned up", file=sys.stderr)
        sys.exit(interruption.exit_code)
