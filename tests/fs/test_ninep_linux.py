"""The 9P client of Linux itself with our server: both dialects, from a kernel in user mode.

It needs root, for a name space with a network of its own and a tap device in it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SERVER = """
import subprocess, sys, threading
from vx9.fs.hostfs import HostFS
from vx9.fs.hostninep import accept, listen, parse, serve

for line in ("tuntap add tap0 mode tap", "addr add 10.77.0.1/24 dev tap0", "link set tap0 up",
             "link set lo up"):
    subprocess.run(["ip", *line.split()], check=True)
fs = HostFS(sys.argv[1], True, "root")
sessions = []

def loop(listener):
    while True:
        sock = accept(listener)
        threading.Thread(target=lambda: sessions.append(serve(sock, fs, owner="root")), daemon=True).start()

threading.Thread(target=loop, args=(listen(parse("tcp!10.77.0.1!564"), True),), daemon=True).start()
subprocess.run(["linux.uml", "mem=256M", "rootfstype=hostfs", "rootflags=/", "ro",
                "init=" + sys.argv[2], "vec0:transport=tap,ifname=tap0,depth=128", "con=null",
                "con0=fd:0,fd:1", "quiet", "loglevel=0"], stdin=subprocess.DEVNULL, timeout=100)
bad = [s.broken or s.errors for s in sessions if s.broken or s.errors]
print("sessions", len(sessions), bad)
"""
INIT = """#!/bin/busybox sh
exec 2>&1
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t tmpfs tmpfs /mnt
$b mkdir /mnt/a
$b ifconfig vec0 10.77.0.2 netmask 255.255.255.0 up
cd {modules}/kernel
for m in fs/netfs/netfs fs/fscache/fscache net/9p/9pnet net/9p/9pnet_fd fs/9p/9p; do
	$b insmod $m.ko || echo "insmod $m failed"
done
echo begin
$b mount -t 9p -o trans=tcp,port=564,version={version},msize=65536,access=any,cache=none,aname=/,uname=root 10.77.0.1 /mnt/a &&
echo mounted
cd /mnt/a
{commands}
cd /
$b umount /mnt/a && echo unmounted
$b poweroff -f
"""
COMMANDS = """
cat hello
echo one >new && echo two >>new && cat new
mv new sub/renamed && cat sub/renamed
echo three >other && mv other sub/renamed && cat sub/renamed
mkdir -p d/e && rmdir d/e && rmdir d && echo folders
/bin/ls -1U many | wc -l
dd if=/dev/zero of=big bs=64k count=200 2>/dev/null; ls -l big | awk '{print $5}'
dd if=/dev/zero of=big bs=1 count=1 seek=5368709119 conv=notrunc 2>/dev/null; ls -l big | awk '{print $5}'
md5sum data | cut -c1-32
truncate -s 5 data && wc -c <data
chmod 640 hello && ls -l hello | cut -c1-10
touch -t 200109090146.40 hello && date -u -r hello +%s
ln -s x link; ln hello hard; mknod fifo p
cat nonesuch; rmdir sub; mkdir sub; rm sub
rm -r sub big data && ls
"""


@pytest.fixture
def linux(demand, tmp_path):
    """Commands -> what the shell of a user-mode Linux with our tree mounted at . said."""
    if os.geteuid():
        pytest.skip("root alone makes networks")
    for program in ("linux.uml", "ip", "busybox", "unshare"):
        if shutil.which(program) is None:
            demand(program)
    modules = sorted(Path("/usr/lib/uml/modules").glob("*"))[-1]
    if not os.path.exists("/dev/net/tun"):
        demand("/dev/net/tun")
    tree = tmp_path / "tree"

    def run(version: str, commands: str) -> list[str]:
        init = tmp_path / "init"
        init.write_text(INIT.format(modules=modules, version=version, commands=commands))
        init.chmod(0o755)
        done = subprocess.run(["unshare", "-n", sys.executable, "-P", "-c", SERVER, tree, init],
                              capture_output=True, timeout=110, env={**os.environ, "TMPDIR": "/tmp"})
        lines = done.stdout.decode("utf-8", "replace").replace("\r", "").splitlines()
        assert "begin" in lines, (lines, done.stderr)
        return lines[lines.index("begin") + 1:]

    (tree / "sub").mkdir(parents=True)
    (tree / "hello").write_text("hello, world\n")
    (tree / "data").write_bytes(bytes(range(256)) * 1200)
    (tree / "many").mkdir()
    for i in range(10_000):
        (tree / "many" / str(i)).touch()
    run.tree = tree
    return run


SAID = """
mounted
hello, world
one
two
one
two
three
folders
10000
13107200
5368709120
dd2d1e80a73301cd43c6e4d3333e386d
5
-rw-r-----
1000000000
"""
REFUSED = {
    "9p2000.L": ("ln: link: Operation not permitted", "ln: hard: Operation not permitted",
                 "mknod: fifo: Operation not permitted", "No such file or directory",
                 "Directory not empty", "File exists", "is a directory"),
    "9p2000": ("ln: link: Operation not permitted", "No such file or directory",
               "File exists", "is a directory"),
}


@pytest.mark.parametrize("version", REFUSED)
def test_linux_mounts_us(linux, version):
    said = linux(version, COMMANDS)
    assert said[:15] == SAID.split("\n")[1:-1], said
    for text in REFUSED[version]:
        assert any(text in line for line in said[15:]), (text, said[15:])
    assert "hello  many" in said and "unmounted" in said and "sessions 1 []" in said, said
    assert (linux.tree / "hello").stat().st_mode & 0o777 == 0o640
    assert {path.name for path in linux.tree.iterdir()} == {"hello", "many"}
