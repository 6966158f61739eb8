# SPDX-License-Identifier: Apache-2.0
"""Sends objects to a bucket and loses none, without making the program wait.

    from shoal_uploader import Uploader

    with Uploader("oss://models/run-7") as uploader:
        for step in range(steps):
            train()
            if step % 100 == 0:
                save("/tmp/model.ckpt")
                uploader.put_object_from_file(f"model.ckpt-{step}", "/tmp/model.ckpt", copy=True)
        uploader.flush()

A call that returns has accepted the work: it is in a journal on the local disk and survives the death
of the process. The Upload it returns becomes done when the bucket has confirmed the object under its
checksum. What a process that died left behind goes on when the journal is opened again.

Needs Python 3.8 and libshoal_uploader.so, and no other package. The library is taken from
$SHOAL_UPLOADER_LIBRARY (a file), else from beside this file, ../lib, a build directory of the tree,
or where the system's linker looks.

Threads: every call may be made from any thread; those that wait let the others run. An Uploader is
opened in the process that uses it: after a fork, open another one.
"""
from __future__ import annotations

import ctypes
import glob
import os
import threading
import time
from ctypes import POINTER, byref, c_char_p, c_double, c_int, c_int64, c_size_t, c_uint64, c_void_p
from typing import Any, Dict, List, NamedTuple, Optional, Union

__all__ = ["Uploader", "Upload", "Uploaded", "UploadError", "FOR_EVER"]

Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
Key = Union[str, bytes]

FOR_EVER = 2**64 - 1
_AT_END = 2**64 - 1
_NAME = "libshoal_uploader.so"


class UploadError(Exception):
    """Why something failed.

    code: "not_found", "precondition", "permission", "throttled", "timeout", "unavailable", "corrupt",
    "no_space", "limit", "canceled", "bad_input", "unsupported", "io", "closed" or "bug".
    message: what failed, on what and why. remedy: what to do; may be empty.
    """

    def __init__(self, code: str, message: str, remedy: str = "") -> None:
        text = f"{message} ({code})" + (f". {remedy}" if remedy else "")
        super().__init__(text)
        self.code = code
        self.message = message
        self.remedy = remedy

    def __reduce__(self) -> Any:  # arguments are not those of Exception
        return UploadError, (self.code, self.message, self.remedy)


class Uploaded(NamedTuple):
    """What the bucket has confirmed."""

    key: str  # whole, with the URL's prefix
    etag: str
    bytes: int
    next_position: int  # append: size of the object afterwards
    was_there: bool  # sent by an earlier process that died before it could note it


# ---- the C interface, include/shoal/uploader_c.h


class _Options(ctypes.Structure):
    _fields_ = [
        ("struct_bytes", c_size_t), ("endpoint", c_char_p), ("region", c_char_p),
        ("profile", c_char_p), ("credentials_file", c_char_p), ("addressing", c_char_p),
        ("signature", c_char_p), ("no_sign_request", c_int), ("durability", c_int),
        ("journal", c_char_p), ("memory_bytes_max", c_uint64), ("journal_bytes_max", c_uint64),
        ("pending_max", c_uint64), ("accept_timeout_ms", c_uint64),
        ("requests_in_flight_max", c_uint64), ("requests_per_second_max", c_double),
        ("bytes_per_second_max", c_double), ("part_bytes", c_uint64),
        ("single_put_bytes_max", c_uint64), ("retry_for_s", c_uint64),
    ]


class _PutOptions(ctypes.Structure):
    _fields_ = [("struct_bytes", c_size_t), ("no_clobber", c_int), ("if_match", c_char_p),
                ("content_type", c_char_p), ("copy", c_int)]


class _Uploaded(ctypes.Structure):
    _fields_ = [("struct_bytes", c_size_t), ("key", c_char_p), ("etag", c_char_p),
                ("bytes", c_uint64), ("next_position", c_uint64), ("was_there", c_int)]


_STATS = ("accepted", "recovered", "pending", "pending_bytes", "waiting", "sent", "sent_bytes",
          "found_there", "refused", "wire_bytes", "requests", "parts_resumed", "changed_files",
          "retries", "throttled", "memory_bytes", "journal_bytes")


class _Stats(ctypes.Structure):
    _fields_ = [("struct_bytes", c_size_t)] + [(name, c_uint64) for name in _STATS]


def _candidates() -> List[str]:
    here = os.path.dirname(os.path.abspath(__file__))
    tree = os.path.dirname(os.path.dirname(here))
    # The last one is the place when both are installed: lib/shoal/python and lib.
    found = [os.path.join(here, _NAME), os.path.join(here, "..", "lib", _NAME),
             os.path.join(here, "..", "..", _NAME)]
    built = glob.glob(os.path.join(tree, "build*", "lib", _NAME))
    built += glob.glob(os.path.join(tree, "build", "*", "lib", _NAME))
    # The newest build, which is the one being worked on.
    return found + sorted(built, key=os.path.getmtime, reverse=True)


