"""Builds a small foreign tree: programs of other people's making, laid out as Plan 9's own.

The programs are C compiled without our library: src/start.S and src/f.c are all they have.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vx9.userland.guest import build, mkaout

SOURCES = Path(__file__).with_name("src")
COMMON = ("start.S", "f.c")
CFLAGS = ("-fno-tree-loop-distribute-patterns", "-Wno-unused-parameter", "-Wno-unused-variable",
          "-Wno-unused-but-set-variable", "-Wno-array-bounds", "-Wno-div-by-zero", "-fno-builtin",
          "-Wno-discarded-qualifiers", "-Wno-clobbered", "-Wno-unused-function")

# A name space file as a tree has it: the root, the devices, the programs.
NAMESPACE = """\
# root
mount -aC #s/boot /root $rootspec
bind -a $rootdir /
bind -c $rootdir/mnt /mnt

# kernel devices
bind #c /dev
bind #d /fd
bind -c #e /env
bind #p /proc
bind -c #s /srv

# standard bin
bind /$cputype/bin /bin
bind -a /rc/bin /bin

bind -c '/usr/'$user'/tmp' /tmp
. /lib/namespace.$sysname
cd /usr/$user
"""

FILES: Mapping[str, str] = {
    "lib/namespace.vx9": "bind /lib /mnt/lib\n",
    "lib/hello": "hello, foreign world\n",
    "adm/users": "-1:adm:adm:\n0:none::\n1:glenda:glenda:\n",
    "adm/timezone/local": "EST -18000 EDT -14400\n",
    "usr/glenda/lib/profile": "echo profile of $user\nbind=done\n",
    "usr/glenda/a file with blanks": "blanks\n",
    "rc/bin/hi": "#!/bin/rc\necho hi from a script: $path\n",
    "rc/lib/rcmain": "# not used by this rc\n",
    "lib/script": "#!/bin/tool args -x\n",
    "lib/quoted": "#!/bin/tool args 'two words'\n",
    "lib/nested": "#!/lib/script deep\n",
    "lib/long": "#!/bin/tool args " + "x" * 40 + "\n",
}
EXECUTABLE = {"rc/bin/hi", "lib/script", "lib/quoted", "lib/nested", "lib/long"}
FOLDERS = ("usr/glenda/tmp", "mnt/lib", "n", "dev", "env", "fd", "net", "proc", "srv", "root",
           "tmp", "bin", "sys/src", "386/bin/aux")


@dataclass(frozen=True)
class Compiler:
    """What makes the programs."""

    words: tuple[str, ...]
    cflags: tuple[str, ...]

    @classmethod
    def find(cls) -> Compiler:
        """The guest compiler of this machine.  Raises BuildError."""
        words, cflags = build.compiler()
        return cls(words, (*cflags, *CFLAGS))

    def program(self, name: str, out: Path, work: Path) -> Path:
        """Compile src/NAME.c to a Plan 9 a.out."""
        elf = work / f"{name}.elf"
        sources = [SOURCES / each for each in (*COMMON, f"{name}.c")]
        done = subprocess.run(
            [*self.words, *self.cflags, *build.LDFLAGS, "-T", build.HERE / "guest.ld",
             "-o", elf, *sources], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        out.write_bytes(mkaout.convert(elf.read_bytes()))
        out.chmod(0o755)
        return out


def programs(work: Path) -> dict[str, bytes]:
    """All programs of src, by name."""
    compiler = Compiler.find()
    return {source.stem: compiler.program(source.stem, work / source.stem, work).read_bytes()
            for source in sorted(SOURCES.glob("*.c")) if source.name not in COMMON}


def make(folder: Path, binaries: Mapping[str, bytes], more: Mapping[str, str] | None = None,
         namespace: str | None = NAMESPACE) -> Path:
    """A tree with the programs in 386/bin, in folder; more are files besides."""
    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    files = {**FILES, **(more or {})}
    if namespace is not None:
        files["lib/namespace"] = namespace
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755 if name in EXECUTABLE else 0o644)
    for name, contents in binaries.items():
        path = folder / "386/bin" / name
        path.write_bytes(contents)
        path.chmod(0o755)
    return folder
