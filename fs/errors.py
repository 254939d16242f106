"""PlanError and every error string of the system.

An error is its text, at most 127 bytes of UTF-8; programs compare some of them, so each has
one name here.  Messages made of several parts are built by the functions at the end.
Source: errstr(2), intro(5); the names follow /sys/src/9/port/error.h.
"""

from __future__ import annotations

from typing import Final

ERRMAX: Final = 128  # bytes, the closing NUL included


class PlanError(Exception):
    """A failure that the caller sees as an error string; str(e) is that string."""

    def __init__(self, text: str) -> None:
        super().__init__(text if len(text) <= 31 else clip(text, ERRMAX - 1))


def clip(text: str, limit: int) -> str:
    """The longest beginning of text of at most limit bytes that ends between characters."""
    if len(text) * 4 <= limit:
        return text
    data = text.encode("utf-8", "surrogateescape")
    if len(data) <= limit:
        return text
    end = limit
    while end > max(limit - 4, 0) and data[end] & 0xC0 == 0x80:
        end -= 1
    return data[:end].decode("utf-8", "surrogateescape")


# fmt: off
EMOUNT:      Final = "inconsistent mount"
EUNMOUNT:    Final = "not mounted"
EISMTPT:     Final = "is a mount point"
EUNION:      Final = "not in union"
EMOUNTRPC:   Final = "mount rpc error"
ESHUTDOWN:   Final = "device shut down"
ENOCREATE:   Final = "mounted directory forbids creation"
ENONEXIST:   Final = "file does not exist"
EDOESNOTEXIST: Final = "does not exist"
EEXIST:      Final = "file already exists"
EBADSHARP:   Final = "unknown device in # filename"
ENOTDIR:     Final = "not a directory"
EISDIR:      Final = "file is a directory"
EBADCHAR:    Final = "bad character in file name"
EFILENAME:   Final = "file name syntax"
EPERM:       Final = "permission denied"
EBADUSEFD:   Final = "inappropriate use of fd"
EBADARG:     Final = "bad arg in system call"
EINUSE:      Final = "device or object already in use"
EIO:         Final = "i/o error"
ETOOBIG:     Final = "read or write too large"
ETOOSMALL:   Final = "read or write too small"
ENOPORT:     Final = "network port not available"
EHUNGUP:     Final = "i/o on hungup channel"
EBADCTL:     Final = "bad process or channel control request"
ENODEV:      Final = "no free devices"
EPROCDIED:   Final = "process exited"
ENOCHILD:    Final = "no living children"
EIOLOAD:     Final = "i/o error in demand load"
ENOVMEM:     Final = "virtual memory allocation failed"
EBADFD:      Final = "fd out of range or not open"
ENOFD:       Final = "no free file descriptors"
EISSTREAM:   Final = "seek on a stream"
EBADEXEC:    Final = "exec header invalid"
ETIMEDOUT:   Final = "connection timed out"
ECONREFUSED: Final = "connection refused"
ECONINUSE:   Final = "connection in use"
EINTR:       Final = "interrupted"
ENOMEM:      Final = "kernel allocate failed"
ESOVERLAP:   Final = "segments overlap"
EMOUSESET:   Final = "mouse type already set"
ESHORT:      Final = "i/o count too small"
EGREG:       Final = "jmk added reentrancy for threads"
EBADSPEC:    Final = "bad attach specifier"
ENOREG:      Final = "process has no saved registers"
ENOATTACH:   Final = "mount/attach disallowed"
ESHORTSTAT:  Final = "stat buffer too small"
EBADSTAT:    Final = "malformed stat buffer"
ENEGOFF:     Final = "negative i/o offset"
ECMDARGS:    Final = "wrong #args in control message"
EBADIP:      Final = "bad ip address syntax"
EDIRSEEK:    Final = "seek in directory"
EMEDIA:      Final = "media or partition has changed"

EEMPTYNAME:  Final = "empty file name"
ENAMETOOLONG: Final = "name too long"
ENODMDIR:    Final = "create without DMDIR"
EEXECDIR:    Final = "cannot exec directory"
EUNKNOWNCTL: Final = "unknown control message"
EEMPTYCTL:   Final = "empty control message"
ENOTE:       Final = "note not posted"
ECLONE:      Final = "clone failed"
EEXITSTR:    Final = "invalid exit string"
EOLDSTAT:    Final = "old stat system call - recompile"
EOLDFSTAT:   Final = "old fstat system call - recompile"
EOLDWSTAT:   Final = "old wstat system call - recompile"
EOLDFWSTAT:  Final = "old fwstat system call - recompile"

# IP: ip(3).
EADDRINUSE:  Final = "address in use"
EANNOUNCED:  Final = "not announced"
ELISTEN:     Final = "listen hungup"
EMALFORMED:  Final = "malformed address"
ENOPORTS:    Final = "no ports left"
ENOROUTE:    Final = "no route"
ENOTLOCAL:   Final = "not a local IP address"
ESHORTCTL:   Final = "short control request"
EUNKNOWNREQ: Final = "unknown control request"
EUNREACHED:  Final = "port unreachable"

# File servers (their words are their own; these are the usual ones).
ENOTEMPTY:   Final = "directory not empty"
EFULL:       Final = "file system full"
EXLOCKED:    Final = "exclusive use file already open"
EREMOVED:    Final = "file has been removed"
ENOTREG:     Final = "not a regular file"
ESRVEXIST:   Final = "srv file already exists"
EBADTIME:    Final = "bad time control"
# fmt: on


def quote(text: str) -> str:
    """text between single quotes, those inside it doubled, as %q prints it."""
    return "'" + text.replace("'", "''") + "'"


def about(name: str, text: str) -> str:
    """text decorated with the name that it is about: 'name' text."""
    return f"{_shown(name, text)} {text}"


def about_last(name: str, text: str) -> str:
    """The same in 9front's way: text: 'name'."""
    return f"{text}: {_shown(name, text)}"


def _shown(name: str, text: str) -> str:
    """name between quotes; of a long one the end, from a slash on if that is near."""
    data = name.encode("utf-8", "surrogateescape")
    most = max(ERRMAX // 3, 2 * ERRMAX // 3 - len(text.encode("utf-8", "surrogateescape")))
    if len(data) < most:
        return quote(name)
    start = at = len(data)
    while len(data) - at < most:
        start = at
        at = max(0, data.rfind(b"/", 1, start))
    if start == len(data):
        start -= ERRMAX // 4
        while start < len(data) and data[start] & 0xC0 == 0x80:
            start += 1
    return quote("..." + data[start:].decode("utf-8", "surrogateescape"))
