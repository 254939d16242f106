"""Runs the processes of hostile.py, and listens to them.

One process runs case after case; behind a case that ends it another is started, so one failure
names its case, and the others are run all the same.
"""

import json
import subprocess
import threading
import time
from pathlib import Path

from .cases import child

PATIENCE = 30  # seconds without a word from the process


class Said:
    """What became of every case: by its number."""

    def __init__(self) -> None:
        self.done: dict[int, dict[str, str]] = {}
        self.died: dict[int, tuple[int, str]] = {}  # status, stderr

    def wrong(self) -> dict[int, str]:
        """What is wrong with which, when none may end the process."""
        found = {number: what["wrong"] for number, what in self.done.items() if what["wrong"]}
        for number, (status, stderr) in self.died.items():
            found[number] = f"it ended the process ({status}): {stderr.strip()[-500:]}"
        return found


def listen(command: list[str], said: Said) -> int | None:
    """Run one process; the number of the case that ended it, None when it came to its end."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    running: int | None = None
    ended = False
    stderr: list[str] = []
    reader = threading.Thread(target=lambda: stderr.append(process.stderr.read()))
    reader.start()
    heard = [time.monotonic()]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(1):
            if time.monotonic() > heard[0] + PATIENCE:
                process.kill()
    watcher = threading.Thread(target=watch)
    watcher.start()
    for line in process.stdout:
        heard[0] = time.monotonic()
        what = json.loads(line)
        if "start" in what:
            running = what["start"]
        elif "done" in what:
            running = None
            said.done[what.pop("done")] = what
        else:
            ended = True
    status = process.wait()
    over.set()
    watcher.join()
    reader.join()
    process.stdout.close(), process.stderr.close()
    if ended:
        return None
    assert running is not None, f"the process ended between two cases ({status}): {stderr[0]}"
    said.died[running] = (status, stderr[0])
    return running


def run_all(python: list[str], probe: Path, count: int, what: str = "main",
            deaths: int = 20, more: tuple[object, ...] = ()) -> Said:
    """All cases, of which so many may end their process."""
    said = Said()
    first: int | None = 0
    while first is not None and first < count:
        last = listen([*python, *child(probe, first, *more, what=what)], said)
        first = None if last is None else last + 1
        assert len(said.died) <= deaths, said.died
    return said
