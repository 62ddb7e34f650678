"""Start a framework without its chatter."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# The lines of TensorFlow's C++ parts that every start without a GPU prints, whatever
# TF_CPP_MIN_LOG_LEVEL says, because they come before that is read.
CHATTER = re.compile(
    r"WARNING: All log messages before absl|"
    r"[IWE]\d{4} .*(cudart_stub|cuda_platform|port\.cc|cpu_feature_guard|computation_placer|"
    r"cuda_dnn|cuda_fft|cuda_blas|service\.cc|util\.cc)|"
    r"To enable the following instructions"
)


@contextmanager
def quiet_start(chatter: re.Pattern[str] = CHATTER) -> Iterator[None]:
    """Hold back what is written to the process's standard error, and pass on all but chatter.

    Args:
        chatter: what a line begins with that says nothing; TensorFlow's if not told.
    """
    try:
        sys.stderr.flush()
        before = os.dup(2)
    except OSError:  # no standard error at all
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(before, 2)
            os.close(before)
            held.seek(0)
            lines = held.read().decode("utf-8", "replace").splitlines()
            for line in lines:
                if line.strip() and not chatter.match(line):
                    print(line, file=sys.stderr)
