"""vx9: Plan 9 programs, and untrusted 32-bit x86 code, inside an ordinary Linux process."""

__version__ = "0.1.0"