def _load() -> ctypes.CDLL:
    named = os.environ.get("SHOAL_UPLOADER_LIBRARY")
    if named:
        try:
            return ctypes.CDLL(named)
        except OSError as error:
            raise ImportError(f"SHOAL_UPLOADER_LIBRARY names {named}, which cannot be loaded: "
                              f"{error}") from None
    tried = _candidates()
    for path in tried:
        if os.path.exists(path):
            try:
                return ctypes.CDLL(path)
            except OSError as error:
                raise ImportError(f"{path} cannot be loaded: {error}. Install the packages it needs, "
                                  "or build it again on this machine.") from None
    for name in (_NAME, _NAME + ".0"):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise ImportError(f"{_NAME} was not found (looked at {', '.join(tried)} and where the system's "
                      "linker looks). Build it (`ninja -C build/release lib/libshoal_uploader.so`) "
                      "or name it in SHOAL_UPLOADER_LIBRARY.")


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    def function(name: str, result: Any, *arguments: Any) -> None:
        try:
            declared = getattr(library, name)
        except AttributeError:
            raise ImportError(f"{library._name} has no {name}: it is of another version than this "
                              "module. Install both from the same release.") from None
        declared.restype = result
        declared.argtypes = arguments

    handle, error = c_void_p, c_void_p
    function("shoal_error_name", c_char_p, error)
    function("shoal_error_message", c_char_p, error)
    function("shoal_error_remedy", c_char_p, error)
    function("shoal_error_free", None, error)
    function("shoal_uploader_open", error, c_char_p, POINTER(_Options), POINTER(c_void_p))
    function("shoal_uploader_close", None, handle)
    function("shoal_uploader_put_object", error, handle, c_char_p, c_void_p, c_size_t,
             POINTER(_PutOptions), POINTER(c_void_p))
    function("shoal_uploader_put_object_from_file", error, handle, c_char_p, c_char_p,
             POINTER(_PutOptions), POINTER(c_void_p))
    function("shoal_uploader_append_object", error, handle, c_char_p, c_uint64, c_void_p, c_size_t,
             POINTER(c_void_p))
    function("shoal_uploader_remove_object", error, handle, c_char_p, POINTER(c_void_p))
    function("shoal_uploader_flush", error, handle, c_int64)
    function("shoal_uploader_get_stats", error, handle, POINTER(_Stats))
    function("shoal_uploader_url", c_char_p, handle)
    function("shoal_uploader_journal", c_char_p, handle)
    function("shoal_upload_wait", c_int, handle, c_int64)
    function("shoal_upload_result", error, handle, POINTER(_Uploaded))
    function("shoal_upload_free", None, handle)
    return library


_library = _declare(_load())


def _text(raw: Optional[bytes]) -> str:
    return os.fsdecode(raw or b"")


def _check(error: Optional[int]) -> None:
    """Raises what a call returned, and gives its memory back."""
    if not error:
        return
    try:
        raised = UploadError(_text(_library.shoal_error_name(error)),
                             _text(_library.shoal_error_message(error)),
                             _text(_library.shoal_error_remedy(error)))
    finally:
        _library.shoal_error_free(error)
    raise raised


def _c_text(name: str, value: Union[Path, None]) -> Optional[bytes]:
    if value is None:
        return None
    raw = os.fsencode(value)
    if b"\0" in raw:
        raise UploadError("bad_input", f"{name} {value!r} holds a NUL byte", "Use another name.")
    return raw


def _milliseconds(timeout: Optional[float]) -> int:
    return -1 if timeout is None else max(0, min(int(timeout * 1000), 2**62))


def _buffer(data: Any) -> "tuple[Any, int]":
    """A pointer to the bytes of any bytes-like object, and their count; copies only what ctypes
    cannot point into (buffers that are read-only and no bytes, or that have gaps)."""
    if isinstance(data, str):
        raise TypeError("data must be bytes-like, not str: encode it first")
    if isinstance(data, bytes):
        return ctypes.cast(c_char_p(data), c_void_p), len(data)
    view = memoryview(data)
    if view.readonly or not view.c_contiguous:
        raw = view.tobytes()
        return ctypes.cast(c_char_p(raw), c_void_p), len(raw)
    count = view.nbytes
    return (ctypes.c_char * count).from_buffer(view.cast("B") if count else bytearray()), count


