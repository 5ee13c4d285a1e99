"""Grade a worksheet: each rule by itself, by gradcheck, while all others are those of the lesson.

    python docs/teachers/grade.py homework/03_build_the_engine.py
    python docs/teachers/grade.py handed_in/* --csv marks.csv --json marks.json

Only definitions of the file are run, in a process of its own, in an empty folder, with a limit of time and memory for
each rule. That keeps accidents away (endless loops, files overwritten, exit()). It is no prison for programs that mean
harm: grade those of strangers in a container. A file says in its line `WORKSHEET = ...` what it is; where that is gone
the file's name counts, then --lesson. The exit status: 0 all is right, 1 something is not, 2 a file was skipped.
"""

from __future__ import annotations

import argparse
import ast
import csv
import json
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

import blanks
from worksheets import SHEETS, named, sheet, solution

POINTS = {"right": 1.0, "right at order 1": 0.5}
MEMORY = 4 << 30  # bytes of addresses, where the system can limit them


class Unreadable(Exception):
    """A file that is no program and no notebook."""


# ---------------------------------------------------------------- in the process of the student's program


def verdict(text: str, lesson: str, index: int) -> dict[str, Any]:
    """Run what a student wrote at one blank, and the lesson's at all others, and check it."""
    from checks import Wrong

    asked = sheet(lesson)
    blank, places = asked[index], [b.place for b in asked]
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
        shown = str(error).partition("\n")[0][:160]
        return {"verdict": "raised", "text": f"{type(error).__name__}: {shown}{line_of(error, blank.place, mine)}"}
    return {"verdict": "right", "text": ""}


def line_of(error: BaseException, place: str, mine: ast.FunctionDef | ast.Lambda) -> str:
    """Name the last line that ran inside the blank; if none did, the last of the student's file, and the blank's."""
    ran = [f.lineno or 0 for f in traceback.extract_tb(error.__traceback__) if f.filename == "worksheet"]
    ran = [line for line in ran if line < blanks.LESSON]
    inside = [line for line in ran if mine.lineno <= line <= (mine.end_lineno or 0)]
    if inside:
        return f", line {inside[-1]}"
    return f", line {ran[-1]}; {place} stands in line {mine.lineno}" if ran else f", after {place}, line {mine.lineno}"


def end_with(parent: int) -> None:
    """End with the teacher's process, however that ended, and with all that the student's program has started."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.killpg(0, signal.SIGKILL)


def serve(lesson: str, first: int) -> None:
    """Answer for one blank after the other, a line of JSON each, on what was stdout; nobody else can write there."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if hasattr(os, "killpg"):
        threading.Thread(target=end_with, args=[os.getppid()], daemon=True).start()
    text = sys.stdin.read()
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    except (ImportError, ValueError, OSError):
        pass
    import numpy as np

    np.seterr(all="ignore")
    for index in range(first, len(sheet(lesson))):
        answers.write(json.dumps(verdict(text, lesson, index)) + "\n")
        answers.flush()
    os._exit(0)


# ---------------------------------------------------------------- in the teacher's process


def code_of(path: Path) -> str:
    """Read a worksheet: a program, or the code of a notebook."""
    try:
        text = path.read_text("utf-8-sig")
        if path.suffix != ".ipynb":
            return text
        cells = ["".join(c["source"]) for c in json.loads(text)["cells"] if c["cell_type"] == "code"]
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from None
    except (ValueError, KeyError, TypeError) as error:
        kind = "notebook" if path.suffix == ".ipynb" else "program in UTF-8"
        raise Unreadable(f"this is no {kind}: {type(error).__name__}: {error}") from None
    return "\n\n".join(re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", cell) for cell in cells)  # not Python


def grade(path: Path, lesson: str, seconds: float = 20.0) -> list[dict[str, Any]]:
    """Give a row for each blank of a worksheet: place, verdict, text.

    Raises:
        Unreadable if it is not Python
    """
    text, places = code_of(path), [blank.place for blank in sheet(lesson)]
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError) as error:
        line = f"line {error.lineno}: " if isinstance(error, SyntaxError) else ""
        raise Unreadable(f"{line}{getattr(error, 'msg', None) or error}") from None
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
            encoding="utf-8", env=environment, start_new_session=True,
        )  # fmt: skip
        assert process.stdin is not None and process.stdout is not None
        reader = threading.Thread(
            target=lambda out: [*map(lines.put, out), lines.put("")], args=[process.stdout], daemon=True
        )
        reader.start()
        found: list[dict[str, Any]] = []
        try:
            try:
                process.stdin.write(text)
                process.stdin.close()
            except OSError:  # it ended before it had read all: the reader below will say so
                pass
            while first + len(found) < len(sheet(lesson)):
                line = lines.get(timeout=seconds + (0 if found else 20))  # the first waits for imports too
                if not line:
                    found.append({"verdict": "raised", "text": "the program ended the process"})
                    break
                found.append(json.loads(line))
        except queue.Empty:
            found.append({"verdict": "raised", "text": f"took longer than {seconds:g} s"})
        finally:
            if hasattr(os, "killpg"):  # with all that it has started
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            process.wait()
            reader.join(5)
            if not reader.is_alive():
                process.stdout.close()
    return found


