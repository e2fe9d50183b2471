"""How commands end when somebody presses Ctrl-C, once and twice."""

import multiprocessing
import os
import signal
import time

import pytest

from vantage3d.process.command import INTERRUPTED, CommandError, one_message

_CONTEXT = multiprocessing.get_context("fork")


def test_the_first_lets_the_block_tidy_up(capsys):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in background
    tidied = []

    def work():
        with one_message("stopped"):
            try:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(10)
            finally:
                tidied.append(True)

    with pytest.raises(CommandError, match="stopped"):
        work()
    assert tidied and capsys.readouterr().err == "stopped\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_second_leaves_at_once():
    """While the block takes a minute to tidy up."""
    tidying = _CONTEXT.Event()

    def work():
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with one_message("stopped"):
            try:
                os.kill(os.getpid(), signal.SIGINT)
            finally:
                tidying.set()
                time.sleep(60)

    process = _CONTEXT.Process(target=work)
    process.start()
    assert tidying.wait(20)
    sent = time.monotonic()
    os.kill(process.pid, signal.SIGINT)
    process.join(10)
    assert process.exitcode == INTERRUPTED
    assert time.monotonic() - sent < 1
