"""Lets a run start quickly; imported before everything else that a run needs.

Invoke keeps Python from writing byte code (``--write-pyc`` of its core), so that none is left
beside a ``tasks.py``. Castoff and its libraries would be compiled anew in each run, wherever the
installer did not: pip does not for an editable package, nor uv for any.
"""

import gc
import sys

# A run is short, and most of what it makes is there to its end: to look for garbage after each
# 2,000 objects, as Python does, takes a tenth of it.
OBJECTS_BETWEEN_LOOKS = 100_000

sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)  # what the user asked Python for
gc.set_threshold(OBJECTS_BETWEEN_LOOKS)
