"""Run the five studies and write one page with everything they show.

    python examples/studies/run_all.py            # the full runs, one after the other: about 25 minutes on 2 cores
    python examples/studies/run_all.py --quick    # less work: 3 to 4 minutes; its figures are not the studies'
    python examples/studies/run_all.py --report   # only write the page, from the results that are there
    python examples/studies/run_all.py --only config_net    # run some; the page takes the others' older results

Expected: runs/studies/report.html, readable without a network (pictures are inside it), and every check holds. The page
says of each study which run it is of. Status 1 if a check failed, or if any of the five studies has no result, be it
that it broke off or that it was never run. Each also runs alone: python examples/studies/NAME.py [--quick].
"""

from __future__ import annotations

import argparse
import base64
import html
import json
import subprocess
import sys
import time
from pathlib import Path

from study import RESULT, folder, write

STUDIES = ["weight_init", "activations_and_regularization", "weight_perturbation", "config_net", "layers_and_checking"]
HERE = Path(__file__).parent
NOTHING = "no result: it was not run, or broke off"
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #22303c; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.2; } h2 { margin-top: 3.5rem; border-bottom: 2px solid #d5dbe1; padding-bottom: .3rem; }
h3 { margin-top: 2rem; } p, figcaption { max-width: 46rem; } figcaption { color: #6b7785; }
figure { margin: 1.5rem 0; } img { max-width: 100%; height: auto; }
.wide { overflow-x: auto; margin: 1rem 0; } table { border-collapse: collapse; font-size: .88rem; }
caption { text-align: left; font-weight: 600; padding-bottom: .3rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #d5dbe1; }
th { border-bottom-width: 2px; } td:last-child { min-width: 16rem; }
.quick { border-left: 4px solid #d9822b; padding-left: .8rem; font-weight: 600; } .run { color: #6b7785; }
.held { color: #3a7a4a; } .failed { color: #b0433f; font-weight: 700; }
nav li { margin: .2rem 0; }
"""


def text(x):
    return html.escape(str(x))


def row_of(cells):
    return "<tr>" + "".join(f"<td>{text(c)}</td>" for c in cells) + "</tr>"


def table_of(columns, body, title=""):
    """Write a table; its heads are taken as text, its body is rows."""
    caption = f"<caption>{text(title)}</caption>" if title else ""
    head = "".join(f"<th scope='col'>{text(c)}</th>" for c in columns)
    return f"<div class='wide'><table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def picture(folder, item):
    """Write a picture into the page itself."""
    data = base64.b64encode((folder / item["file"]).read_bytes()).decode()
    caption = text(item["caption"])
    return (
        f"<figure><img src='data:image/png;base64,{data}' alt='{caption}'><figcaption>{caption}</figcaption></figure>"
    )


def printed_numbers(record):
    """Write all printed numbers of a study beside ours in one table, under the heads of the parts they come from."""
    heads, rows, part = ["", "printed", "as written", "corrected", "why"], [], ""
    for item in record["items"]:
        if item["kind"] == "section":
            part = f"<tr><th colspan='{len(heads)}'>{text(item['text'])}</th></tr>"
        elif item["kind"] == "compare":
            rows.append(part + row_of(item["row"].values()))
            part = ""
    if not rows:
        return ""
    return "<h3>Printed numbers beside ours</h3>" + table_of(heads, "".join(rows))


def part_of(item, folder):
    """Write one thing that a study recorded; the comparisons are in their own table."""
    if item["kind"] == "section":
        return f"<h3>{text(item['text'])}</h3>"
    if item["kind"] == "table":
        return table_of(item["columns"], "".join(map(row_of, item["rows"])), item["title"])
    if item["kind"] == "picture":
        return picture(folder, item)
    kinds = {"text": "", "quick": "quick", "check": "held" if item.get("held") else "failed"}
    return f"<p class='{kinds[item['kind']]}'>{text(item['text'])}</p>" if item["kind"] in kinds else ""


def when(record, old):
    """Say which run a result is of: full or quick, when, of which version, and that it is older than the others."""
    kind = "quick run" if record["quick"] else "full run"
    seen = f"{kind} of {record.get('when', 'an unknown time')}, version {record.get('version', 'unknown')}"
    return seen + ("; an older result, not of the run that wrote this page" if old else "")


def verdict(record):
    """Say how the checks of a study went."""
    if record["failures"]:
        return f"<span class='failed'>{len(record['failures'])} checks failed</span>"
    return "all checks hold"


def study_on_page(name, record, out, old):
    """Write a study: which run it is, the printed numbers in one table, then the rest as it was recorded."""
    if record is None:
        return f"<h2 id='{name}'>{name}</h2><p class='failed'>{NOTHING}</p>"
    parts = "\n".join(part_of(item, out / name) for item in record["items"])
    return (
        f"<h2 id='{name}'>{text(record['title'])}</h2><p class='run'>{text(when(record, old))}</p>"
        f"{printed_numbers(record)}\n{parts}"
    )


def page(records, out, fresh):
    """Write the report. `records` has None for a study without a result; `fresh` names those that were run just now."""
    contents, studies = "", []
    for name, record in records.items():
        old = bool(fresh) and name not in fresh
        if record is None:
            contents += f"<li><a href='#{name}'>{name}</a>: <span class='failed'>{NOTHING}</span></li>"
        else:
            told = f"{when(record, old)}: {record['seconds']:.0f} s"
            contents += f"<li><a href='#{name}'>{text(record['title'])}</a>: {text(told)}, {verdict(record)}</li>"
        studies.append(study_on_page(name, record, out, old))
    there = [record for record in records.values() if record]
    mixed = len({record["quick"] for record in there}) > 1 or 0 < len(fresh & set(records)) < len(there)
    mixture = " Not all of the results here are of one run: see below." if mixed else ""
    quick = " Quick runs are less work; their figures and verdicts are not the study's."
    quick = quick if any(record["quick"] for record in there) else ""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Five MNIST studies, as printed and corrected</title><style>{STYLE}</style></head><body>
<h1>Five MNIST studies, as printed and corrected</h1>
<p>Five published course studies of networks on MNIST, run again: as they were written, with their defects, and
corrected. Each begins with a table that puts every number that was printed beside the one that the same configuration
gives here and the one that the corrected study gives. Why they differ is said where it was found out; where it was not,
that is said.{mixture}{quick}</p>
<nav><ul>{contents}</ul></nav>
{chr(10).join(studies)}
</body></html>
"""


def run_study(name, out, args):
    """Run a study as a program of its own; tell whether it ended well."""
    print(f"\n===== {name}", flush=True)
    (out / name / RESULT).unlink(missing_ok=True)  # an old one is no result of this run, not even if it cannot start
    command = [sys.executable, str(HERE / f"{name}.py"), "--out", str(out / name)]
    command += ["--quick"] * args.quick + (["--data-dir", args.data_dir] if args.data_dir else [])
    began = time.perf_counter()
    status = subprocess.run(command).returncode
    print(f"===== {name} took {time.perf_counter() - began:.0f} s", flush=True)
    return status == 0


def result(path):
    """Read what a study left; None if it left nothing."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="less work; looser checks")
    parser.add_argument("--report", action="store_true", help="run nothing, write the page again")
    parser.add_argument("--only", nargs="+", choices=STUDIES, default=STUDIES, help="which studies")
    parser.add_argument("--data-dir", help="folder with the MNIST files, asked before all other sources")
    parser.add_argument("--out", default="runs/studies", help="folder for the page and the results")
    args = parser.parse_args(argv)
    out, fresh = folder(args.out), set() if args.report else set(args.only)
    broken = {name for name in STUDIES if name in fresh and not run_study(name, out, args)}
    records = {name: result(out / name / RESULT) for name in STUDIES}
    write(out / "report.html", page(records, out, fresh))
    print(f"\nThe page with all of it: {out / 'report.html'}")
    missing = [name for name, record in records.items() if record is None]
    failed = [name for name, record in records.items() if record and (record["failures"] or name in broken)]
    for problem, names in (("NO RESULT", missing), ("FAILED", failed)):
        if names:
            print(f"{problem}: {', '.join(names)}")
    return 1 if missing or failed else 0


if __name__ == "__main__":
    sys.exit(main())
