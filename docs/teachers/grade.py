"""Grade a worksheet: each rule by itself, by gradcheck, while all others are those of the lesson.

    python docs/teachers/grade.py homework/03_build_the_engine.py
    python docs/teachers/grade.py ada.py ben.ipynb --lesson 03_build_the_engine --json marks.json

Only definitions of the file are run, in a process of its own, in an empty folder, with a limit of time and memory for
each rule. That keeps accidents away (endless loops, files overwritten, exit()). It is no prison for programs that mean
harm: grade those of strangers in a container. A file is matched to its lesson by its name, or by --lesson.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import queue
import re
import subprocess
import sys
import tempfile
import threading
import traceback
from pathlib import Path
from typing import Any

import blanks
from worksheets import SHEETS, solution

POINTS = {"right": 1.0, "right at order 1": 0.5}
MEMORY = 4 << 30  # bytes of addresses, where the system can limit them


# ---------------------------------------------------------------- in the process of the student's program


def verdict(text: str, lesson: str, index: int) -> dict[str, Any]:
    """Run what a student wrote at one blank, and the lesson's at all others, and check it."""
    from checks import Wrong

    blank, places = SHEETS[lesson][index], [b.place for b in SHEETS[lesson]]
    tree = ast.parse(text)
    mine = blanks.find(tree, blank.place)
    if mine is None:
        return {"verdict": "missing", "text": f"there is no {blank.place} any more"}
    if blanks.is_empty(mine):
        return {"verdict": "missing", "text": "not filled in"}
    blanks.only(tree, blank.place, ast.parse(solution(lesson)), places)
    names: dict[str, Any] = {"__name__": "__main__"}
    kept = ast.Module(blanks.definitions(tree), [])
    try:
        exec(compile(kept, "worksheet", "exec"), names)
        blank.check(names)
    except Wrong as error:
        found = "right at order 1" if error.order == 2 else "wrong"
        return {"verdict": found, "text": f"order {error.order}: {error}" if error.order else str(error)}
    except BaseException as error:  # whatever a student's program raises, exit() too
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == "worksheet"]
        where = f", line {lines[-1]}" if lines else ""
        shown = str(error).partition("\n")[0][:160]
        return {"verdict": "raised", "text": f"{type(error).__name__}: {shown}{where}"}
    return {"verdict": "right", "text": ""}


def serve(lesson: str, first: int) -> None:
    """Answer for one blank after the other, a line of JSON each, on what was stdout; nobody else can write there."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    text = sys.stdin.read()
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    except (ImportError, ValueError, OSError):
        pass
    import numpy as np

    np.seterr(all="ignore")
    for index in range(first, len(SHEETS[lesson])):
        answers.write(json.dumps(verdict(text, lesson, index)) + "\n")
        answers.flush()
    os._exit(0)


# ---------------------------------------------------------------- in the teacher's process


def code_of(path: Path) -> str:
    """Read a worksheet: a program, or the code of a notebook."""
    text = path.read_text("utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = ["".join(c["source"]) for c in json.loads(text)["cells"] if c["cell_type"] == "code"]
    return "\n\n".join(re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", cell) for cell in cells)  # not Python


def grade(path: Path, lesson: str, seconds: float = 20.0) -> list[dict[str, Any]]:
    """Give a row for each blank of a worksheet: place, verdict, text."""
    places = [blank.place for blank in SHEETS[lesson]]
    try:
        text = code_of(path)
        ast.parse(text)
    except (SyntaxError, ValueError, OSError, KeyError, RecursionError) as error:
        line = f"line {error.lineno}: " if isinstance(error, SyntaxError) else ""
        reason = f"the file cannot be read: {line}{getattr(error, 'msg', None) or error}"
        return [{"place": place, "verdict": "raised", "text": reason} for place in places]
    found: list[dict[str, Any]] = []
    while len(found) < len(places):
        found += answers(text, lesson, len(found), seconds)
    return [{"place": place, **row} for place, row in zip(places, found, strict=True)]


def answers(text: str, lesson: str, first: int, seconds: float) -> list[dict[str, Any]]:
    """Ask a new process from one blank on, until all are answered or one is not: that one is the last."""
    command = [sys.executable, os.fspath(Path(__file__).resolve()), "--serve", lesson, str(first)]
    lines: queue.Queue[str] = queue.Queue()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        known = os.pathsep.join(os.path.abspath(p) for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p)
        environment = {**os.environ, "PYTHONPATH": known, "PYTHONDONTWRITEBYTECODE": "1"}
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder, text=True,
            encoding="utf-8", env=environment,
        )  # fmt: skip
        assert process.stdin is not None and process.stdout is not None
        reader = threading.Thread(target=lambda out: [*map(lines.put, out), lines.put("")], args=[process.stdout])
        reader.start()
        found: list[dict[str, Any]] = []
        try:
            try:
                process.stdin.write(text)
                process.stdin.close()
            except OSError:  # it ended before it had read all: the reader below will say so
                pass
            while first + len(found) < len(SHEETS[lesson]):
                line = lines.get(timeout=seconds + (0 if found else 20))  # the first waits for imports too
                if not line:
                    found.append({"verdict": "raised", "text": "the program ended the process"})
                    break
                found.append(json.loads(line))
        except queue.Empty:
            found.append({"verdict": "raised", "text": f"took longer than {seconds:g} s"})
        finally:
            process.kill()
            process.wait()
            reader.join()
            process.stdout.close()
    return found


def mark(rows: list[dict[str, Any]]) -> float:
    """Give the points of a worksheet: one for each rule, half if it is right at order 1 alone."""
    return sum(POINTS.get(row["verdict"], 0.0) for row in rows)


def lesson_of(path: Path) -> str | None:
    """Tell the lesson by the file's name."""
    return next((name for name in SHEETS if name in path.stem), None)


def main(argv: list[str] | None = None) -> int:
    """Grade files, print what was found; the exit status is 0 where all is right."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("worksheets", type=Path, nargs="+")
    parser.add_argument("--lesson", choices=SHEETS, help="of files whose names do not tell")
    parser.add_argument("--seconds", type=float, default=20.0, help="for each rule")
    parser.add_argument("--json", type=Path, help="write all that was found to this file")
    given = parser.parse_args(argv)
    for path in given.worksheets:
        if not path.is_file():
            parser.error(f"there is no file {path}")
        if (given.lesson or lesson_of(path)) is None:
            parser.error(f"{path}: which lesson is it? --lesson {' | '.join(SHEETS)}")
    everything, full = {}, True
    for path in given.worksheets:
        rows = grade(path, given.lesson or lesson_of(path), given.seconds)
        everything[str(path)] = {"rows": rows, "mark": mark(rows), "of": len(rows)}
        print(path)
        for row in rows:
            print(f"  {row['place']:<18} {row['verdict']:<17} {row['text']}".rstrip())
        print(f"  mark: {mark(rows):g} of {len(rows)} ({mark(rows) / len(rows):.0%})")
        full = full and mark(rows) == len(rows)
    if given.json is not None:
        given.json.write_text(json.dumps(everything, indent=1), "utf-8")
    return 0 if full else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], int(sys.argv[3]))
    sys.exit(main())
