"""Run one server so that it cannot outlive the process that wanted it.

Started by ``cli.embedded.process`` as a script of its own, with the standard library alone. It
starts the server as its child and then waits for one of three things: the server ends; an order
comes through the lifeline pipe (``s`` stop, ``k`` kill); or the pipe closes, because its owner
stopped, crashed or was killed. The last ends the server like ``s`` does, and so does SIGTERM. Where the kernel knows
how (Linux), the server is ended too if this process is killed.

A pipe and not a parent-death signal from the owner itself: that signal follows the owner's
*thread*, and would end a server that a short-lived worker thread had started.
"""

import ctypes
import fcntl
import os
import select
import signal
import sys
import time

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Run the server that *arguments* describe and return its exit status (128+n for signal n)."""
    lifeline, report, stop_signal, uid, gid = (int(word) for word in arguments[:5])
    grace_s, command = float(arguments[5]), arguments[6:]
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(ignored, signal.SIG_IGN)
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write)
    for heard in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(heard, lambda *_: None)

    me = os.getpid()
    server = os.fork()
    if server == 0:
        os.close(lifeline)
        _become(command, stop_signal, uid, gid, parent=me, report=report)
    os.close(report)

    return _watch(server, lifeline, wake_read, stop_signal, grace_s)


def _watch(server: int, lifeline: int, woken: int, stop_signal: int, grace_s: float) -> int:
    """Pass orders on to *server* until it is gone; return its exit status."""
    kill_at: float | None = None
    while True:
        pid, status = os.waitpid(server, os.WNOHANG)
        if pid:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        patience = None if kill_at is None else max(0.0, kill_at - time.monotonic())
        # Not select: who starts a server may have thousands of files open, and this is one of them.
        watched = select.poll()
        for number in (woken, lifeline):
            if number >= 0:
                watched.register(number, select.POLLIN)
        ready = {
            number for number, _ in watched.poll(None if patience is None else patience * 1000)
        }
        signals = os.read(woken, 64) if woken in ready else b""
        order = b"s" if signal.SIGTERM in signals else None
        if lifeline in ready:
            order = os.read(lifeline, 1)
            lifeline = lifeline if order else -1
        if order == b"k":
            os.kill(server, signal.SIGKILL)
        elif order is not None and kill_at is None:
            os.kill(server, stop_signal)
            kill_at = time.monotonic() + grace_s
        elif kill_at is not None and time.monotonic() >= kill_at:
            os.kill(server, signal.SIGKILL)
            kill_at = None


def _become(
    command: list[str], stop_signal: int, uid: int, gid: int, *, parent: int, report: int
) -> None:
    """Turn this fresh child into the server; say through *report* who it is, and why that failed."""
    try:
        # Said here and not by the parent, so that it comes before what may follow.
        os.write(report, f"{os.getpid()}\n".encode())
        fcntl.fcntl(report, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
        for changed in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(changed, signal.SIG_DFL)
        os.setpgid(0, 0)
        if uid >= 0:
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
        if sys.platform == "linux":
            # After the change of user, which clears it.
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, stop_signal)
        if os.getppid() == parent:
            os.execv(command[0], command)  # noqa: S606 - the server itself
    except OSError as error:
        os.write(report, f"!{command[0]}: {error.strerror}".encode())
    finally:
        os._exit(127)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