class Upload:
    """Work that was accepted. Dropping it does not drop the work."""

    def __init__(self, handle: int, key: str) -> None:
        self._handle: Optional[int] = handle
        self._process = os.getpid()
        self.key = key

    def done(self) -> bool:
        """Whether the outcome is there."""
        return self._wait(0)

    def result(self, timeout: Optional[float] = None) -> Uploaded:
        """Waits for the outcome. Raises UploadError: why it was not sent, or "timeout" when
        `timeout` seconds have passed (the work goes on)."""
        # In slices, so that Ctrl-C is noticed while the library waits.
        left = timeout
        while not self._wait(1.0 if left is None else min(left, 1.0)):
            if left is not None:
                left -= 1.0
                if left <= 0:
                    raise UploadError("timeout", f"{self.key}: no outcome within {timeout} s",
                                      "It is still being sent; wait longer.")
        filled = _Uploaded(struct_bytes=ctypes.sizeof(_Uploaded))
        _check(_library.shoal_upload_result(self._handle, byref(filled)))
        return Uploaded(_text(filled.key), _text(filled.etag), filled.bytes, filled.next_position,
                        bool(filled.was_there))

    @property
    def etag(self) -> str:
        """ETag of the object; waits for the outcome."""
        return self.result().etag

    def _wait(self, seconds: float) -> bool:
        if self._process != os.getpid():
            raise _forked()
        return bool(_library.shoal_upload_wait(self._handle, _milliseconds(seconds)))

    def __del__(self) -> None:
        handle, self._handle = getattr(self, "_handle", None), None
        if handle and self._process == os.getpid():
            _library.shoal_upload_free(handle)

    def __repr__(self) -> str:
        return f"<Upload {self.key!r}>"


def _forked() -> UploadError:
    return UploadError("closed", "the uploader was opened in the parent process and has no threads "
                       "in this one", "Open an Uploader with a journal of its own after the fork "
                       "(with multiprocessing: in the worker, or use the spawn method).")


