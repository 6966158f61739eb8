# SPDX-License-Identifier: Apache-2.0
"""What is measured, and the loop that interleaves it."""
import contextlib
import sys
from dataclasses import dataclass

import data as data_module
from lab import Failure
from measure import Meter
from subjects import BY_NAME, RcloneCopy, Run


@dataclass
class Scenario:
    data: str
    latency_ms: int
    order: str = "walk"
    readers: int = 1
    order_known: bool = False
    subjects: tuple = ("shoal",)
    limits: bool = True  # the raw loop and wrk beside it
    rounds: int = 0  # repetitions of each warm state; 0: cold only

    def key(self):
        known = " known" if self.order_known else ""
        return f"{self.data} {self.latency_ms}ms {self.order}{known} {self.readers}r"

    def title(self):
        readers = "one reader" if self.readers == 1 else f"{self.readers} readers"
        order = {"walk": "walk order", "shuffle": "shuffled", "stride": "date-major"}[self.order]
        known = ", order known" if self.order_known else ""
        return f"{self.data}, {self.latency_ms} ms, {order}{known}, {readers}"

    def merged(self, other):
        """Both asked for the same thing: measure it once, with all that either wants."""
        names = [name for name in BY_NAME if name in self.subjects or name in other.subjects]
        return Scenario(self.data, self.latency_ms, self.order, self.readers, self.order_known,
                        tuple(names), self.limits or other.limits, max(self.rounds, other.rounds))


def merge(scenarios):
    by_key = {}
    for scenario in scenarios:
        key = scenario.key()
        by_key[key] = by_key[key].merged(scenario) if key in by_key else scenario
    return list(by_key.values())


def tell(text):
    print(text, file=sys.stderr, flush=True)


class Runner:
    """Runs scenarios: one data set at a time, one latency at a time, and within it passes over all
    scenarios, so that what is compared ran minutes apart at most. confined."""

    def __init__(self, lab, passes, cap_seconds, max_requests, seed):
        self.lab, self.passes, self.cap_seconds = lab, passes, cap_seconds
        self.max_requests, self.seed = max_requests, seed
        self.samples = []
        self.failures = {}  # (scenario key, subject): why it was given up

    def run(self, scenarios):
        for name in dict.fromkeys(scenario.data for scenario in scenarios):
            tell(f"{name}: making and uploading {data_module.SETS[name]}")
            data = data_module.DataSet(self.lab, name, self.seed)
            mine = [scenario for scenario in scenarios if scenario.data == name]
            local = [subject for subject in BY_NAME.values() if not subject.from_bucket
                     and any(subject.name in scenario.subjects for scenario in mine)]
            with contextlib.ExitStack() as images:
                mounted = {subject.name: images.enter_context(subject.mounted_image(self.lab, data))
                           for subject in local}
                for latency_ms in dict.fromkeys(scenario.latency_ms for scenario in mine):
                    with data_module.bucket(self.lab, latency_ms) as served:
                        for number in range(1, self.passes + 1):
                            for scenario in mine:
                                if scenario.latency_ms == latency_ms:
                                    self.run_pass(scenario, data, served, number, mounted)

    def run_pass(self, scenario, data, served, number, local):
        run = Run(self.lab, data, served, number, scenario.order, scenario.order_known, self.max_requests)
        meter = Meter(self.lab, data, scenario, self.cap_seconds)
        with contextlib.ExitStack() as mounts:
            warm = {}  # subject: (Mounted, files that are cached, or None for all)
            if scenario.limits:
                self.keep(meter.raw_loop(run))
            for name in scenario.subjects:
                subject = BY_NAME[name]
                # What failed once is not tried again: a pass must not wait for it each time.
                if subject.from_bucket and (scenario.key(), name) not in self.failures:
                    self.measure_cold(meter, subject, run, mounts, warm)
                if name == "shoal" and scenario.limits:
                    self.keep(meter.raw_wrk(run))
            warm.update({name: (local[name], None) for name in scenario.subjects if name in local})
            self.measure_warm(meter, scenario, number, warm)

    def measure_cold(self, meter, subject, run, mounts, warm):
        try:
            if subject.name == "shoal":  # its listing is told apart, as preparation
                mounted = mounts.enter_context(subject.mounted(run))
                bucket_cpu = meter.begin(run)
            elif isinstance(subject, RcloneCopy):
                bucket_cpu = meter.begin(run)
                self.keep(meter.finish(meter.cold_copy(subject, run), run, bucket_cpu))
                return
            else:
                bucket_cpu = meter.begin(run)
                mounted = mounts.enter_context(subject.mounted(run))
            sample = self.keep(meter.finish(meter.cold(subject, run, mounted), run, bucket_cpu))
            warm[subject.name] = (mounted, None if sample.complete else sample.files)
        except Failure as error:  # a result like another; the rest is still worth having
            self.failures[(meter.scenario.key(), subject.name)] = str(error)
            tell(f"  {subject.name} did not work: {error}")

    def measure_warm(self, meter, scenario, number, warm):
        for state in ("dropped", "warm"):
            if state == "warm":  # everybody's pages are there before anybody is timed
                for name, (mounted, count) in warm.items():
                    if scenario.rounds > 0:
                        meter.again(BY_NAME[name], state, number, 0, mounted, count)
            for round_ in range(scenario.rounds):
                for name, (mounted, count) in warm.items():
                    self.keep(meter.again(BY_NAME[name], state, number, round_, mounted, count))

    def keep(self, sample):
        self.samples.append(sample)
        tell(f"  {sample.scenario}, pass {sample.number}, {sample.subject} {sample.state}: "
             f"{sample.rate:,.0f}/s{'' if sample.complete else ' (capped)'}, load {sample.load}")
        return sample
