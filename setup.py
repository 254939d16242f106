"""What setup.cfg cannot say: the extension module, and what the build makes first.

The decoder's tables are made from vxcore/insns.tab, and the guest programs from userland/guest
with the host's own C compiler.
"""

import importlib.util
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

TOP = Path(__file__).resolve().parent
CORE = ("cache", "decode", "emulate", "enter", "features", "lock", "memory", "probe", "rewrite", "run", "slot",
        "store", "translate", "trap", "verify", "walls")


def load(path):
    """A module of the tree, which is not importable yet."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


class Build(build_ext):
    """build_ext, after making the decoder's tables and the guest programs."""

    def run(self):
        core = TOP / "vxcore"
        load(core / "mkinsns.py").main(core / "insns.tab", core / "src" / "insns.inc")
        guest = load(TOP / "userland" / "guest" / "build.py")
        try:
            guest.build(guest.BINARIES)
        except guest.BuildError as e:
            sys.exit(f"vx9: {e}")
        super().run()
        if not self.inplace:
            into = Path(self.build_lib) / "vx9" / "images" / "bin" / "386"
            guest.build(into)


setup(
    ext_modules=cythonize([
        Extension(
            "vx9.vxcore._core",
            ["vxcore/_core.pyx", *(f"vxcore/src/{name}.c" for name in CORE)],
            include_dirs=["vxcore/src"],
            depends=["vxcore/vx.pxd", "vxcore/walls.pxi", "vxcore/insns.tab", "vxcore/mkinsns.py",
                     *(f"vxcore/src/{h}.h" for h in ("vx", "decode", "nofpu", "walls"))],
            extra_compile_args=["-O2", "-std=gnu11", "-Wall", "-ftls-model=initial-exec",
                                "-fvisibility=hidden"],
            libraries=["pthread"],
        ),
        Extension(
            "vx9.kernel._fast",
            ["kernel/_fast.pyx", "kernel/src/fast.c"],
            include_dirs=["kernel/src", "vxcore/src"],
            depends=["kernel/src/fast.h", "vxcore/src/vx.h", "vxcore/src/nofpu.h"],
            extra_compile_args=["-O2", "-std=gnu11", "-Wall", "-fvisibility=hidden"],
        )],
        include_path=["vxcore"],
        language_level=3,
    ),
    cmdclass={"build_ext": Build},
)