def mark(rows: list[dict[str, Any]]) -> float:
    """Give the points of a worksheet: one for each rule, half if it is right at order 1 alone."""
    return sum(POINTS.get(row["verdict"], 0.0) for row in rows)


def lesson_of(path: Path, otherwise: str | None = None) -> str | None:
    """Tell what a file is by its line `WORKSHEET = ...`, else by its name."""
    try:
        line = re.search(r"(?m)^WORKSHEET = .*$", code_of(path))
    except Unreadable:
        line = None
    return (named(line[0]) if line else None) or named(path.stem) or otherwise


def graded(path: Path, otherwise: str | None, seconds: float) -> dict[str, Any]:
    """Grade a file and print what was found; a file that cannot be graded gets a note instead of rows."""
    print(path, flush=True)
    lesson, rows, note = lesson_of(path, otherwise), [], ""
    if not path.is_file():
        lesson, note = None, "skipped: there is no such file"
    elif lesson is None:
        note = "skipped: which lesson is it? It has no line WORKSHEET = ..., and its name does not tell. Give --lesson"
    else:
        try:
            rows = grade(path, lesson, seconds)
        except Unreadable as error:
            note = f"the file cannot be read: {error}"
    for row in rows:
        print(f"  {row['place']:<18} {row['verdict']:<17} {row['text']}".rstrip())
    if note:
        print(f"  {note}")
    points, of = mark(rows), len(sheet(lesson)) if lesson else 0
    if of:
        print(f"  mark: {points:g} of {of} ({points / of:.0%})", flush=True)
    return {"lesson": lesson, "mark": points, "of": of, "note": note, "rows": rows}


def table(found: dict[str, dict[str, Any]]) -> list[str]:
    """Write a line for each file: points, lesson, and why there are none."""
    width, lines = max(map(len, found)), []
    for name, one in found.items():
        points = f"{one['mark']:>5g} of {one['of']:<3}{one['mark'] / one['of']:>5.0%}" if one["of"] else " " * 16
        lines.append(f"  {name:<{width}}  {points}  {one['lesson'] or ''}  {one['note'].partition(':')[0]}".rstrip())
    return lines


def main(argv: list[str] | None = None) -> int:
    """Grade files, print what was found, and for several files a table of marks."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("worksheets", type=Path, nargs="+")
    parser.add_argument("--lesson", help=f"of files that do not tell: {', '.join(SHEETS)}, or variant_N")
    parser.add_argument("--seconds", type=float, default=20.0, help="for each rule")
    parser.add_argument("--json", type=Path, help="write all that was found to this file")
    parser.add_argument("--csv", type=Path, help="write the table of marks to this file, for a spreadsheet")
    given = parser.parse_args(argv)
    if given.lesson is not None and named(given.lesson) != given.lesson:
        parser.error(f"--lesson {given.lesson}: expected one of {', '.join(SHEETS)}, or variant_N")
    found = {str(path): graded(path, given.lesson, given.seconds) for path in given.worksheets}
    if len(found) > 1:
        print("", "marks", *table(found), sep="\n")
    if given.json is not None:
        given.json.write_text(json.dumps(found, indent=1), "utf-8")
    if given.csv is not None:
        with given.csv.open("w", newline="", encoding="utf-8") as file:
            columns = ["file", "lesson", "mark", "of", "note"]
            writer = csv.DictWriter(file, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows({"file": name, **one} for name, one in found.items())
    if not all(one["of"] for one in found.values()):
        return 2
    return 0 if all(one["mark"] == one["of"] for one in found.values()) else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], int(sys.argv[3]))
    sys.exit(main())
