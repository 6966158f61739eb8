#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: bench/upload plans, counts, judges and prints what it measured without telling a lie.
Method: invented samples, small processes; no server, no client. Usage: upload_test.py BENCH_DIR"""
import contextlib
import importlib.util
import io
import os
import signal
import sys
import tempfile
import unittest

BENCH = os.path.abspath(sys.argv.pop(1))
sys.path[0:0] = [os.path.join(BENCH, "uploads"), os.path.join(BENCH, "comparison")]

import clients  # noqa: E402
import lab  # noqa: E402
import results  # noqa: E402
import servers  # noqa: E402
import trial  # noqa: E402
from clients import LARGE, SMALL  # noqa: E402
from trial import Sample  # noqa: E402

_spec = importlib.util.spec_from_file_location("upload_main", os.path.join(BENCH, "uploads", "__main__.py"))
main = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(main)

FAST, SLOW, BIG = (SMALL, 0), (SMALL, 20), (LARGE, 0)
SIZES = {SMALL: "1,000 files of 8 KiB", LARGE: "one file of 1 GiB"}


def small(client, number, rate, latency_ms=0, **values):
    return Sample(SMALL, latency_ms, client, number, **{"files": 1000, "seconds": 1000 / rate, **values})


@contextlib.contextmanager
def temporary_lab():
    """The end of a lab ignores signals for good; tests and their processes go on with those of before."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        with trial.UploadLab("/nowhere", main.KEYS) as here:
            yield here
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


class Rates(unittest.TestCase):
    def test_small_files_count_files_and_large_ones_bytes(self):
        self.assertEqual(small("shoal", 1, 500).rate, 500)
        self.assertEqual(Sample(LARGE, 0, "shoal", 1, files=1, bytes=1 << 30, seconds=2).rate, 512)

    def test_no_time_is_no_rate(self):
        self.assertEqual(Sample(SMALL, 0, "shoal", 1, files=5).rate, 0)


class Ratios(unittest.TestCase):
    def test_the_best_peer_is_that_of_the_same_pass_in_whatever_setting(self):
        samples = [small("shoal", 1, 900), small("aws", 1, 100), small("rclone-tuned", 1, 300),
                   small("shoal", 2, 800), small("aws", 2, 400), small("rclone-tuned", 2, 200),
                   small("shoal", 3, 600), small("aws", 3, 100), small("rclone-tuned", 3, 300)]
        self.assertEqual(results.ratios_to_best(samples, FAST), ([3.0, 2.0, 2.0], "rclone-tuned"))

    def test_as_installed_leaves_tuned_ones_out_and_the_limit_is_no_peer(self):
        samples = [small("shoal", 1, 900), small("aws", 1, 100), small("rclone-tuned", 1, 300),
                   small(trial.LIMIT, 1, 5000)]
        self.assertEqual(results.ratios_to_best(samples, FAST, as_installed=True), ([9.0], "aws"))
        self.assertEqual(results.ratios_to_best(samples, FAST), ([3.0], "rclone-tuned"))

    def test_latencies_are_cases_of_their_own(self):
        samples = [small("shoal", 1, 900), small("aws", 1, 10, latency_ms=20)]
        self.assertEqual(results.ratios_to_best(samples, FAST), ([], ""))

    def test_a_pass_that_shoal_or_every_peer_missed_gives_no_ratio(self):
        samples = [small("shoal", 1, 900), small("aws", 2, 100), small("shoal", 3, 200), small("aws", 3, 100)]
        self.assertEqual(results.ratios_to_best(samples, FAST), ([2.0], "aws"))


class Verdicts(unittest.TestCase):
    def word(self, *shoal_rates):
        samples = [one for number, rate in enumerate(shoal_rates, 1)
                   for one in (small("shoal", number, rate), small("aws", number, 100))]
        return results.verdict_table(samples, [FAST], SIZES)[1][-1]

    def test_the_median_decides(self):
        self.assertEqual(self.word(290, 310, 300), "reached")
        self.assertEqual(self.word(290, 310, 280), "within the spread")
        self.assertEqual(self.word(290, 210, 280), "missed")

    def test_what_was_not_measured_is_not_reached(self):
        self.assertEqual(results.verdict_table([], [FAST, BIG], SIZES)[1][-1], "not measured")

    def test_each_kind_has_its_target(self):
        rows = results.verdict_table([], [FAST, BIG], SIZES)
        self.assertEqual([row[1] for row in rows[1:]], [">= 3.0", "", ">= 1.2", ""])


