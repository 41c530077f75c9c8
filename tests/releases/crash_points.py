"""Run as a program: release a review again and again, each time dying at another operation on the disk.

The operations of one whole release are counted first; then, for each chosen one, a child process makes the
same release and ends itself right there, as a kill would: no exception, no clean-up, and a file that was not
yet asked down to the disk keeps only half of its bytes.
"""

import json
import os
import random
import shutil
import sys
from pathlib import Path

from meta.releases.freeze import freeze_release

DIED = 77

CHANGES = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "fcntl.flock"}


class Fuse:
    """Counts the operations below a folder, and ends the process at one of them."""

    def __init__(self):
        self.folder = None
        self.done = 0
        self.last = None
        self.fsync = os.fsync
        sys.addaudithook(self.hear)
        os.fsync = self.hear_fsync

    def hear(self, event, arguments):
        if self.folder is None or event not in CHANGES:
            return
        if event == "fcntl.flock" or str(arguments[0]).startswith(self.folder):
            if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR):
                return
            self.step()

    def hear_fsync(self, handle):
        if self.folder is not None:
            if self.done + 1 == self.last:
                self.tear(handle)
            self.step()
        self.fsync(handle)

    def tear(self, handle):
        path = os.readlink(f"/proc/self/fd/{handle}")
        if os.path.isfile(path):
            os.truncate(path, os.path.getsize(path) // 2)

    def step(self):
        self.done += 1
        if self.done == self.last:
            os._exit(DIED)


def main(review, work, kills, seed):
    fuse = Fuse()
    base = work / "base"
    freeze_release(review, version="1.0", note="the first", releases=base)

    def copy_and_release(name, last):
        target = work / name
        shutil.copytree(base, target)
        fuse.folder, fuse.done, fuse.last = str(target), 0, last
        freeze_release(review, version="1.1", note="the next", releases=target)
        fuse.folder = None

    copy_and_release("counted", None)
    points = sorted(random.Random(seed).sample(range(1, fuse.done + 1), kills))
    ends = {}
    for point in points:
        child = os.fork()
        if child == 0:
            copy_and_release(f"killed-{point}", point)
            os._exit(0)
        ends[point] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    sys.stdout.write(json.dumps({"operations": fuse.done, "ends": ends}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
