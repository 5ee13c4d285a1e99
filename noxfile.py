#!/usr/bin/env -S uv run --script
# /// script
# dependencies = ["nox>=2025.2"]
# ///
"""Each check of the project by one command, in an environment that nox makes: `nox -l` lists them, `nox -s tests-3.12`
runs one, `nox` alone the quick ones. With uv, `uv run noxfile.py` needs no nox, and fetches a Python that is missing.

The whole of what must hold before a change is taken is .ci/run.
"""

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.needs_version = ">=2025.2"

VERSIONS = ["3.11", "3.12", "3.13", "3.14"]
# four threads at once, without the tests that are marked thread_unsafe or use monkeypatch and the like
THREADS = ["--parallel-threads=4", "--skip-thread-unsafe=True"]
ENGINE = ["tests/core", "tests/autograd", "tests/tensors", "tests/optim", "tests/test_tiny.py"]


@nox.session(default=False, python=VERSIONS)
def tests(session: nox.Session) -> None:
    """Run the tests, in about ten minutes; arguments after -- go to pytest."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session(default=False, python=["3.13t", "3.14t"])
def free_threaded(session: nox.Session) -> None:
    """Run the engine's tests without Python's global lock, in four threads, with what is built for such a Python."""
    session.install("-e", ".", "pytest>=8", "hypothesis>=6.100", "pytest-run-parallel>=0.6")
    session.run("python", "-m", "pytest", *THREADS, *(session.posargs or ENGINE))


@nox.session(default=False)
def parallel(session: nox.Session) -> None:
    """Run the engine's tests, each in four threads at once."""
    session.install("-e", ".[test]", "pytest-run-parallel>=0.6")
    session.run("python", "-m", "pytest", *THREADS, *(session.posargs or ENGINE))


@nox.session(default=False, python=["3.11", "3.12"])
def numpy_oldest(session: nox.Session) -> None:
    """Run the tests with the oldest NumPy that the package takes."""
    session.install("-e", ".[test]", "numpy==2.0.*")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session(default=False, python=["3.13", "3.14"])
def numpy_newest(session: nox.Session) -> None:
    """Run the tests with the newest NumPy, before numba and others are ready for it if need be."""
    session.install("-e", ".", "pytest>=8", "hypothesis>=6.100", "matplotlib>=3.8", "scikit-learn>=1.6", "tqdm>=4.60")
    session.install("--upgrade", "numpy")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and types."""
    session.install("-e", ".[test]")
    session.run("ruff", "check", ".")
    session.run("mypy")


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Build the site, running every lesson, into docs/_build."""
    session.install("-e", ".[docs]")
    session.run("python", "-m", "sphinx", "-W", "--keep-going", "-b", "html", "docs", "docs/_build", *session.posargs)


@nox.session(default=False, venv_backend="none")
def package(session: nox.Session) -> None:
    """Build the archive and the wheel, and test the wheel away from here."""
    session.run("bash", ".ci/package.sh", external=True)


if __name__ == "__main__":
    nox.main()