class Tables(unittest.TestCase):
    def render(self, markdown=True):
        samples = [small("shoal", 1, 900, cpu=0.5, rss_mib=40), small("aws", 1, 100, cpu=9, rss_mib=70),
                   small("s3cmd", 1, 50, files=400, seconds=8, complete=False), small(trial.LIMIT, 1, 20000)]
        return results.render_all(samples, {(FAST, "rclone"): "no\nconfig"}, [FAST], SIZES, ["date: then"], 8, markdown)

    def test_a_capped_peer_is_marked_and_a_failed_one_is_named(self):
        text = self.render()
        self.assertRegex(text, r"\| s3cmd put \| 50, capped at 400 files \|")
        self.assertIn("stopped after 8 s", text)
        self.assertIn("| rclone copy | did not work |", text)
        self.assertIn("rclone copy did not work: no config", text)
        self.assertRegex(text, r"\| aws s3 cp \| 100 \| .* \| 9.00x \|")
        self.assertIn("- date: then", text)

    def test_every_row_of_a_table_has_all_columns(self):
        columns = set()
        for line in self.render().splitlines() + [""]:
            if line.startswith("|"):
                columns.add(line.count("|"))
            elif columns:
                self.assertEqual(len(columns), 1)
                columns = set()

    def test_plain_text_has_no_markdown(self):
        self.assertNotIn("|", self.render(markdown=False))


class Measuring(unittest.TestCase):
    def test_usage_is_the_last_line_of_time(self):
        self.assertEqual(trial.read_usage("Command terminated by signal 2\n1.25 0.75 2048\n"), (2.0, 2.0))

    def test_the_limit_is_read_from_what_its_program_prints(self):
        text = ("10000 PUTs of 8.0 KiB, 64 in flight: 25000 per second, 15.5 us of the client's thread\n"
                "128 parts of 8.0 MiB: 512 MiB/s, 0.75 s of the client's thread; completed in 0.500 s\n")
        few, large = trial.limit_samples(text, 10000, 8192, 2)
        self.assertEqual((few.rate, round(few.cpu, 3), few.number), (25000, 0.155, 2))
        self.assertEqual((large.bytes, large.seconds, large.cpu), (1 << 30, 2.5, 0.75))
        with self.assertRaises(lab.Failure):
            trial.limit_samples("nothing", 1, 1, 1)

    def test_a_client_is_timed_with_what_it_started(self):
        burn = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'for i in range(10**7): pass'])"
        with temporary_lab() as here:
            seconds, cpu, rss_mib, ended = trial.timed(here, [sys.executable, "-c", burn], {}, None)
        self.assertTrue(ended)
        self.assertGreater(cpu, 0.05)
        self.assertGreater(seconds, 0)
        self.assertGreater(rss_mib, 1)

    def test_a_client_that_fails_is_quoted(self):
        with temporary_lab() as here, self.assertRaisesRegex(lab.Failure, "exit code 3: out of fish"):
            trial.timed(here, ["sh", "-c", "echo out of fish; exit 3"], {}, None)

    def test_the_cap_ends_a_client_and_all_it_started(self):
        with temporary_lab() as here:
            told = here.path("pid")
            seconds, _, _, ended = trial.timed(here, ["sh", "-c", f"sleep 100 & echo $! > {told}; wait"], {}, 0.5)
            with open(told, encoding="ascii") as file:
                child = int(file.read())
        self.assertFalse(ended)
        self.assertLess(seconds, 20)
        # Killed; nobody but init may still have to take note of it.
        with contextlib.suppress(OSError), open(f"/proc/{child}/stat", encoding="ascii") as file:
            self.assertIn(file.read().rsplit(")", 1)[1].split()[0], "ZX")


