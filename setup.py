"""Compile the engine where there is a C compiler; where there is none it runs as plain Python."""

import os

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ENGINE = ("grouping", "modes", "sweep", "value")
DIRECTIVES = {"annotation_typing": False, "cpow": True}


class BuildEngine(build_ext):
    """The compiler's flags."""

    def build_extensions(self) -> None:
        """Compile with the options that suit the compiler."""
        for extension in self.extensions:
            extension.optional = True  # if it can't be compiled, the source runs
            if self.compiler.compiler_type == "unix":
                # Fused multiply-adds would give other last digits than plain Python.
                extension.extra_compile_args = ["-O3", "-g0", "-ffp-contract=off"]
        super().build_extensions()


def extensions() -> list[Extension]:
    """Return what is to be compiled: nothing if STEPGRAD_PURE is set, or Cython isn't there."""
    if os.environ.get("STEPGRAD_PURE", "0") not in ("", "0"):
        return []
    try:
        from Cython.Build import cythonize
    except ImportError:
        return []
    sources = [Extension(f"autograd.{name}", [f"autograd/{name}.py"]) for name in ENGINE]
    compiled: list[Extension] = cythonize(
        sources, build_dir="build", compiler_directives=DIRECTIVES, language_level=3, quiet=True
    )
    return compiled


setup(ext_modules=extensions(), cmdclass={"build_ext": BuildEngine})
