"""python -m vx9: the vx9 command."""

import sys

from vx9.userland.cli import main

sys.exit(main())
