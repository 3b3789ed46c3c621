"""Says how each operation of a client went: a line `operation<TAB>pass`, or
`operation<TAB>the reason why not`."""

import os
import sys
import time

MODEL = os.environ["SERVERY_MODEL"]  # main.default.sums: x, y (double) -> sum
ENDPOINT = os.environ["SERVERY_ENDPOINT"]


def operation(name, call):
    try:
        value = call()
    except Exception as error:  # whatever the client raises is the result
        print(f"{name}\t{type(error).__name__}: {' '.join(str(error).split())[:300]}", flush=True)
        return None
    print(f"{name}\tpass", flush=True)
    return value


def check(condition, got):
    if not condition:
        raise AssertionError(f"unexpected answer {got!r}")


def until(done, seconds=60):
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(f"not done after {seconds} s")
        time.sleep(0.05)


def sums(answer, want=(3.5, 7.0)):
    rows = answer["predictions"]
    check([row["sum"] for row in rows] == list(want), rows)
