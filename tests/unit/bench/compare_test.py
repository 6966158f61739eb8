#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: bench/compare orders, pairs, judges and prints what it measured without telling a lie.
Method: invented samples and process tables; no mount, no server. Usage: compare_test.py BENCH_DIR"""
import contextlib
import importlib.util
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest

BENCH = os.path.abspath(sys.argv.pop(1))
sys.path.insert(0, os.path.join(BENCH, "comparison"))

import data  # noqa: E402
import goals  # noqa: E402
import lab  # noqa: E402
import micro  # noqa: E402
import report  # noqa: E402
import scenario  # noqa: E402
from measure import Sample  # noqa: E402

_spec = importlib.util.spec_from_file_location("compare_main", os.path.join(BENCH, "comparison", "__main__.py"))
main = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(main)


def sample(key, subject, state, number, rate, **values):
    return Sample(key, subject, state, number, files=1000, seconds=1000 / rate, **values)


class Orders(unittest.TestCase):
    paths = ["B/2", "A/1", "A/10", "A/2", "B/1", "A0/1"]

    def test_walk_goes_directory_by_directory_in_byte_order(self):
        # "A" before "A0", although "/" sorts before "0" only as a component.
        self.assertEqual(data.ordered(self.paths, "walk", 1), ["A/1", "A/10", "A/2", "A0/1", "B/1", "B/2"])

    def test_a_directory_sorts_by_its_name_and_not_by_its_path(self):
        self.assertEqual(data.ordered(["A!/1", "A/1"], "walk", 1), ["A/1", "A!/1"])

    def test_stride_takes_one_file_of_each_directory_in_turn(self):
        self.assertEqual(data.ordered(self.paths, "stride", 1), ["A/1", "A0/1", "B/1", "A/10", "B/2", "A/2"])

    def test_shuffle_is_a_permutation_that_the_seed_repeats(self):
        many = [f"{i // 10}/{i}" for i in range(1000)]
        once = data.ordered(many, "shuffle", 7)
        self.assertEqual(sorted(once), sorted(many))
        self.assertEqual(once, data.ordered(list(reversed(many)), "shuffle", 7))
        self.assertNotEqual(once, data.ordered(many, "shuffle", 8))


class Interrupts(unittest.TestCase):
    def setUp(self):
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        for number, handler in [(number, signal.getsignal(number)) for number in numbers]:
            self.addCleanup(signal.signal, number, handler)
        self.addCleanup(setattr, lab.Signals, "waiting", None)
        lab.raise_on_signals()

    def test_a_signal_ends_the_run_at_once(self):
        with self.assertRaises(lab.Interrupted) as caught:
            os.kill(os.getpid(), signal.SIGTERM)
        self.assertEqual(caught.exception.exit_code, 128 + signal.SIGTERM)

    def test_a_signal_while_a_process_starts_waits_until_it_is_noted(self):
        noted = []
        with self.assertRaises(lab.Interrupted) as caught:
            with lab.signals_held():
                os.kill(os.getpid(), signal.SIGINT)
                noted.append("the process")
        self.assertEqual(noted, ["the process"])
        self.assertEqual(caught.exception.exit_code, 128 + signal.SIGINT)


class Ratios(unittest.TestCase):
    def test_the_raw_limit_is_the_faster_loop_of_the_same_pass(self):
        key = goals.FAST_D1.key()
        samples = [sample(key, "raw loop", "limit", 1, 10000), sample(key, "wrk", "limit", 1, 20000),
                   sample(key, "shoal", "cold", 1, 10000),
                   sample(key, "raw loop", "limit", 2, 8000), sample(key, "wrk", "limit", 2, 4000),
                   sample(key, "shoal", "cold", 2, 6000)]
        self.assertEqual([round(ratio, 6) for ratio in report.raw_ratios(samples, key)], [0.5, 0.75])

    def test_cached_states_are_paired_by_pass_and_round(self):
        key = "k"
        samples = [sample(key, "shoal", "warm", 1, 50, round=0), sample(key, "erofs", "warm", 1, 100, round=0),
                   sample(key, "shoal", "warm", 1, 300, round=1), sample(key, "erofs", "warm", 1, 100, round=1),
                   sample(key, "shoal", "warm", 2, 999, round=0)]
        ratios = report.paired_ratios(samples, (key, "shoal", "warm"), (key, "erofs", "warm"))
        self.assertEqual([round(ratio, 6) for ratio in ratios], [0.5, 3.0])

    def test_a_spread_shows_median_and_range(self):
        self.assertEqual(report.spread([3000, 1000, 2000]), "2,000 (1,000 - 3,000)")
        self.assertEqual(report.spread([]), "-")


class Verdicts(unittest.TestCase):
    least = goals.Goal("at least", 0.8, None)
    most = goals.Goal("at most", 1.0, None, at_most=True)

    def test_the_median_decides(self):
        self.assertEqual(goals.verdict(self.least, [0.7, 0.8, 0.9]), "reached")
        self.assertEqual(goals.verdict(self.least, [0.7, 0.71, 0.9]), "within the spread")
        self.assertEqual(goals.verdict(self.least, [0.7, 0.71, 0.79]), "missed")

    def test_at_most_goals_turn_round(self):
        self.assertEqual(goals.verdict(self.most, [1.0, 1.0, 1.0]), "reached")
        self.assertEqual(goals.verdict(self.most, [1.2, 1.3, 1.1]), "missed")

    def test_what_was_not_measured_is_not_reached(self):
        self.assertEqual(goals.verdict(self.least, []), "not measured")
        self.assertEqual({word for _, _, word in goals.judged([])}, {"not measured"})

    def test_more_in_flight_than_readers_reaches_and_fewer_misses(self):
        for in_flight, word in ((64, "reached"), (16, "reached"), (15, "missed")):
            samples = [sample(goals.UNKNOWN.key(), "shoal", "cold", 1, 100, in_flight_max=in_flight)]
            self.assertIn(("requests in flight per reader", word),
                          [(goal.text.split(": ")[-1], verdict) for goal, _, verdict in goals.judged(samples)])


class Tables(unittest.TestCase):
    def test_a_capped_peer_is_marked_and_a_failed_one_is_named(self):
        one = scenario.Scenario("D1", 20, subjects=("shoal", "s3fs", "rclone"))
        samples = [sample(one.key(), "wrk", "limit", 1, 10000), sample(one.key(), "shoal", "cold", 1, 8000),
                   sample(one.key(), "s3fs", "cold", 1, 10, complete=False)]
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            report.print_scenario(samples, one, {(one.key(), "rclone"): "no\nconfig"}, 15, markdown=True)
        text = printed.getvalue()
        self.assertRegex(text, r"\| s3fs \| 10, capped \|")
        self.assertIn("Stopped after 15 s", text)
        self.assertIn("rclone mount did not work: no config", text)
        self.assertIn("| 800.0x |", text)
        columns = {line.count("|") for line in text.splitlines() if line.startswith("|")}
        self.assertEqual(len(columns), 1, text)

    def test_micro_benches_are_read_from_their_json(self):
        runs = [{"run_type": "iteration", "run_name": "md5/4096", "cpu_time": time, "time_unit": "us",
                 "bytes_per_second": 2.0**20 * 500} for time in (6.0, 5.0, 7.0)]
        rows = micro.rows_of({"benchmarks": runs + [{"run_type": "aggregate", "run_name": "md5/4096"}]})
        self.assertEqual(rows, [["md5/4096", "6 us (5 us - 7 us)", "500 (500 - 500) MiB/s"]])


class CommandLine(unittest.TestCase):
    def test_goals_alone_measure_only_what_the_goals_need(self):
        scenarios = main.plan(main.parse(["--goals"]))
        self.assertEqual({one.key() for one in scenarios}, {one.key() for one in goals.SCENARIOS})

    def test_a_goal_that_is_in_the_matrix_too_is_measured_once(self):
        scenarios = main.plan(main.parse(["--goals", "--data", "D1", "--latency", "20", "--peers", "rclone"]))
        keys = [one.key() for one in scenarios]
        self.assertEqual(len(keys), len(set(keys)))
        both = next(one for one in scenarios if one.key() == goals.COLD_D1.key())
        self.assertEqual(both.subjects, ("shoal", "rclone", "erofs", "erofs-loop"))
        self.assertEqual(both.rounds, 5)

    def test_wrong_use_is_refused_with_the_reason(self):
        for arguments, reason in ((["--data", "D9"], "D9"), (["--latency", "x"], "milliseconds"),
                                  (["--peers", "nfs"], "nfs"), (["--passes", "0"], "not within"),
                                  (["--order-known"], "walk order needs no telling")):
            words = io.StringIO()
            with contextlib.redirect_stderr(words), self.assertRaises(SystemExit) as ended:
                main.parse(arguments)
            self.assertEqual(ended.exception.code, 2, arguments)
            self.assertIn(reason, words.getvalue())


class Processes(unittest.TestCase):
    def test_processor_time_is_read_and_a_process_that_is_gone_counts_nothing(self):
        self.assertGreater(lab.cpu_seconds([os.getpid()]), 0)
        self.assertEqual(lab.cpu_seconds([2**22 + 1]), 0)

    def test_a_signal_unwinds_once_and_does_not_break_the_clean_up(self):
        script = (f"import sys, os, signal; sys.path.insert(0, {os.path.join(BENCH, 'comparison')!r})\n"
                  "import lab\nlab.raise_on_signals()\n"
                  "try:\n  os.kill(os.getpid(), signal.SIGINT)\n"
                  "except lab.Interrupted as stop:\n  os.kill(os.getpid(), signal.SIGTERM)\n"
                  "  print('cleaned'); sys.exit(stop.exit_code)\n")
        done = subprocess.run([sys.executable, "-B", "-c", script], stdout=subprocess.PIPE, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout.strip()), (128 + signal.SIGINT, "cleaned"))

    def test_mounts_below_a_directory_are_not_those_beside_it(self):
        with tempfile.TemporaryDirectory() as directory:
            self.assertEqual(lab.mounts_below(directory), [])
        self.assertIn("/proc", [point for point, _ in lab.mounts_below("/proc")])

    def test_samples_become_json_with_their_rate(self):
        self.assertEqual(json.loads(json.dumps(sample("k", "shoal", "cold", 1, 500).to_json()))["files_per_second"], 500)


if __name__ == "__main__":
    unittest.main()
