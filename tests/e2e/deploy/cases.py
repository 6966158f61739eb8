# SPDX-License-Identifier: Apache-2.0
"""Cases of a part of the test: functions marked with @case, run in order, one PASS, FAIL or SKIP line
each. A case fails by raising Wrong, or by any other exception; it skips by raising Skip."""
import argparse
import sys
import traceback

_cases = []


class Wrong(Exception):
    """What a case found to be wrong, one problem per line."""


class Skip(Exception):
    pass


def case(function):
    _cases.append(function)
    return function


def expect(condition, message):
    if not condition:
        raise Wrong(message)


def expect_none(problems):
    if problems:
        raise Wrong("\n".join(problems))


def run():
    parser = argparse.ArgumentParser()
    for name in ("--root", "--lab", "--endpoint"):
        parser.add_argument(name, required=True)
    asked = parser.parse_args()
    failed = 0
    for function in _cases:
        name = function.__name__.replace("_", " ")
        try:
            function(asked)
            print(f"PASS {name}")
        except Skip as reason:
            print(f"SKIP {name}: {reason}")
        except Wrong as wrong:
            failed += 1
            print(f"FAIL {name}\n    " + "\n    ".join(str(wrong).split("\n")[:40]))
        except Exception:  # a broken case must not end the others
            failed += 1
            print(f"FAIL {name}\n    " + "\n    ".join(traceback.format_exc().split("\n")))
        sys.stdout.flush()
    sys.exit(1 if failed else 0)
