# SPDX-License-Identifier: Apache-2.0
"""From samples to medians, ratios, verdicts and tables."""
import statistics
from collections import Counter

from clients import BY_NAME, SMALL
from goals import Goal, verdict
from report import render, spread
from trial import LIMIT, LIMIT_IN_FLIGHT

TARGETS = {SMALL: 3.0, "large": 1.2}
TITLES = {**{name: client.title for name, client in BY_NAME.items()},
          LIMIT: f"limit: bare loop of PUTs from memory, {LIMIT_IN_FLIGHT} or 8 parts in flight"}


def select(samples, case, client=None):
    return [sample for sample in samples if (sample.kind, sample.latency_ms) == case
            and client in (None, sample.client)]


def rates_by_pass(samples, case, client):
    return {sample.number: sample.rate for sample in select(samples, case, client)}


def ratios(samples, case, client):
    """Shoal's rate over that of `client` in the same pass."""
    others = rates_by_pass(samples, case, client)
    return [rate / others[number] for number, rate in rates_by_pass(samples, case, "shoal").items()
            if others.get(number)]


def best_peers(samples, case, as_installed=False):
    """pass: (rate, name) of the fastest peer in whatever setting."""
    best = {}
    for sample in select(samples, case):
        peer = BY_NAME.get(sample.client)
        if peer is None or not peer.package or (as_installed and peer.tuned):
            continue
        best[sample.number] = max(best.get(sample.number, (0.0, "")), (sample.rate, sample.client))
    return best


def ratios_to_best(samples, case, as_installed=False):
    """Ratios per pass, and the name of the peer that was best most often."""
    best = best_peers(samples, case, as_installed)
    found = [(rate / best[number][0], best[number][1])
             for number, rate in rates_by_pass(samples, case, "shoal").items()
             if number in best and best[number][0] > 0]
    names = Counter(name for _, name in found).most_common(1)
    return [ratio for ratio, _ in found], names[0][0] if names else ""


def case_title(case, sizes):
    kind, latency_ms = case
    return sizes[kind] + (f", {latency_ms} ms per request" if latency_ms else ", no latency added")


def verdict_table(samples, cases, sizes):
    rows = [["ratio to reach", "target", "measured", "beside", "verdict"]]
    for case in cases:
        title = case_title(case, sizes)
        values, name = ratios_to_best(samples, case)
        goal = Goal(title, TARGETS[case[0]], None)
        rows.append([f"{title}: of the best peer, however set", f">= {goal.target:.1f}", spread(values, 2),
                     TITLES.get(name, "-"), verdict(goal, values)])
        values, name = ratios_to_best(samples, case, as_installed=True)
        rows.append(["the same: of the best peer as installed", "", spread(values, 2), TITLES.get(name, "-"), ""])
    return rows


def case_table(samples, case, failures):
    head = ["client", "files/s" if case[0] == SMALL else "MiB/s", "seconds", "client CPU s", "peak RSS MiB",
            "requests", "bucket CPU s", "Shoal is"]
    rows = [head]
    for name in (*BY_NAME, LIMIT):
        mine = select(samples, case, name)
        if (case, name) in failures and not mine:
            rows.append([TITLES[name], "did not work"] + [""] * (len(head) - 2))
        if not mine:
            continue
        capped = [sample for sample in mine if not sample.complete]
        mark = f", capped at {statistics.median(s.files for s in capped):,.0f} files" if capped else ""
        rows.append([
            TITLES[name], spread([s.rate for s in mine]) + mark, spread([s.seconds for s in mine], 2),
            spread([s.cpu for s in mine], 2), spread([s.rss_mib for s in mine]) if any(s.rss_mib for s in mine) else "",
            spread([s.requests for s in mine]) if any(s.requests for s in mine) else "",
            spread([s.bucket_cpu for s in mine], 2) if any(s.bucket_cpu for s in mine) else "",
            "" if name == "shoal" else f"{statistics.median(ratios(samples, case, name)):,.2f}x"
            if ratios(samples, case, name) else ""])
    return rows


def notes(samples, case, failures, cap_seconds):
    mine = select(samples, case)
    lines = []
    if mine:
        loads = [sample.load for sample in mine if sample.client != LIMIT]
        lines.append(f"Load average {min(loads):.1f} to {max(loads):.1f}." if loads else "")
    if any(not sample.complete for sample in mine):
        lines.append(f"Capped: stopped after {cap_seconds} s; rate of the files that were in the bucket by then.")
    lines += [f"{TITLES[name]} did not work: {' '.join(reason.split())[:500]}"
              for (at, name), reason in failures.items() if at == case]
    return [line for line in lines if line]


def render_all(samples, failures, cases, sizes, head, cap_seconds, markdown):
    heading = "\n## {}\n" if markdown else "\n== {}\n"
    lines = ["# Uploads\n\nPrinted by the command below; see [README](README.md#uploads).\n"] if markdown else []
    lines += [("- " if markdown else "") + line for line in head]
    lines += [heading.format("Ratios to reach"), render(verdict_table(samples, cases, sizes), markdown)]
    for case in cases:
        lines += [heading.format(case_title(case, sizes)), render(case_table(samples, case, failures), markdown), ""]
        lines += notes(samples, case, failures, cap_seconds)
    used = [name for name in BY_NAME if any(sample.client == name for sample in samples)]
    lines += [heading.format("Settings"),
              render([["client", "setting"]] + [[TITLES[name], BY_NAME[name].setting] for name in used], markdown)]
    return "\n".join(lines) + "\n"
