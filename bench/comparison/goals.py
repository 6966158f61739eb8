# SPDX-License-Identifier: Apache-2.0
"""The ratios Shoal promises to reach, what they need measured, and the verdicts."""
import statistics
from dataclasses import dataclass

import report
from scenario import Scenario

READERS = 16

COLD_D1 = Scenario("D1", 20, subjects=("shoal", "erofs", "erofs-loop"), rounds=5)
DATE_MAJOR = Scenario("D1", 20, "stride", limits=False)
KNOWN = Scenario("D1", 20, "shuffle", READERS, order_known=True)
UNKNOWN = Scenario("D1", 20, "shuffle", READERS, limits=False)
FAST_D1 = Scenario("D1", 0)
FAST_D2 = Scenario("D2", 0)
SCENARIOS = (COLD_D1, DATE_MAJOR, KNOWN, UNKNOWN, FAST_D1, FAST_D2)


@dataclass
class Goal:
    text: str
    target: float
    values: object  # samples -> one number per pass (or round)
    at_most: bool = False


def cold_of(scenario, value):
    return lambda samples: [value(sample) for sample in report.select(samples, scenario.key(), "shoal", "cold")]


def of_raw(scenario):
    return lambda samples: report.raw_ratios(samples, scenario.key())


def of_erofs(state):
    key = COLD_D1.key()
    return lambda samples: report.paired_ratios(samples, (key, "shoal", state), (key, "erofs", state))


def date_major(samples):
    return report.paired_ratios(samples, (DATE_MAJOR.key(), "shoal", "cold"), (COLD_D1.key(), "shoal", "cold"))


GOALS = (
    Goal("D1 cold, 20 ms, one walking reader, of the raw limit", 0.8, of_raw(COLD_D1)),
    Goal("D1 cold, 0 ms, one walking reader, of the raw limit", 0.5, of_raw(FAST_D1)),
    Goal("D2 cold, 0 ms, one walking reader, of the raw limit", 0.5, of_raw(FAST_D2)),
    Goal("D1 cold, 20 ms, 16 readers shuffled, order known, of the raw limit", 0.8, of_raw(KNOWN)),
    Goal("the same, order unknown: requests in flight per reader", 1.0,
         cold_of(UNKNOWN, lambda sample: sample.in_flight_max / READERS)),
    Goal("the same, order unknown: GETs per file", 1.0,
         cold_of(UNKNOWN, lambda sample: sample.gets / sample.files), at_most=True),
    Goal("date-major over 200 symbols, 20 ms, of the symbol-major rate", 0.7, date_major),
    Goal("chunk cache warm, page cache dropped, of a local EROFS image", 0.8, of_erofs("dropped")),
    Goal("page cache warm, of a local EROFS image", 1.0, of_erofs("warm")),
)


def verdict(goal, values):
    """reached: the median is there. within the spread: some pass is there, the median is not.
    missed: none is."""
    if not values:
        return "not measured"
    def there(value):
        # Half of the last printed digit: 0.996 of "1.00" is printed as 1.00 and is 1.00.
        return value <= goal.target + 0.005 if goal.at_most else value >= goal.target - 0.005
    if there(statistics.median(values)):
        return "reached"
    return "within the spread" if any(there(value) for value in values) else "missed"


def judged(samples):
    return [(goal, values := goal.values(samples), verdict(goal, values)) for goal in GOALS]


def table(samples):
    rows = [["ratio to reach", "target", "measured", "verdict"]]
    for goal, values, word in judged(samples):
        sign = "<=" if goal.at_most else ">="
        rows.append([goal.text, f"{sign} {goal.target:.2f}", report.spread(values, 2), word])
    return rows
