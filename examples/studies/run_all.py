"""Run the five studies and write one page with everything they show.

    python examples/studies/run_all.py            # the full runs, one after the other: about 20 minutes on 2 cores
    python examples/studies/run_all.py --quick    # less work: about 3 minutes
    python examples/studies/run_all.py --report   # only write the page, from the results that are there

Expected: runs/studies/report.html, readable without a network (pictures are inside it), and every check holds; status 1
if one does not, or if a study failed. Each study also runs alone: python examples/studies/NAME.py [--quick].
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

from study import output_folder, write_whole

STUDIES = ["weight_init", "activations_and_regularization", "weight_perturbation", "config_net", "layers_and_checking"]
HERE = Path(__file__).parent
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #22303c; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.2; } h2 { margin-top: 3.5rem; border-bottom: 2px solid #d5dbe1; padding-bottom: .3rem; }
h3 { margin-top: 2rem; } p, figcaption { max-width: 46rem; } figcaption { color: #6b7785; }
figure { margin: 1.5rem 0; } img { max-width: 100%; height: auto; }
.wide { overflow-x: auto; margin: 1rem 0; } table { border-collapse: collapse; font-size: .88rem; }
caption { text-align: left; font-weight: 600; padding-bottom: .3rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #d5dbe1; }
th { border-bottom-width: 2px; } td:last-child { min-width: 16rem; }
.held { color: #3a7a4a; } .failed { color: #b0433f; font-weight: 700; }
nav li { margin: .2rem 0; }
"""


def text(x):
    return html.escape(str(x))


def table(columns, rows, title=""):
    """Write a table; cells are taken as text."""
    caption = f"<caption>{text(title)}</caption>" if title else ""
    head = "".join(f"<th scope='col'>{text(c)}</th>" for c in columns)
    body = "".join("<tr>" + "".join(f"<td>{text(c)}</td>" for c in row) + "</tr>" for row in rows)
    return f"<div class='wide'><table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def picture(folder, item):
    """Write a picture into the page itself."""
    data = base64.b64encode((folder / item["file"]).read_bytes()).decode()
    caption = text(item["caption"])
    return (
        f"<figure><img src='data:image/png;base64,{data}' alt='{caption}'><figcaption>{caption}</figcaption></figure>"
    )


def compared(rows):
    """Write printed numbers beside ours."""
    return table(["", "printed", "as written", "corrected", "why"], [list(row.values()) for row in rows])


def body_of(record, folder):
    """Write everything that a study recorded, comparisons that follow each other as one table."""
    parts, rows = [], []
    for item in [*record["items"], {"kind": "end"}]:
        if item["kind"] == "compare":
            rows.append(item["row"])
            continue
        if rows:
            parts.append(compared(rows))
            rows = []
        if item["kind"] == "section":
            parts.append(f"<h3>{text(item['text'])}</h3>")
        elif item["kind"] == "text":
            parts.append(f"<p>{text(item['text'])}</p>")
        elif item["kind"] == "table":
            parts.append(table(item["columns"], item["rows"], item["title"]))
        elif item["kind"] == "picture":
            parts.append(picture(folder, item))
        elif item["kind"] == "check":
            parts.append(f"<p class='{'held' if item['held'] else 'failed'}'>{text(item['text'])}</p>")
    return "\n".join(parts)


def page(records, out):
    """Write the report: what each study is, all printed numbers in one table each, then the whole of it."""
    contents = ""
    for name, record in records.items():
        failed = f"<span class='failed'>{len(record['failures'])} checks failed</span>"
        verdict = failed if record["failures"] else "all checks hold"
        kind = "; a quick run" if record["quick"] else ""
        link = f"<a href='#{name}'>{text(record['title'])}</a>"
        contents += f"<li>{link}: {record['seconds']:.0f} s, {verdict}{kind}</li>"
    studies = "\n".join(
        f"<h2 id='{name}'>{text(record['title'])}</h2>\n{body_of(record, out / name)}"
        for name, record in records.items()
    )
    quick = " These are quick runs: less work." if any(record["quick"] for record in records.values()) else ""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Five MNIST studies, as printed and corrected</title><style>{STYLE}</style></head><body>
<h1>Five MNIST studies, as printed and corrected</h1>
<p>Five published course studies of networks on MNIST, run again: as they were written, with their defects, and
corrected. Each table puts the number that was printed beside the one that the same configuration gives here and the one
that the corrected study gives, with the cause of the difference.{quick}</p>
<nav><ul>{contents}</ul></nav>
{studies}
</body></html>
"""


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="less work; looser checks")
    parser.add_argument("--report", action="store_true", help="run nothing, write the page again")
    parser.add_argument("--only", nargs="+", choices=STUDIES, default=STUDIES, help="which studies")
    parser.add_argument("--data-dir", help="folder with the MNIST files, asked before all other sources")
    parser.add_argument("--out", default="runs/studies", help="folder for the page and the results")
    args = parser.parse_args(argv)
    out, failed = output_folder(args.out), []
    for name in args.only if not args.report else ():
        print(f"\n===== {name}", flush=True)
        (out / name / "result.json").unlink(missing_ok=True)  # an old one is no result of this run
        command = [sys.executable, str(HERE / f"{name}.py"), "--out", str(out / name)]
        command += ["--quick"] * args.quick + (["--data-dir", args.data_dir] if args.data_dir else [])
        began = time.perf_counter()
        if subprocess.run(command).returncode:
            failed.append(name)
        print(f"===== {name} took {time.perf_counter() - began:.0f} s", flush=True)
    records = {}
    for name in STUDIES:
        result = out / name / "result.json"
        if result.exists():
            records[name] = json.loads(result.read_text(encoding="utf-8"))
    write_whole(out / "report.html", page(records, out).encode())
    print(f"\nThe page with all of it: {out / 'report.html'}")
    failed += [name for name, record in records.items() if record["failures"] and name not in failed]
    if failed:
        print(f"FAILED: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
