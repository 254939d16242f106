"""What vx9 itself refuses, and the exit statuses that say so.

The statuses are those of timeout(1) and the shells, so that a script can tell a failing
guest from a failing vx9: anything below 124 is the guest's own.
"""

from typing import Final

TIME_LIMIT: Final = 124
OUR_ERROR: Final = 125
NOT_A_PROGRAM: Final = 126
NOT_FOUND: Final = 127
INTERRUPTED: Final = 130
KILLED: Final = 137
TERMINATED: Final = 143


class Refusal(Exception):
    """One line for the user, 'THING: what is wrong; remedy', and the exit status."""

    def __init__(self, message: str, status: int = OUR_ERROR) -> None:
        super().__init__(message)
        self.status = status
