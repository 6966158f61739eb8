# SPDX-License-Identifier: Apache-2.0
"""From samples to medians, ratios and tables, beside what the seed says."""
import statistics

import readers
import saves
from report import render, spread

SEED_READ_WRITE_SECONDS, SEED_READ_ONLY_SECONDS = 1.542, 0.844
LAYOUTS = {"files": "one PNG per digit", "packed": "the four .gz archives of TensorFlow's loader"}
TITLES = {reader.name: reader.title for reader in readers.READERS}
COLUMNS = ("dataload cost time, s", "index s", "mount s", "from nothing, s", "again, s", "requests",
           "again", "CPU s of mount / loader", "Shoal is", "again")


def select(samples, case, reader=None, epoch=None):
    return [sample for sample in samples if (sample.layout, sample.latency_ms) == case
            and reader in (None, sample.reader) and epoch in (None, sample.epoch)]


def by_pass(samples, case, reader, epoch):
    return {sample.number: sample.whole_seconds for sample in select(samples, case, reader, epoch)}


def ratios(samples, case, slow, fast, epoch=1):
    """Time of `slow` over that of `fast`, in the same pass."""
    others = by_pass(samples, case, fast, epoch)
    return [seconds / others[number] for number, seconds in by_pass(samples, case, slow, epoch).items()
            if others.get(number)]


def times(samples):
    """Of what was stopped, the time all would take is said to be that, and how far it came."""
    if all(sample.complete for sample in samples):
        return spread([sample.seconds for sample in samples], 2)
    came = statistics.median(sample.images for sample in samples)
    return f"~{statistics.median(s.whole_seconds for s in samples):,.0f}, stopped at {came:,.0f} of {samples[0].wanted:,}"


def requests(samples):
    """Per image, where it is a file; all of them, where it is not."""
    if samples[0].layout == "files":
        return f"{statistics.median(s.requests / s.images for s in samples):.2f} per image"
    return spread([s.requests for s in samples])


def from_nothing(samples):
    mark = "" if all(sample.complete for sample in samples) else "~"
    return mark + spread([s.from_nothing_seconds for s in samples], 0 if mark else 2)


def estimated(samples, case, name, epoch):
    return "" if all(sample.complete for sample in select(samples, case, name, epoch)) else "~"


def factor(values):
    if not values:
        return ""
    digits = 0 if max(values) >= 100 else 1
    middle = f"{statistics.median(values):,.{digits}f}x"
    return middle if len(values) == 1 else f"{middle} ({min(values):,.{digits}f} - {max(values):,.{digits}f})"


def load_row(samples, case, name):
    cold, again = (select(samples, case, name, epoch) for epoch in (1, 2))
    shoal, local = name == "shoal", name == "local"
    return [TITLES[name], times(cold), spread([s.index_seconds for s in cold], 2) if shoal else "",
            "" if local else spread([s.mount_seconds for s in cold], 2),
            from_nothing(cold), times(again),
            "" if local else requests(cold), "" if local else requests(again),
            f"{statistics.median(s.client_cpu for s in cold):.2f} / {statistics.median(s.loader_cpu for s in cold):.2f}",
            *("" if shoal else estimated(samples, case, name, epoch) + factor(ratios(samples, case, name, "shoal", epoch))
              for epoch in (1, 2))]


def load_table(samples, case, failures):
    rows = [["", *COLUMNS]]
    for name in TITLES:
        if (case, name) in failures:
            rows.append([TITLES[name], "did not work: see below"] + [""] * (len(COLUMNS) - 1))
        elif select(samples, case, name):
            rows.append(load_row(samples, case, name))
    return rows


def case_title(case):
    layout, latency_ms = case
    return f"{LAYOUTS[layout]}, " + (f"{latency_ms} ms per request" if latency_ms else "no latency added")


def seed_table(samples, cases):
    rows = [["s3fs with read-write settings over", "read-only settings", "Shoal", "Shoal, index and mounts included"],
            ["the seed (ossfs on OSS; 1.542 s over 0.844 s)",
             f"{SEED_READ_WRITE_SECONDS / SEED_READ_ONLY_SECONDS:.2f}x", "", ""]]
    for case in cases:
        slow = {s.number: s.from_nothing_seconds for s in select(samples, case, "s3fs-rw", 1)}
        whole = [slow[s.number] / s.from_nothing_seconds for s in select(samples, case, "shoal", 1) if s.number in slow]
        mark = estimated(samples, case, "s3fs-rw", 1)
        rows.append([case_title(case), *(mark + factor(values) if values else "" for values in (
            ratios(samples, case, "s3fs-rw", "s3fs-ro"), ratios(samples, case, "s3fs-rw", "shoal"), whole))])
    return rows


