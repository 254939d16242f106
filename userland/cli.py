"""The vx9 command: reads the command line and calls the part that does the work.

Source: docs/vx9.md.  `vx9 run` starts in a quarter of a second, so what a subcommand
needs is imported by the function that runs it, never at the top of this file.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from vx9.userland import limits
from vx9.userland.errors import INTERRUPTED, OUR_ERROR, Refusal

EPILOG = """\
exit status of run: the program's own; 124 time limit, 125 vx9 cannot do what was asked,
126 not a program, 127 not found, 128+n killed (130 interrupt, 137 kill or memory limit)"""


class Parser(argparse.ArgumentParser):
    """argparse, but a mistake is one line on stderr and the exit status 125."""

    def _parse_optional(self, arg_string: str) -> Any:
        """--strace and --profile have a value only behind =; what follows is the program."""
        name, equals, value = arg_string.partition("=")
        if equals and name in ("--strace", "--profile"):
            arg_string = f"{name}-out={value}"
        return super()._parse_optional(arg_string)

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise Refusal(f"{message}; see {self.prog} --help")


def processors(text: str) -> int:
    """1 to 64."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 64):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processors; write 1 to 64")
    return int(text)


class Common(argparse.Namespace):
    """The options of everything that makes a kernel, with what they are when not given.

    They may stand before and after the command's name, and then add up.
    """

    def __init__(self) -> None:
        super().__init__(bind=[], root=None, rw=False, env=[], inherit_env=False, cwd=None,
                         memory=None, user=None, strace=False, strace_out=None, line=None,
                         profile=False, profile_out=None, fault_report=False, no_walls=False,
                         home=None, dialect="auto", namespace=None, login=False, start=None, ncpu=1,
                         mount=[], name=None, key=None, limit=[])


class Gather(argparse.Action):
    """Append to the list in `const`, which all parsers share."""

    def __call__(self, _parser: argparse.ArgumentParser, namespace: argparse.Namespace,
                 values: object, _option: str | None = None) -> None:
        """One more."""
        self.const.append(values)
        setattr(namespace, self.dest, self.const)


