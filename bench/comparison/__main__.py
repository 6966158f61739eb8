# SPDX-License-Identifier: Apache-2.0
import argparse
import json
import os
import shlex
import sys

import data
import goals
import machine
import micro
import report
import scenario
from arguments import between, comma_list, one_of
from lab import Failure, Interrupted, Lab, raise_on_signals
from subjects import BY_NAME

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAMS = ("shoal", "shoal-devbucket", "shoal-make-dataset", "shoal-walk", "shoal-raw-requests")
PEERS = [name for name in BY_NAME if name != "shoal"]

DESCRIPTION = """\
Runs Shoal, its peers and the raw limit on the same data in one run, interleaved, and prints medians,
ranges and ratios.

states   cold: a new mount with empty caches (listing by Shoal is told apart; that of peers counts).
         cached: read once; then without the page cache (from the chunk cache on disk), and with it.
limit    the same GETs, signed before the clock runs, by a bare epoll loop and by wrk with
         --max-requests connections; ratios are to the faster of the two in the same pass.
peers    """ + ", ".join(PEERS)

EPILOG = """\
examples:
  bench/compare                                     D1 at 20 ms beside every peer
  bench/compare --data D1,D2 --latency 0,20 --peers erofs,rclone
  bench/compare --order shuffle --readers 16 --order-known --peers none
  bench/compare --goals                             the ratios to reach, with verdicts
  bench/compare --all --markdown > results          all of it, hours: goals, every set and latency,
                                                    micro-benches; this is what bench/RESULTS.md holds

data sets
""" + "\n".join(f"  {name:<5} {text}" for name, text in data.SETS.items()) + """

Needs root (mounts, page cache). Leaves nothing behind, whether it ends well, badly or by Ctrl-C.
Exit code: 0 done (whatever the verdicts), 1 Shoal or the bench failed, 2 wrong usage."""


def peer_list(text):
    return {"all": PEERS, "none": []}.get(text) if text in ("all", "none") else comma_list(one_of(PEERS))(text)