def load_notes(samples, case, failures, caps):
    mine = select(samples, case)
    lines = []
    if mine:
        lines.append(f"Load average {min(s.load for s in mine):.1f} to {max(s.load for s in mine):.1f}.")
    if any(not sample.complete for sample in mine):
        lines.append(f"~: stopped after {caps[case[1]]:g} s, and what all images would take at the rate until then; "
                     "the second load is of the images of the first. --cap 0 lets everybody finish.")
    return lines + [f"{TITLES[name]} did not work: {' '.join(reason.split())[:500]}"
                    for (at, name), reason in failures.items() if at == case]


def save_title(case):
    size, latency_ms = case
    count, step = saves.shape(size)
    return (f"{count} checkpoints of {size / saves.MIB:g} MiB, {step:g} s of training before each, "
            f"{latency_ms} ms per request")


def of_save(samples, case, way):
    return [sample for sample in samples if (sample.size, sample.latency_ms, sample.way) == (*case, way)]


def lost(samples, case, way):
    """Seconds a checkpoint costs the training, beside the same loop without any in the same pass."""
    bare = {sample.number: sample.trained_seconds for sample in of_save(samples, case, "none")}
    return [(sample.trained_seconds - bare[sample.number]) / sample.count
            for sample in of_save(samples, case, way) if sample.number in bare]


def save_table(samples, case, failures):
    head = ["", "waited per checkpoint, s", "training longer by, s per checkpoint", "training, s",
            "all confirmed after, s", "requests"]
    rows = [head]
    for way, title in saves.TITLES.items():
        mine = of_save(samples, case, way)
        if (case, way) in failures:
            rows.append([title, "did not work: see below"] + [""] * (len(head) - 2))
        elif mine:
            bare = way == "none"
            rows.append([title, "" if bare else spread([w for s in mine for w in s.waited_seconds], 3),
                         "" if bare else spread(lost(samples, case, way), 3), spread([s.trained_seconds for s in mine], 2),
                         "" if bare else spread([s.confirmed_seconds for s in mine], 2),
                         "" if bare else spread([s.requests for s in mine])])
    return rows


def save_notes(samples, case, failures):
    mine = [sample for sample in samples if (sample.size, sample.latency_ms) == case]
    lines = [f"Load average {min(s.load for s in mine):.1f} to {max(s.load for s in mine):.1f}; the SHA-256 of every "
             "checkpoint in the bucket was compared."] if mine else []
    return lines + [f"{saves.TITLES[way]} did not work: {' '.join(reason.split())[:500]}"
                    for (at, way), reason in failures.items() if at == case]


class Results:
    """Everything one run gave. `load_cases` (layout, latency), `save_cases` (size, latency)."""

    def __init__(self, head, caps, load_cases, save_cases):
        self.head, self.caps = head, caps  # seconds, of each latency
        self.load_cases, self.save_cases = load_cases, save_cases
        self.loads, self.saves = [], []
        self.load_failures, self.save_failures = {}, {}

    def render(self, markdown):
        heading = "\n## {}\n" if markdown else "\n== {}\n"
        lines = ["# The seed's comparison\n\nPrinted by the command below; [README](seed/README.md) says what is "
                 "measured, and what limits it.\n"] if markdown else []
        lines += [("- " if markdown else "") + line for line in self.head]
        if self.load_cases:
            lines += [heading.format("Beside the seed"), render(seed_table(self.loads, self.load_cases), markdown)]
        for case in self.load_cases:
            lines += [heading.format("Loading: " + case_title(case)),
                      render(load_table(self.loads, case, self.load_failures), markdown), ""]
            lines += load_notes(self.loads, case, self.load_failures, self.caps)
        for case in self.save_cases:
            lines += [heading.format("Saving: " + save_title(case)),
                      render(save_table(self.saves, case, self.save_failures), markdown), ""]
            lines += save_notes(self.saves, case, self.save_failures)
        return "\n".join(lines) + "\n"

    def to_json(self):
        return {"head": self.head, "loads": [sample.to_json() for sample in self.loads],
                "saves": [sample.to_json() for sample in self.saves],
                "failures": [{"case": list(case), "name": name, "reason": reason} for failures in
                             (self.load_failures, self.save_failures) for (case, name), reason in failures.items()]}
