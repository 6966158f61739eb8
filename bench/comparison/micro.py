# SPDX-License-Identifier: Apache-2.0
"""Runs the Google Benchmark programs and makes a table of what they print."""
import json

from report import spread

# program: filter of its benchmarks ("" all). The long end-to-end ones of read_path are left out.
SELECTED = {
    "shoal-bench-signing": "",
    "shoal-bench-chunk-map": "",
    "shoal-bench-hashing": "",
    "shoal-bench-cached-reads": "",
}
PROGRAMS = tuple(SELECTED)
NANOSECONDS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}


def time_text(nanoseconds):
    for unit, scale in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if nanoseconds >= scale:
            return f"{nanoseconds / scale:.3g} {unit}"
    return f"{nanoseconds:.3g} ns"


def rows_of(document):
    """One row per benchmark: processor time of its repetitions, and a rate where it has one."""
    runs = {}
    for run in document["benchmarks"]:
        if run.get("run_type") == "iteration" and not run.get("error_occurred"):
            runs.setdefault(run["run_name"], []).append(run)
    rows = []
    for name, repetitions in runs.items():
        times = sorted(run["cpu_time"] * NANOSECONDS[run["time_unit"]] for run in repetitions)
        middle, rates = times[len(times) // 2], ""
        if "bytes_per_second" in repetitions[0]:
            rates = spread([run["bytes_per_second"] / 2**20 for run in repetitions]) + " MiB/s"
        elif "items_per_second" in repetitions[0]:
            rates = spread([run["items_per_second"] for run in repetitions]) + " /s"
        rows.append([name, f"{time_text(middle)} ({time_text(times[0])} - {time_text(times[-1])})", rates])
    return rows


def run(lab):
    rows = [["micro-bench", "processor time", "rate"]]
    for program, chosen in SELECTED.items():
        command = [lab.program(program), "--benchmark_format=json", "--benchmark_repetitions=3",
                   "--benchmark_min_time=0.2"]
        if chosen:
            command.append(f"--benchmark_filter={chosen}")
        rows += rows_of(json.loads(lab.run(command, program)))
    return [("Parts alone", rows)]