def latencies(text):
    try:
        values = [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: milliseconds, separated by commas") from None
    if not all(0 <= value <= 10000 for value in values):
        raise argparse.ArgumentTypeError("latencies are 0 to 10000 ms")
    return values


def parse(arguments):
    parser = argparse.ArgumentParser(prog="bench/compare", description=DESCRIPTION, epilog=EPILOG,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--data", type=comma_list(one_of(data.SETS)), metavar="SET,..", help="data sets (default D1)")
    add("--latency", type=latencies, metavar="MS,..", help="milliseconds per request (default 20)")
    add("--order", choices=data.ORDERS, default="walk")
    add("--order-known", action="store_true", help="tell Shoal the order (shoal mount --order)")
    add("--readers", type=between(1, 256), default=1, metavar="N")
    add("--peers", type=peer_list, metavar="LIST", help="names above, all or none (default all)")
    add("--passes", type=between(1, 100), default=3, metavar="N")
    add("--rounds", type=between(0, 100), default=3, metavar="N",
        help="repetitions of each cached state within a pass; 0: cold only (default 3)")
    add("--cap", type=between(1, 3600), default=15, metavar="SECONDS",
        help="a slow peer's cold read is stopped then, and marked (default 15)")
    add("--max-requests", type=between(1, 4096), default=256, metavar="N",
        help="requests in flight, of Shoal and of the bare loops (default 256)")
    add("--goals", action="store_true", help="measure and judge the ratios to reach")
    add("--micro", action="store_true", help="the micro-benches (shoal-bench-*) too")
    add("--all", action="store_true", help="--goals --micro, every data set at 0, 5, 20 and 50 ms")
    add("--markdown", action="store_true", help="tables for bench/RESULTS.md")
    add("--json", metavar="FILE", help="write every single measurement there")
    add("--seed", type=between(0, 2**31), default=1, metavar="N", help="of contents and of the shuffle")
    add("--programs", metavar="DIR", help="use the programs there instead of building")
    options = parser.parse_args(arguments)
    if options.all:
        options.goals = options.micro = True
        options.data = options.data or ["D1", "D2", "D3"]
        options.latency = options.latency or [0, 5, 20, 50]
    options.matrix = not options.goals or bool(options.data or options.latency)
    options.data, options.latency = options.data or ["D1"], options.latency or [20]
    options.peers = PEERS if options.peers is None else options.peers
    if options.order_known and options.order == "walk":
        parser.error("--order-known: walk order needs no telling; add --order shuffle or stride")
    return options


def plan(options):
    chosen = list(goals.SCENARIOS) if options.goals else []
    if options.matrix:
        names = ("shoal", *options.peers)
        chosen += [scenario.Scenario(name, latency, options.order, options.readers, options.order_known,
                                     names, rounds=options.rounds)
                   for name in options.data for latency in options.latency]
    return scenario.merge(chosen)


def prepare(options, scenarios):
    """Installs and builds what the plan needs; gives the directory of the programs."""
    subjects = {name for one in scenarios for name in one.subjects}
    packages = {package for name in subjects for package in BY_NAME[name].packages}
    # e2fsprogs: the scratch file system.
    machine.install(ROOT, sorted(packages | {"wrk", "e2fsprogs"}))
    reason = machine.why_no_mount(ROOT)
    if reason:
        raise Failure(f"cannot mount: {reason}")
    needed = [*PROGRAMS, *(micro.PROGRAMS if options.micro else ())]
    if options.programs is None:
        return machine.build(ROOT, needed)
    missing = [name for name in needed if not os.access(os.path.join(options.programs, name), os.X_OK)]
    if missing:
        raise Failure(f"--programs {options.programs}: no {', '.join(missing)} there")
    return os.path.abspath(options.programs)


def print_results(options, runner, scenarios, command_line):
    lines = machine.describe(ROOT, command_line, options.peers if options.matrix else ["erofs"])
    lines.append(f"passes: {runner.passes}, interleaved; {runner.max_requests} requests in flight; the server "
                 "of the bucket and every client share the processors; medians (smallest - largest)")
    if options.markdown:
        print("# Results\n\nPrinted by the command below; see [README](README.md).\n")
    print("\n".join(("- " if options.markdown else "") + line for line in lines))
    heading = "\n## {}\n" if options.markdown else "\n== {}\n"
    if options.goals:
        print(heading.format("Ratios to reach"))
        print(report.render(goals.table(runner.samples), options.markdown))
    print(heading.format("Measured") if options.markdown else "", end="")
    for one in scenarios:
        report.print_scenario(runner.samples, one, runner.failures, options.cap, options.markdown)


def write_json(path, runner):
    with open(path, "w", encoding="utf-8") as file:
        json.dump([sample.to_json() for sample in runner.samples], file, indent=1)
        file.write("\n")


def main(arguments):
    options = parse(arguments)
    scenarios = plan(options)
    raise_on_signals()
    programs = prepare(options, scenarios)
    if options.json:
        write_json(options.json, scenario.Runner(None, 0, 0, 0, 0))  # fails now rather than at the end
    with Lab(programs) as lab:
        runner = scenario.Runner(lab, options.passes, options.cap, options.max_requests, options.seed)
        runner.run(scenarios)
        micro_tables = micro.run(lab) if options.micro else []
    if options.json:
        write_json(options.json, runner)
    print_results(options, runner, scenarios, shlex.join(["bench/compare", *arguments]))
    for title, table in micro_tables:
        print(f"\n{'##' if options.markdown else '=='} {title}\n")
        print(report.render(table, options.markdown))
    return 1 if any(subject == "shoal" for _, subject in runner.failures) else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (Failure, OSError) as failure:
        print(f"bench/compare: {failure}", file=sys.stderr)
        sys.exit(1)
    except Interrupted as interruption:
        print("bench/compare: interrupted; everything is cleaned up", file=sys.stderr)
        sys.exit(interruption.exit_code)
