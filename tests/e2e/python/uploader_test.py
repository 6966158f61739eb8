# SPDX-License-Identifier: Apache-2.0
"""Goal: what the module promises holds against a real service.
Method: uploader_test.py ENDPOINT BUCKET_DIRECTORY WORK_DIRECTORY; the dev bucket's files are read
directly."""
import os
import pickle
import sys
import threading
import unittest

from shoal_uploader import Uploaded, UploadError, Uploader

ENDPOINT, BUCKET, WORK = sys.argv[1:4]


def content(key):
    with open(os.path.join(BUCKET, key), "rb") as file:
        return file.read()


def opened(prefix, scheme="s3", **options):
    return Uploader(f"{scheme}://b/{prefix}", endpoint=ENDPOINT, **options)


class RoundTrip(unittest.TestCase):
    def test_all_kinds_of_bytes_arrive(self):
        with opened("kinds") as uploader:
            uploads = {
                "bytes": uploader.put_object("bytes", b"\0one"),
                "bytearray": uploader.put_object("bytearray", bytearray(b"two")),
                "view": uploader.put_object("view", memoryview(b"-three-")[1:6]),
                "steps": uploader.put_object("steps", memoryview(b"f.o.u.r")[::2]),
                "empty": uploader.put_object("empty", b""),
                "emptyarray": uploader.put_object("emptyarray", bytearray()),
            }
            result = uploads["bytes"].result()
            self.assertIsInstance(result, Uploaded)
            self.assertEqual((result.key, result.bytes), ("kinds/bytes", 4))
            self.assertEqual(uploads["bytes"].etag, result.etag)
            self.assertTrue(uploads["bytes"].done())
        expected = {"bytes": b"\0one", "bytearray": b"two", "view": b"three", "steps": b"four",
                    "empty": b"", "emptyarray": b""}
        self.assertEqual({key: content("kinds/" + key) for key in expected}, expected)

    def test_a_copied_file_may_change_at_once(self):
        path = os.path.join(WORK, "model.ckpt")
        with opened("copies") as uploader:
            for step in range(5):
                with open(path, "w", encoding="ascii") as file:
                    file.write(f"step {step}")
                uploader.put_object_from_file(f"ckpt-{step}", path, copy=True)
            os.remove(path)
        self.assertEqual([content(f"copies/ckpt-{step}") for step in range(5)],
                         [f"step {step}".encode() for step in range(5)])

    def test_the_last_write_to_a_key_wins(self):
        with opened("last") as uploader:
            for number in range(20):
                uploader.put_object("key", str(number).encode())
        self.assertEqual(content("last/key"), b"19")

    def test_append_and_delete(self):
        with opened("log", scheme="oss") as uploader:
            first = uploader.append_object("log", 0, b"one ").result()
            self.assertEqual(first.next_position, 4)
            self.assertEqual(uploader.append_object("log", None, b"two").result().next_position, 7)
            self.assertEqual(content("log/log"), b"one two")
            with self.assertRaises(UploadError) as caught:
                uploader.append_object("log", 3, b"x").result()
            self.assertEqual(caught.exception.code, "precondition")
            with self.assertRaises(UploadError):
                uploader.flush()  # which tells it, once
            uploader.delete_object("log").result()
            uploader.delete_object("log").result()
        self.assertFalse(os.path.exists(os.path.join(BUCKET, "log/log")))

    def test_stats_count(self):
        with opened("stats") as uploader:
            uploader.put_object("a", b"12345")
            uploader.flush()
            stats = uploader.stats()
        self.assertEqual((stats["accepted"], stats["sent"], stats["sent_bytes"], stats["pending"]),
                         (1, 1, 5, 0))


class Errors(unittest.TestCase):
    def error(self, code, call, *arguments, **options):
        with self.assertRaises(UploadError) as caught:
            call(*arguments, **options)
        self.assertEqual(caught.exception.code, code, caught.exception)
        return caught.exception

    def test_mistakes(self):
        with opened("errors") as uploader:
            gone = self.error("not_found", uploader.put_object_from_file, "k", "/no/such/file")
            self.assertIn("/no/such/file", gone.message)
            self.error("bad_input", uploader.put_object, "", b"x")
            self.error("bad_input", uploader.put_object, "a\0b", b"x")
            self.error("bad_input", uploader.append_object, "a", -1, b"x")
            self.assertRaises(TypeError, uploader.put_object, "k", "text")
            self.error("precondition", opened, "errors")  # the same journal, twice
        self.error("bad_input", Uploader, "ftp://b")
        self.assertRaises(TypeError, opened, "errors", colour="blue")
        self.error("bad_input", opened, "errors", durability="none")
        self.error("closed", uploader.put_object, "k", b"x")
        uploader.close()

    def test_no_clobber(self):
        with opened("once") as uploader:
            uploader.put_object("key", b"first", no_clobber=True).result()
            second = uploader.put_object("key", b"second", no_clobber=True)
            error = self.error("precondition", second.result)
            self.assertIn("once/key", error.message)
            self.assertEqual(str(pickle.loads(pickle.dumps(error))), str(error))
            self.error("precondition", uploader.flush)
        self.assertEqual(content("once/key"), b"first")

    def test_append_on_s3_is_unsupported(self):
        with opened("s3log") as uploader:
            self.error("unsupported", uploader.append_object("log", None, b"x").result)
            self.error("unsupported", uploader.flush)

    def test_waiting_has_an_end(self):
        uploader = Uploader("s3://b/dead", endpoint="http://127.0.0.1:1", retry_for=60)
        upload = uploader.put_object("key", b"x")
        self.error("timeout", upload.result, timeout=0.2)
        self.assertFalse(upload.done())
        self.error("timeout", uploader.flush, timeout=0.2)
        uploader.close()
        self.error("closed", upload.result)

    def test_what_was_accepted_goes_on_when_the_journal_is_opened_again(self):
        journal = os.path.join(WORK, "journal-again")
        first = opened("again", journal=journal)
        for number in range(50):
            first.put_object(f"k{number}", b"x" * number)
        first.close()  # gives up what is under way
        with opened("again", journal=journal) as second:
            second.flush()
        self.assertEqual([len(content(f"again/k{number}")) for number in range(50)], list(range(50)))


class Threads(unittest.TestCase):
    def test_many_threads_use_one_uploader(self):
        with opened("threads") as uploader:
            def work(number):
                for i in range(20):
                    uploader.put_object(f"{number}/{i}", f"{number} {i}".encode()).result()
            threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertTrue(all(content(f"threads/{number}/{i}") == f"{number} {i}".encode()
                            for number in range(8) for i in range(20)))

    def test_waiting_lets_other_threads_run(self):
        with opened("gil") as uploader:
            upload = uploader.put_object("key", b"x")  # the bucket takes 100 ms
            counted = 0
            waiter = threading.Thread(target=upload.result)
            waiter.start()
            while waiter.is_alive():
                counted += 1
        self.assertGreater(counted, 1000)

    def test_a_forked_child_is_refused_and_harms_nothing(self):
        with opened("fork") as uploader:
            upload = uploader.put_object("key", b"x")
            child = os.fork()
            if child == 0:
                codes = []
                for call in (lambda: uploader.put_object("k", b"x"), upload.result, uploader.flush):
                    try:
                        call()
                    except UploadError as error:
                        codes.append(error.code)
                uploader.close()
                os._exit(0 if codes == ["closed"] * 3 else 1)
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
            upload.result()


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