def common_options(parser: argparse.ArgumentParser, start: Common) -> None:
    """Add them to a parser."""
    def add(name: str, **more: Any) -> None:
        parser.add_argument(name, default=argparse.SUPPRESS, **more)

    add("--bind", action=Gather, const=start.bind, metavar="HOST[:GUEST][:ro|rw|mem]",
        help="give a host folder, read-only unless :rw, or :mem (changes are kept in memory)")
    add("--root", metavar="DIR|FILE",
        help="a host folder or image (tar, zip, ISO) is /")
    add("--dialect", choices=("auto", "bell", "9legacy", "9front"),
        metavar="NAME", help="bell, 9legacy, 9front, or auto: as the tree is")
    add("--namespace", metavar="FILE",
        help="make the name space as this host file says")
    add("--home", metavar="DIR", help="the guest's home folder (/usr/NAME)")
    add("--rw", action="store_true", help="the current folder (and --root) may be written")
    add("--mount", action=Gather, const=start.mount, metavar="ADDR[:GUEST]",
        help="mount a 9P server, unix!PATH or tcp!HOST!PORT")
    add("--name", metavar="NAME",
        help="let vx9 mount --attach NAME have this name space while it lasts")
    add("--key", metavar="FILE", help="holds the key shared with 9P peers")
    add("--env", action=Gather, const=start.env, metavar="NAME[=VALUE]",
        help="set a variable, or pass on the host's")
    add("--inherit-env", action="store_true", help="pass on all of the host's variables")
    add("--cwd", metavar="DIR", help="start in this folder of the guest's name space")
    add("--memory", type=limits.size, metavar="SIZE", help="the most one process may have, as 256M")
    limits.add_options(add, Gather, start.limit)
    add("--ncpu", type=processors, metavar="N",
        help="the processors that programs are told of (1); a Go program starts as many threads")
    add("--user", metavar="NAME", help="the guest's user name (glenda)")
    add("--strace", action="store_true",
        help="print every system call on stderr, or with --strace=FILE to FILE")
    add("--strace-out", help=argparse.SUPPRESS)
    add("--profile", action="store_true",
        help="say where guests spent their time; --profile=FILE writes it to FILE, "
             "for speedscope if it is named .json, else for go tool pprof")
    add("--profile-out", help=argparse.SUPPRESS)
    add("--fault-report", action="store_true",
        help="registers, code and stack of a program that dies of a fault, on stderr")
    add("--no-walls", action="store_true",
        help="without the walls, to debug vx9 itself")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The whole command line.  Raises Refusal."""
    start = Common()
    return parser(start).parse_args(arguments, start)


def parser(start: Common) -> Parser:
    """What is understood."""
    top = Parser(prog="vx9", allow_abbrev=False, usage="vx9 [options] [-c LINE | command ...]",
                 description="Plan 9 programs in a sandbox; without a command, a shell.")
    top.add_argument("--version", action="store_true", help="print the version")
    common_options(top, start)
    line: dict[str, Any] = {"metavar": "LINE", "dest": "line", "default": argparse.SUPPRESS,
            "help": "run one command line and exit"}
    login: dict[str, Any] = {"action": "store_true", "default": argparse.SUPPRESS,
             "help": "with --root: rc reads $home/lib/profile"}
    top.add_argument("-c", **line)
    top.add_argument("-l", "--login", **login)
    commands = top.add_subparsers(dest="command", metavar="command", parser_class=Parser)

    run = commands.add_parser(
        "run", help="run one guest program; the exit status follows it",
        usage="vx9 run [options] program [argument ...]", allow_abbrev=False, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    common_options(run, start)
    run.add_argument("--gdb", default=None, metavar="ADDRESS",
                     help="wait for gdb at tcp!127.0.0.1!PORT, HOST:PORT or a unix socket's path")
    run.add_argument("--timeout", type=limits.seconds, default=None, metavar="TIME",
                     help="kill it after this time")
    run.add_argument("program", help="a file of the host, or a name in the guest's /bin")
    run.add_argument("arguments", nargs=argparse.REMAINDER, metavar="argument")

    shell = commands.add_parser("shell", help="an interactive shell (the default)",
                                allow_abbrev=False)
    shell.add_argument("-c", **line)
    shell.add_argument("-l", "--login", **login)
    common_options(shell, start)

    serve = commands.add_parser("serve", help="serve the name space by 9P2000",
                                allow_abbrev=False)
    serve.add_argument("address", help="unix!PATH, tcp!HOST!PORT or stdio")
    serve.add_argument("--tree", default="/", metavar="DIR", help="from this folder down (/)")
    common_options(serve, start)

    import_ = commands.add_parser("import", help="a shell with a 9P server's tree mounted",
                                  allow_abbrev=False)
    import_.add_argument("address", help="unix!PATH or tcp!HOST!PORT")
    import_.add_argument("folder", nargs="?", help="where in the guest (/n/remote)")
    import_.add_argument("-c", **line)
    common_options(import_, start)

    mount = commands.add_parser("mount", help="the name space as a file system of the host",
                                allow_abbrev=False)
    mount.add_argument("folder", metavar="DIR", help="an empty folder of the host")
    mount.add_argument("--attach", default=None, metavar="NAME",
                       help="the name space of the running vx9 that was given --name NAME")
    mount.add_argument("--background", action="store_true", help="return when it is mounted")
    mount.add_argument("--tree", default="/", metavar="DIR", help="from this folder down (/)")
    mount.add_argument("--cache", type=limits.moment, default=None, metavar="TIME",
                       help="how long the host may believe what it knows of plain files (1s)")
    mount.add_argument("--backend", choices=("auto", "raw", "fusepy"), default="auto",
                       help="how the host is talked to (auto)")
    mount.add_argument("--allow-other", action="store_true",
                       help="other users of the host may use it too")
    common_options(mount, start)

    umount = commands.add_parser("umount", help="end a vx9 mount", allow_abbrev=False)
    umount.add_argument("folder", metavar="DIR", help="where it is")
    umount.add_argument("-l", "--lazy", action="store_true", help="also when it is in use")

    image = commands.add_parser("image", prog="vx9 image",
                                help="look into a tar, zip or ISO image, or unpack it",
                                allow_abbrev=False)
    actions = image.add_subparsers(dest="action", metavar="ls|unpack", required=True,
                                   parser_class=Parser)
    for name, what in (("ls", "name its files"), ("unpack", "into a new folder of the host")):
        action = actions.add_parser(name, help=what, allow_abbrev=False)
        action.add_argument("file", metavar="FILE", help="the image")
        if name == "ls":
            action.add_argument("-l", "--long", action="store_true", help="with all that it says of them")
        else:
            action.add_argument("folder", metavar="DIR", help="where to")
        action.add_argument("--no-walls", action="store_true", default=argparse.SUPPRESS,
                            help="without the walls behind the sandbox")

    bench = commands.add_parser("bench", help="the benchmarks, side by side with native code",
                                allow_abbrev=False)
    bench.add_argument("part", nargs="?", choices=["core", "kernel", "files", "all"], default="all")
    bench.add_argument("--json", metavar="FILE", help="write the figures to FILE (- is stdout)")
    return top


def dispatch(options: argparse.Namespace) -> int:
    """Do what the command line says; returns the exit status."""
    if options.version:
        from vx9 import __version__
        print(f"vx9 {__version__}")
        return 0
    if options.command == "run":
        from vx9.userland.run import run
        return run(options)
    if options.command == "bench":
        from vx9.userland.bench.bench import bench
        return bench(options.part, options.json)
    if options.command in ("mount", "umount"):
        from vx9.userland import mount
        return mount.mount(options) if options.command == "mount" else mount.umount(options)
    if options.command == "image":
        from vx9.userland.image import image
        return image(options)
    if options.command in ("serve", "import"):
        from vx9.userland import serve
        return serve.serve(options) if options.command == "serve" else serve.import_(options)
    from vx9.userland.terminal.loop import shell
    return shell(options)


def guarded(do: Callable[[], int]) -> int:
    """Do it; every refusal is one line and its exit status."""
    try:
        return do()
    except Refusal as refusal:
        sys.stderr.write(f"vx9: {refusal}\n")
        return refusal.status
    except BrokenPipeError:
        # Whoever read our output is gone; point stdout elsewhere so that exit does not try again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return OUR_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        # The core says what it misses of the host; anything else is a fault of vx9's own.
        if type(error).__name__ == "CoreError":
            sys.stderr.write(f"vx9: {error}\n")
        else:
            import traceback
            traceback.print_exc()
            sys.stderr.write("vx9: internal error: please report the lines above\n")
        return OUR_ERROR


def main() -> int:
    """The console script vx9."""
    return guarded(lambda: dispatch(parse(sys.argv[1:])))


def go_exec() -> int:
    """The console script go_plan9_386_exec: what `go test` and `go run` look for on PATH."""
    def run_test() -> int:
        if len(sys.argv) < 2:
            raise Refusal("go_plan9_386_exec: no program; go test runs it with one")
        from vx9.userland.run import run
        return run(parse(["run", "--rw", "--inherit-env", *sys.argv[1:]]), go=True)
    return guarded(run_test)