class CleanUp(unittest.TestCase):
    def test_processes_and_directories_are_gone_afterwards(self):
        with tempfile.TemporaryDirectory() as parent:
            with temporary_lab() as here:
                made = here.directory_in(parent)
                process = here.start(["sleep", "100"], "log")
            self.assertFalse(os.path.exists(made) or os.path.exists(here.directory))
            self.assertIsNotNone(process.returncode)

    def test_keys_of_the_environment_do_not_reach_the_clients(self):
        os.environ["AWS_CA_BUNDLE"] = "/nowhere"
        self.addCleanup(os.environ.pop, "AWS_CA_BUNDLE")
        with temporary_lab() as here:
            self.assertNotIn("AWS_CA_BUNDLE", here.environment)
            self.assertEqual(here.environment["AWS_ACCESS_KEY_ID"], main.KEYS["AWS_ACCESS_KEY_ID"])


class Room(unittest.TestCase):
    def test_a_directory_without_room_is_refused_and_named(self):
        with tempfile.TemporaryDirectory() as here:
            self.assertEqual(servers.objects_directory(here, 1, []), here)
            with self.assertRaisesRegex(lab.Failure, here):
                servers.objects_directory(here, 1 << 60, [])
            with self.assertRaisesRegex(lab.Failure, "use --dir"):
                servers.objects_directory(None, 1 << 60, [here])


class Commands(unittest.TestCase):
    def test_every_client_sends_the_contents_of_the_directory_below_the_prefix(self):
        with temporary_lab() as here:
            for client in clients.CLIENTS:
                for kind in client.kinds:
                    job = clients.Job(here, kind, "/source", "http://127.0.0.1:81", "b", "p/x", "/journal")
                    words, variables = client.command(job), client.variables(job)
                    if isinstance(client, clients.Rclone):
                        self.assertIn("lab:b/p/x", words)
                    else:
                        self.assertIn("s3://b/p/x/", words)
                    for name, path in variables.items():
                        self.assertTrue(os.path.exists(path), name)

    def test_settings_of_aws_are_in_its_file(self):
        with temporary_lab() as here:
            job = clients.Job(here, SMALL, "/source", "http://127.0.0.1", "b", "p", "/journal")
            with open(clients.AwsTuned().variables(job)["AWS_CONFIG_FILE"], encoding="utf-8") as file:
                self.assertIn("  max_concurrent_requests = 64\n", file.read())


class CommandLine(unittest.TestCase):
    def test_small_files_are_sent_with_and_without_latency(self):
        self.assertEqual(main.plan(main.parse([])), [FAST, SLOW, BIG])
        self.assertEqual(main.plan(main.parse(["--latency-ms", "5"])), [(SMALL, 5), (LARGE, 5)])
        self.assertEqual(main.plan(main.parse(["--kinds", "large"])), [BIG])
        self.assertEqual(main.plan(main.parse(["--server", "rgw"])), [FAST, BIG])

    def test_sizes_follow_the_server_and_quick(self):
        def chosen(*arguments):
            options = main.parse(list(arguments))
            return options.passes, options.files, options.large_size
        self.assertEqual(chosen(), (3, 10000, 4 << 30))
        self.assertEqual(chosen("--quick"), (1, 2000, 512 << 20))
        self.assertEqual(chosen("--server", "rgw"), (3, 10000, 1 << 30))
        self.assertEqual(chosen("--quick", "--files", "7", "--large-size", "9MiB"), (1, 7, 9 << 20))

    def test_another_client_is_first_in_each_pass(self):
        self.assertEqual([main.rotated(["a", "b", "c"], number)[0] for number in (1, 2, 3, 4)], list("abca"))
        self.assertEqual(sorted(main.rotated(["a", "b", "c"], 2)), ["a", "b", "c"])

    def test_sizes_are_said_as_people_do(self):
        self.assertEqual([main.human(count) for count in (8192, 4 << 30, 512 << 20, 12)],
                         ["8 KiB", "4 GiB", "512 MiB", "12 bytes"])

    def test_wrong_use_is_refused_with_the_reason(self):
        for arguments, reason in ((["--peers", "nfs"], "nfs"), (["--passes", "0"], "not within"),
                                  (["--large-size", "big"], "512M"), (["--kinds", "medium"], "medium"),
                                  (["--endpoint", "http://x"], "--bucket"),
                                  (["--server", "rgw", "--latency-ms", "5"], "dev bucket")):
            words = io.StringIO()
            with contextlib.redirect_stderr(words), self.assertRaises(SystemExit) as ended:
                main.parse(arguments)
            self.assertEqual(ended.exception.code, 2, arguments)
            self.assertIn(reason, words.getvalue())


if __name__ == "__main__":
    unittest.main()
