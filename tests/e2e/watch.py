"""Runs a command on a terminal of 60 x 12, looks at its screen, ends it by a key or a signal, and judges what it left.

watch.py q|interrupt COMMAND...
"""
import fcntl
import os
import re
import select
import signal
import struct
import sys
import termios
import time

ROWS, COLUMNS = 12, 60


def read_until(fd, is_enough):
    """What comes from there until it is enough, or its other end is closed, for a minute at most."""
    data, end = b"", time.monotonic() + 60
    while not is_enough(data) and time.monotonic() < end:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                data += os.read(fd, 65536)
            except OSError:
                break
    return data


def fail(why, seen):
    sys.exit(f"{why}\n{seen.decode(errors='replace')!r}")


def main():
    way, command = sys.argv[1], sys.argv[2:]
    terminal, end_of_child = os.openpty()
    before = termios.tcgetattr(terminal)  # before there is a child: it may be the first to run, and change them
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    child = os.fork()
    if child == 0:
        os.close(terminal)
        os.login_tty(end_of_child)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execv(command[0], command)
    os.close(end_of_child)
    seen = read_until(terminal, lambda data: data.count(b"\x1b[H") >= 4)
    if b"\x1b[?1049h" not in seen or seen.count(b"\x1b[H") < 4:
        fail("it should be shown again and again on a screen of its own", seen)
    frame = seen.split(b"\x1b[H")[-2]
    lines = frame.split(b"\r\n")
    if len(lines) > ROWS or any(len(re.sub(rb"\x1b\[[0-9;]*[A-Za-z]", b"", line)) > COLUMNS for line in lines):
        fail("it should fit the terminal", frame)
    if (b"\x1b[31m  failed" in frame) == bool(os.environ.get("NO_COLOR")):
        fail("what has failed should be red, but not with NO_COLOR", frame)
    if b"running" not in frame or b"\x1b[2J" in seen:
        fail("it should show the run, and never a blank screen", frame)
    os.write(terminal, b"q" if way == "q" else b"\x03")
    rest = read_until(terminal, lambda data: False)
    done, end = 0, time.monotonic() + 20
    while done == 0 and time.monotonic() < end:
        time.sleep(0.05)
        done, status = os.waitpid(child, os.WNOHANG)
    if done != child or os.waitstatus_to_exitcode(status) != 0:
        fail(f"it should have left by {way} with 0, and not with {status}", rest)
    if b"\x1b[?1049l" not in rest or b"\x1b[?25h" not in rest:
        fail("it should give the screen and the cursor back", rest)
    if termios.tcgetattr(terminal)[3] != before[3]:
        fail("it should leave the terminal's modes as they were", rest)


main()
