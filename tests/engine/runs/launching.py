"""Command lines in real processes, which a test can watch and signal."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = (sys.executable, ROOT / "train_test.py")
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2")
_LIMIT = 120  # seconds


class Command:
    """A command line that runs.

    Attributes:
        workers: the processes that it has started, and which started_workers() has seen.
    """

    def __init__(self, folder, *words):
        folder.mkdir(parents=True, exist_ok=True)
        self.out, self.err = folder / "out.txt", folder / "err.txt"
        self.workers = []
        with open(self.out, "w") as out, open(self.err, "w") as err:
            words = [str(word) for word in words]
            self.process = subprocess.Popen(words, stdout=out, stderr=err, cwd=folder)

    def wait_for(self, is_so):
        """Waits until something is so, while the command runs."""
        end = time.monotonic() + _LIMIT
        while not is_so():
            assert self.process.poll() is None, self.err.read_text()
            assert time.monotonic() < end, self.out.read_text()
            time.sleep(0.02)

    def started_workers(self, count):
        """The ids of its processes in the order of their ranks."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        self.wait_for(lambda: len(children.read_text().split()) >= count)
        self.workers = [int(pid) for pid in children.read_text().split()]
        return self.workers

    def ended(self):
        """Exit status, stdout and stderr. Its processes have ended as well."""
        try:
            status = self.process.wait(_LIMIT)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGTERM)
            raise
        assert not [pid for pid in self.workers if Path(f"/proc/{pid}").exists()]
        return status, self.out.read_text(), self.err.read_text()


def kill(pid):
    os.kill(pid, signal.SIGKILL)