class Uploader:
    """An open journal and what sends it.

    url: "oss://bucket/prefix", "s3://bucket/prefix" or "file:///directory". Options, all optional:
    endpoint, region, profile, credentials_file, addressing ("auto", "virtual", "path", "cname"),
    signature ("v4", "v1"), sign_requests (False: anonymous), journal (a directory; one process at a
    time), durability ("power_loss" or "process_death"), memory_bytes_max, journal_bytes_max,
    pending_max, accept_timeout (seconds), requests_in_flight_max, requests_per_second_max,
    bytes_per_second_max, part_bytes, single_put_bytes_max, retry_for (seconds, or FOR_EVER). Keys come
    from the environment or from profile files, as for every program of Shoal.

    Raises UploadError when it cannot be opened: "bad_input", "permission" (no keys), "precondition"
    (another process has the journal), "io".
    """

    def __init__(self, url: str, **options: Any) -> None:
        self._handle: Optional[int] = None
        self._process = os.getpid()
        self._state = threading.Condition()
        self._calls = 0  # under way; close() waits for them. Guarded by _state
        handle = c_void_p()
        _check(_library.shoal_uploader_open(_c_text("url", url), byref(_options(options)),
                                            byref(handle)))
        self._handle = handle.value
        self.url = _text(_library.shoal_uploader_url(self._handle))
        self.journal = _text(_library.shoal_uploader_journal(self._handle))

    def put_object(self, key: Key, data: Any, *, no_clobber: bool = False,
                   if_match: Optional[str] = None, content_type: Optional[str] = None) -> Upload:
        """Sends bytes, which are copied before the call returns. `key` is relative to the URL."""
        pointer, count = _buffer(data)
        options = _put_options(no_clobber, if_match, content_type, copy=False)
        return self._accept(key, lambda handle, name, upload: _library.shoal_uploader_put_object(
            handle, name, pointer, count, byref(options), upload))

    def put_object_from_file(self, key: Key, path: Path, *, copy: bool = False,
                             no_clobber: bool = False, if_match: Optional[str] = None,
                             content_type: Optional[str] = None) -> Upload:
        """Sends a file. Without `copy` it must stay until the outcome; with it, it may be changed or
        deleted as soon as the call has returned."""
        options = _put_options(no_clobber, if_match, content_type, copy)
        file = _c_text("path", path)
        return self._accept(
            key, lambda handle, name, upload: _library.shoal_uploader_put_object_from_file(
                handle, name, file, byref(options), upload))

    def append_object(self, key: Key, position: Optional[int], data: Any) -> Upload:
        """Appends at `position`, the size of the object (None: at its end). OSS only."""
        pointer, count = _buffer(data)
        at = _AT_END if position is None else position
        if not 0 <= at <= _AT_END:
            raise UploadError("bad_input", f"append to {key!r}: position {position} is negative")
        return self._accept(key, lambda handle, name, upload: _library.shoal_uploader_append_object(
            handle, name, at, pointer, count, upload))

    def delete_object(self, key: Key) -> Upload:
        """Deletes an object; a missing one is no error."""
        return self._accept(key, _library.shoal_uploader_remove_object)

    def flush(self, timeout: Optional[float] = None) -> None:
        """Waits until everything accepted so far has an outcome. Raises the first error that no
        flush has raised yet, or UploadError "timeout" after `timeout` seconds."""
        left = timeout
        while True:
            # In slices, so that Ctrl-C is noticed while the library waits.
            slice_s = 1.0 if left is None else min(left, 1.0)
            began = time.monotonic()
            try:
                self._call(lambda handle: _check(
                    _library.shoal_uploader_flush(handle, _milliseconds(slice_s))))
                return
            except UploadError as error:
                # An upload that failed with "timeout" is told as soon as it is known.
                if error.code != "timeout" or time.monotonic() - began < slice_s:
                    raise
                if left is not None:
                    left -= slice_s
                    if left <= 0:
                        raise

    def stats(self) -> Dict[str, int]:
        """Counts since the uploader was opened: accepted, pending, sent, refused, ..."""
        filled = _Stats(struct_bytes=ctypes.sizeof(_Stats))
        self._call(lambda handle: _check(_library.shoal_uploader_get_stats(handle, byref(filled))))
        return {name: getattr(filled, name) for name in _STATS}

    def close(self) -> None:
        """Gives up what is under way and keeps it in the journal; flush() first to wait. May be
        called twice."""
        with self._state:
            handle, self._handle = self._handle, None
            if self._process != os.getpid():
                return  # the threads to end are the parent's
            self._state.wait_for(lambda: self._calls == 0)
        if handle:
            _library.shoal_uploader_close(handle)

    def __enter__(self) -> "Uploader":
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        """Waits for the outcomes, unless the block ends with an error, and closes."""
        try:
            if kind is None:
                self.flush()
        finally:
            self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self.close()

    def _accept(self, key: Key, start: Any) -> Upload:
        name = _c_text("key", key)
        upload = c_void_p()
        self._call(lambda handle: _check(start(handle, name, byref(upload))))
        return Upload(upload.value or 0, _text(name))

    def _call(self, call: Any) -> Any:
        """Runs `call(handle)`; close() waits until it has returned."""
        if self._process != os.getpid():
            raise _forked()
        with self._state:
            handle = self._handle
            if handle is None:
                raise UploadError("closed", "the uploader is closed", "Open another one.")
            self._calls += 1
        try:
            return call(handle)
        finally:
            with self._state:
                self._calls -= 1
                self._state.notify_all()


_TEXT_OPTIONS = ("endpoint", "region", "profile", "credentials_file", "addressing", "signature",
                 "journal")
_NUMBER_OPTIONS = ("memory_bytes_max", "journal_bytes_max", "pending_max", "requests_in_flight_max",
                   "requests_per_second_max", "bytes_per_second_max", "part_bytes",
                   "single_put_bytes_max")
_DURABILITY = {"power_loss": 0, "process_death": 1}


def _options(given: Dict[str, Any]) -> _Options:
    options = _Options(struct_bytes=ctypes.sizeof(_Options))
    for name, value in given.items():
        if value is None:
            continue
        if name in _TEXT_OPTIONS:
            setattr(options, name, _c_text(name, value))
        elif name in _NUMBER_OPTIONS:
            if value < 0:
                raise UploadError("bad_input", f"{name} is {value}", "Use a positive number.")
            setattr(options, name, value)
        elif name == "sign_requests":
            options.no_sign_request = 0 if value else 1
        elif name == "durability":
            if value not in _DURABILITY:
                raise UploadError("bad_input", f"durability is {value!r}",
                                  "Use 'power_loss' or 'process_death'.")
            options.durability = _DURABILITY[value]
        elif name == "accept_timeout":
            options.accept_timeout_ms = max(1, _milliseconds(value))
        elif name == "retry_for":
            options.retry_for_s = value if value == FOR_EVER else max(1, int(value))
        else:
            raise TypeError(f"Uploader has no option {name!r}")
    return options


def _put_options(no_clobber: bool, if_match: Optional[str], content_type: Optional[str],
                 copy: bool) -> _PutOptions:
    return _PutOptions(ctypes.sizeof(_PutOptions), int(no_clobber), _c_text("if_match", if_match),
                       _c_text("content_type", content_type), int(copy))
