# SPDX-License-Identifier: Apache-2.0
"""From samples to medians, ranges, ratios and tables."""
import statistics

import data
from measure import SHOAL_CAP_SECONDS
from subjects import BY_NAME

LIMITS = ("raw loop", "wrk")
TITLES = {**{name: subject.title for name, subject in BY_NAME.items()},
          "raw loop": "raw limit: bare epoll loop", "wrk": "raw limit: wrk"}


def spread(values, digits=0):
    """Median (smallest - largest)."""
    if not values:
        return "-"
    middle = f"{statistics.median(values):,.{digits}f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):,.{digits}f} - {max(values):,.{digits}f})"


def select(samples, key, subject=None, state=None):
    return [sample for sample in samples if sample.scenario == key
            and subject in (None, sample.subject) and state in (None, sample.state)]


def raw_rates(samples, key):
    """Per pass, the faster of the two bare loops."""
    rates = {}
    for sample in select(samples, key, state="limit"):
        rates[sample.number] = max(rates.get(sample.number, 0.0), sample.rate)
    return rates


def raw_ratios(samples, key, subject="shoal"):
    """Cold rate over the raw limit of the same pass."""
    rates = raw_rates(samples, key)
    return [sample.rate / rates[sample.number] for sample in select(samples, key, subject, "cold")
            if rates.get(sample.number)]


def paired_ratios(samples, above, below):
    """Rates of `above` over those of `below` of the same pass and round; each is (key, subject, state)."""
    partner = {(sample.number, sample.round): sample.rate for sample in select(samples, *below)}
    return [sample.rate / partner[sample.number, sample.round] for sample in select(samples, *above)
            if partner.get((sample.number, sample.round))]


def per_file(samples, value, scale=1.0, digits=2):
    return spread([value(sample) * scale / sample.files for sample in samples if sample.files], digits)


def cold_table(samples, scenario, failures):
    key = scenario.key()
    head = ["cold", "files/s", "of the raw limit", "requests per file", "in flight", "client CPU us/file",
            "reader CPU us/file", "bucket CPU us/file", "p50 / p99 ms", "peak RSS MiB", "Shoal is"]
    rows = []
    for subject in (*LIMITS, *BY_NAME):
        mine = select(samples, key, subject, "limit" if subject in LIMITS else "cold")
        if (key, subject) in failures:
            rows.append([TITLES[subject], "did not work"] + [""] * (len(head) - 2))
        if not mine:
            continue
        capped = "" if all(sample.complete for sample in mine) else ", capped"
        bare = subject in LIMITS
        times = paired_ratios(samples, (key, "shoal", "cold"), (key, subject, mine[0].state))
        rows.append([
            TITLES[subject], spread([sample.rate for sample in mine]) + capped,
            "" if bare else spread(raw_ratios(samples, key, subject), 3 if capped else 2),
            per_file(mine, lambda sample: sample.requests), spread([s.in_flight_max for s in mine]),
            per_file(mine, lambda sample: sample.client_cpu, 1e6, 0),
            "" if bare else per_file(mine, lambda sample: sample.reader_cpu, 1e6, 0),
            per_file(mine, lambda sample: sample.bucket_cpu, 1e6, 0),
            "" if bare or not mine[0].p99_ms else
            f"{statistics.median(s.p50_ms for s in mine):.2f} / {statistics.median(s.p99_ms for s in mine):.1f}",
            "" if not mine[0].rss_mib else spread([sample.rss_mib for sample in mine]),
            "" if subject == "shoal" else f"{statistics.median(times):,.1f}x" if times else ""])
    return [head, *rows]


def warm_table(samples, scenario):
    key = scenario.key()
    head = ["cached", "page cache dropped, files/s", "of local EROFS", "page cache warm, files/s",
            "of local EROFS", "reader CPU us/file, warm"]
    rows = []
    for subject in BY_NAME:
        dropped, warm = (select(samples, key, subject, state) for state in ("dropped", "warm"))
        if not warm:
            continue
        ratios = [spread(paired_ratios(samples, (key, subject, state), (key, "erofs", state)), 2)
                  for state in ("dropped", "warm")]
        rows.append([TITLES[subject], spread([s.rate for s in dropped]), ratios[0],
                     spread([s.rate for s in warm]), ratios[1],
                     per_file(warm, lambda sample: sample.reader_cpu, 1e6, 1)])
    return [head, *rows] if rows else []


def notes(samples, scenario, cap_seconds):
    mine = select(samples, scenario.key())
    loads = [sample.load for sample in mine]
    built = [sample.prepare_seconds for sample in select(mine, scenario.key(), "shoal", "cold")]
    lines = [f"{data.SETS[scenario.data]}; load average {min(loads):.1f} to {max(loads):.1f}; "
             f"index and image of Shoal, once, before the first read: {spread(built, 2)} s."]
    capped = sorted({TITLES[sample.subject] for sample in mine if not sample.complete})
    if capped:
        lines.append(f"Stopped after {cap_seconds:g} s (Shoal: {SHOAL_CAP_SECONDS} s), rate of what was read "
                     f"until then, cached states over those files only: {', '.join(capped)}.")
    return lines


def render(table, markdown):
    if markdown:
        lines = ["| " + " | ".join(row) + " |" for row in table]
        lines.insert(1, "|" + " --- |" * len(table[0]))
        return "\n".join(lines)
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in table)


def print_scenario(samples, scenario, failures, cap_seconds, markdown):
    print(("\n### " if markdown else "\n== ") + scenario.title() + "\n")
    for table in (cold_table(samples, scenario, failures), warm_table(samples, scenario)):
        if len(table) > 1:
            print(render(table, markdown) + "\n")
    for line in notes(samples, scenario, cap_seconds):
        print(line)
    for (key, subject), reason in failures.items():
        if key == scenario.key():
            print(f"{TITLES[subject]} did not work: {' '.join(reason.split())[:500]}")
