"""How a command line tool ends when the user can mend what went wrong."""

import argparse
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from vantage3d.process.lock import release_all

USER_ERROR = 2
INTERRUPTED = 130


class CommandError(SystemExit):
    """Ends the process with ``code``; its text is what the user was told."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(code)
        self.message = message

    def __str__(self) -> str:
        return self.message


@contextmanager
def one_message(when_interrupted: str) -> Iterator[None]:
    """Turn errors of the block into one line on stderr and an exit code.

    The first Ctrl-C lets the block tidy up, a second one leaves at once.

    Args:
        when_interrupted: What to say after Ctrl-C.

    Raises:
        CommandError: With code 2 for errors of values, files, missing packages and
            processes that died, 130 after Ctrl-C.
    """
    before = _leave_at_second(when_interrupted)
    try:
        yield
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        sys.stderr.write(f"error: {error}\n")
        raise CommandError(str(error), USER_ERROR) from error
    except KeyboardInterrupt as stop:
        sys.stderr.write(f"{when_interrupted}\n")
        raise CommandError(when_interrupted, INTERRUPTED) from stop
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)


def _leave_at_second(text: str) -> Any:
    """Let a second Ctrl-C end the process; the handler before, None if unchanged."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return None

    def first(signum: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, second)
        raise KeyboardInterrupt

    def second(signum: int, frame: FrameType | None) -> None:
        os.write(sys.stderr.fileno(), f"{text} (left at once)\n".encode())
        for child in multiprocessing.active_children():
            child.kill()
        release_all()
        os._exit(INTERRUPTED)

    return signal.signal(signal.SIGINT, first)


def image_size(text: str) -> tuple[int, int]:
    """``320x240`` as (320, 240), width before height."""
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise argparse.ArgumentTypeError(f"must look like 640x480, got {text!r}")
    return int(width), int(height)
