"""A lock on an open file that ends with the process, however that ends."""

from __future__ import annotations

import os
import sys

__all__ = ["lock"]

if sys.platform == "win32":
    import msvcrt

    def lock(descriptor: int) -> bool:
        """Lock a file, unless another process has; whether it worked."""
        os.lseek(descriptor, 1 << 40, os.SEEK_SET)  # beyond its end, where nobody reads
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def lock(descriptor: int) -> bool:
        """Lock a file, unless another process has; whether it worked."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
