"""What of the host a guest gets to see: folders, the program's own file, variables.

The host is given, never taken: a name space starts with the image, RAM and the console,
and everything else in it is a Grant that one of the rules below made from an option the
user wrote, the current folder or the program named.  Guest paths equal host paths, so
that what a program prints means the same on both sides.  Source: docs/vx9.md.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from vx9.userland import zone
from vx9.userland.errors import Refusal

# The guest has files of its own at these names; the host's are never put over them unasked.
GUEST_OWN = frozenset(("/", "/bin", "/dev", "/env", "/fd", "/mnt", "/net", "/proc", "/root", "/srv"))
GUEST_OWN_TREES = ("/dev/", "/env/", "/fd/", "/net/", "/proc/", "/srv/")

CERTIFICATES = "/sys/lib/tls/ca.pem"
# Where hosts keep them: Debian, Fedora, openSUSE, Alpine.
BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
           "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem")

Value = str | bytes | list[str]


@dataclass(frozen=True, order=True)
class Grant:
    """A host folder or file and where the guest finds it."""

    guest: str
    host: str
    rw: bool = False
    mem: bool = False  # changes are kept in memory

    def covers(self, path: str) -> bool:
        """Whether the guest path lies in what is granted."""
        return path == self.guest or path.startswith(self.guest.rstrip("/") + "/")


def parse_bind(text: str) -> Grant:
    """A --bind argument: HOST[:GUEST][:ro|rw|mem]."""
    parts = text.split(":")
    how = "ro"
    if len(parts) > 1 and parts[-1] in ("ro", "rw", "mem"):
        how = parts.pop()
    if len(parts) > 2 or not all(parts):
        raise Refusal(f"--bind {text}: not of the form HOST[:GUEST][:ro|rw|mem]")
    host = os.path.abspath(os.path.expanduser(parts[0]))
    if not os.path.exists(host):
        raise Refusal(f"--bind {text}: {parts[0]} does not exist on the host; make it or name another")
    if not (os.path.isdir(host) or os.path.isfile(host)):
        raise Refusal(f"--bind {text}: {parts[0]} is neither a folder nor a plain file")
    if how == "mem" and not os.path.isdir(host):
        raise Refusal(f"--bind {text}: {parts[0]} is not a folder; only those take :mem")
    guest = parts[1] if len(parts) == 2 else host
    if not guest.startswith("/"):
        raise Refusal(f"--bind {text}: the guest's name must begin with /; write {parts[0]}:/{guest}")
    return Grant(os.path.normpath(guest), host, how == "rw", how == "mem")


def usable_cwd(cwd: str) -> bool:
    """Whether the current folder can be bound at its own path without hiding the guest's files."""
    return cwd not in GUEST_OWN and not cwd.startswith(GUEST_OWN_TREES)


def enclosing(folder: str, name: str) -> str | None:
    """The nearest folder, from this one upwards, that has an entry of this name."""
    for place in (folder, *map(str, PurePosixPath(folder).parents)):
        if os.path.exists(os.path.join(place, name)):
            return place
    return None


def goroot(cwd: str, env: Mapping[str, str]) -> str | None:
    """The Go tree that this test belongs to or was built with: $GOROOT, PATH's, or around cwd."""
    def is_goroot(place: str) -> bool:
        return all(os.path.exists(os.path.join(place, name)) for name in ("VERSION", "src/go.mod"))

    candidates = [env.get("GOROOT", "")]
    # go test puts GOROOT/bin first on PATH for what it runs.
    candidates += [os.path.dirname(os.path.abspath(place)) for place in
                   env.get("PATH", "").split(os.pathsep)[:1] if place]
    source = enclosing(cwd, "go.mod")
    if source:
        candidates.append(os.path.dirname(source))
    return next((place for place in candidates if place and is_goroot(place)), None)


def is_go_test(program: str, arguments: Iterable[str]) -> bool:
    """Whether the go command built this to be run in its package's folder."""
    return (os.path.basename(program).endswith(".test") or "/go-build" in program
            or any(argument.startswith("-test.") for argument in arguments))


def go_grants(cwd: str, program: str, env: Mapping[str, str], rw: bool) -> Iterator[Grant]:
    """What a Go test reads beyond its package: its module (or work space) and GOROOT.

    With rw (go_plan9_386_exec) the module may be written, as go test itself allows, and so
    may the folder of the go command's own that the binary and its coverage files lie in.
    """
    root = goroot(cwd, env)
    if root:
        yield Grant(root, root)
    module = enclosing(cwd, "go.work") or enclosing(cwd, "go.mod")
    if module and usable_cwd(module) and not (root and Grant(root, root).covers(module)):
        yield Grant(module, module, rw)
    if not rw:
        return
    folder = os.path.dirname(program)
    if "/go-build" in folder:
        yield Grant(folder, folder, True)
    for name in ("TMPDIR", "GOCOVERDIR"):
        place = os.path.abspath(env[name]) if env.get(name) else ""
        if place and os.path.isdir(place) and usable_cwd(place):
            yield Grant(place, place, True)


def certificates(env: Mapping[str, str], places: Iterable[str] = BUNDLES) -> Iterator[Grant]:
    """The authorities that the host trusts, where a Plan 9 program looks for them."""
    for place in (env.get("SSL_CERT_FILE", ""), *places):
        if place and os.path.isfile(place) and os.access(place, os.R_OK):
            yield Grant(CERTIFICATES, os.path.abspath(place))
            return


def merge(grants: Iterable[Grant]) -> list[Grant]:
    """In binding order, outer folders first, without what an outer one already gives alike.

    Of two at one guest name the later wins: options come after the rules.
    """
    last = {grant.guest: grant for grant in grants}
    kept: list[Grant] = []
    for grant in sorted(last.values()):
        outer = [other for other in kept if other.covers(grant.guest)]
        if outer:
            nearest = outer[-1]
            there = os.path.normpath(os.path.join(nearest.host, os.path.relpath(grant.guest, nearest.guest)))
            if there == grant.host and (nearest.rw, nearest.mem) == (grant.rw, grant.mem):
                continue
        kept.append(grant)
    return kept


def environment(host: Mapping[str, str], settings: Iterable[str], inherit: bool, user: str,
                tmpdir: str) -> dict[str, Value]:
    """The first process's variables: Plan 9's own, the host's if asked for, then --env."""
    env: dict[str, Value] = {}
    if inherit:
        env.update((name, os.fsencode(value)) for name, value in host.items() if "/" not in name)
    env.update(path=[".", "/bin"], home=f"/usr/{user}", user=user, cputype="386", objtype="386",
               service="terminal", sysname="vx9", TMPDIR=tmpdir, timezone=zone.of_host(host))
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not name or "/" in name or name in (".", ".."):
            raise Refusal(f"--env {setting}: {name!r} cannot name a variable; write NAME or NAME=VALUE")
        if equals:
            env[name] = value.split(":") if name == "path" else os.fsencode(value)
        elif name in host:
            env[name] = os.fsencode(host[name])
        else:
            raise Refusal(f"--env {name}: the host has no such variable; write {name}=VALUE")
    return env
