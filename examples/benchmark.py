"""Measure training steps in this package and in PyTorch, JAX, scikit-learn and MyGrad, side by side on this machine.

    python examples/benchmark.py                                    # everything that is installed; about 25 minutes
    python examples/benchmark.py --further none                     # the eleven training steps only; about 11 minutes
    python examples/benchmark.py --work cnn-small --against torch --further none    # one step, one peer; a minute
    python examples/benchmark.py --operations                       # each operation against PyTorch; about 3 minutes
    python examples/benchmark.py --before ../older  # against another checkout, in one run; 5 minutes
    python examples/benchmark.py --quick                            # a look that proves nothing; about a minute

Peers that are not installed are named and left out: pip install torch jax scikit-learn mygrad numba.
Expected: for each training step a table of µs per step and of ratios with their spread, then the further measurements
(imports, accuracy, batch, width, depth, threads) and which targets were reached; results.json, benchmark.png and
costs.png in runs/benchmark. The machine should have nothing else to do meanwhile. Status 1 if a framework computes
something else than the others, never for a time. benchmarks/__init__.py says where what is.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

try:
    import matplotlib  # noqa: F401  drawn with at the end, so missed at the start
    from tqdm.auto import tqdm

    import tinygrad_mnist as tg
    from tinygrad_mnist.core.files import output_folder, write_whole
    from tinygrad_mnist.data import MNIST, open_dataset
except ImportError as error:
    sys.exit(f"{error}. Install what the examples need: pip install '.[examples]' in the project's folder")

from benchmarks import charts, tables
from benchmarks.accuracy import measure_accuracy, write_idx_files
from benchmarks.imports import measure_imports
from benchmarks.machine import available_cores, blas_settings, busy_share, processor, versions, warning
from benchmarks.race import PYTHON, Settings, environment, race
from benchmarks.ratios import BEFORE, OURS, targets
from benchmarks.steps import STEPS, Data
from benchmarks.sweeps import SWEEPS, sweep

PEERS = ("torch", "torch.compile", "jax", "jax.reshape", "sklearn", "mygrad")
ONLY_MLPS = ("sklearn", "products")
ONLY_CONVOLUTIONS = ("jax.reshape",)
NOT_NEWER = ("jax", "jax.reshape", "sklearn", "mygrad", "products")
FURTHER = ("import", *SWEEPS, "accuracy")


def arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", nargs="*", choices=PEERS, default=["torch", "jax", "sklearn", "mygrad"])
    parser.add_argument("--before", metavar="FOLDER", help="another checkout of this package, to compare with alone")
    parser.add_argument("--work", nargs="+", choices=list(STEPS), default=list(STEPS), help="which training steps")
    parser.add_argument("--further", nargs="+", choices=[*FURTHER, "none"], help="which further measurements (all)")
    parser.add_argument("--data-dir", help="folder with the MNIST files, asked before all other sources")
    parser.add_argument("--rounds", type=int, help="turns of each variant (9)")
    parser.add_argument("--seconds", type=float, help="length of a turn (0.5)")
    parser.add_argument("--threads", type=int, default=available_cores(), help="for every framework alike")
    parser.add_argument("--out", help="folder for results and pictures (runs/benchmark, without MNIST ..._digits)")
    parser.add_argument("--operations", nargs="*", metavar="NAME", help="only the table of operations: all, or these")
    parser.add_argument("--quick", action="store_true", help="2 rounds of 0.05 s and nothing further")
    chosen = parser.parse_args(argv)
    usual_rounds, usual_seconds, usual_further = (2, 0.05, []) if chosen.quick else (9, 0.5, list(FURTHER))
    chosen.rounds = usual_rounds if chosen.rounds is None else chosen.rounds
    chosen.seconds = usual_seconds if chosen.seconds is None else chosen.seconds
    chosen.further = usual_further if chosen.further is None else [f for f in chosen.further if f != "none"]
    if chosen.before:
        if not Path(chosen.before, "tinygrad_mnist", "__init__.py").is_file():
            parser.error(f"--before: {chosen.before} is no checkout of this package (no tinygrad_mnist in it)")
        chosen.before, chosen.further = str(Path(chosen.before).resolve()), []
    if chosen.rounds < 1 or not 0 < chosen.seconds < 3600 or chosen.threads < 1:
        parser.error("--rounds, --seconds and --threads must be positive")
    return chosen


def settings_of(args):
    if args.quick:
        short = {"warm_up": 0.05, "pause": 0.05, "check_steps": 5}
        return Settings(args.rounds, args.seconds, args.threads, before=args.before or "", **short)
    return Settings(args.rounds, args.seconds, args.threads, before=args.before or "")


def bar_of(total, title, unit="turn"):
    return tqdm(total=total, desc=title, unit=unit, disable=None, leave=False)


def race_all(args, data, settings):
    """Race through the chosen steps, print each table as soon as it is there, and give {step: {variant: Outcome}}.

    Give also the share of the processors that others used, before the first step and after each.
    """
    contests, results, busy = {}, {}, {"before": busy_share()}
    if note := warning(busy["before"]):
        show(note)
    for name in args.work:
        excluded = ONLY_CONVOLUTIONS if STEPS[name].is_mlp else ONLY_MLPS
        excluded = NOT_NEWER if STEPS[name].model else excluded
        peers = [v + BEFORE for v in OURS] if args.before else [*dict.fromkeys(args.against), "products"]
        contests[name] = [v for v in (*OURS, *peers) if v not in excluded]
    with bar_of(sum(map(len, contests.values())) * (settings.rounds + 1), "steps") as bar:
        for name, variants in contests.items():
            results[name] = race(STEPS[name], variants, data, settings, bar)
            busy[name] = busy_share(1.0 if settings.rounds > 2 else 0.2)
            show("\n".join(filter(None, (tables.step_table(STEPS[name], results[name]), warning(busy[name])))))
    return results, busy


def measure_further(name, args, data, test, settings):
    """Do one of the further measurements and print its table; give what was found."""
    variants = [*OURS, *args.against]
    if name == "import":
        found = measure_imports(args.against, settings.threads, bar_of)
        show(tables.import_table(found))
    elif name == "accuracy":
        if data.notice:
            show("accuracy: skipped, it needs the real MNIST")
            return {}
        with tempfile.TemporaryDirectory() as folder:
            write_idx_files(Path(folder), (data.images, data.labels), (test.images, test.labels))
            found = measure_accuracy(variants, Path(folder), settings.threads, partial(bar_of, unit="run"))
        show(tables.accuracy_table(found))
    else:
        found = sweep(name, variants, data, settings, bar_of)
        show(tables.sweep_table(name, found))
    return found


def show(table):
    tqdm.write(f"{table}\n")
    sys.stdout.flush()  # also where the output goes into a file, one wants to see how far it is


def write_record(out, record):
    write_whole(out / "results.json", json.dumps(record, indent=1, default=asdict).encode())


def main(argv=None):
    args = arguments(argv)
    if args.operations is not None:
        few = ["--elements", "4096", "--seconds", "0.001"] if args.quick else []
        command = [*PYTHON, "-m", "benchmarks.operations", *few, *args.operations]
        return subprocess.run(command, env=environment(1)).returncode
    if args.out is not None:
        output_folder(args.out)  # told now, not after half an hour, if results cannot be written there
    training, test, notice = open_dataset("auto", args.data_dir)
    # the stand-in's results must not replace those of MNIST
    out = output_folder(args.out if args.out is not None else f"runs/benchmark{'_digits' if notice else ''}")
    if not notice and not (isinstance(training, MNIST) and training.canonical):
        notice = f"THIS IS NOT MNIST: {training.source}"
    data = Data(training.images, training.labels, training.source, notice)
    settings, packages = settings_of(args), versions()
    record = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(sys.argv if argv is None else ["benchmark.py", *argv]),
        "data": data.source,
        "settings": asdict(settings),
        "machine": {"processor": processor(), "cores": available_cores(), "system": platform.platform()},
        "versions": packages,
        "left out of the environment": blas_settings(),
    }
    measured_on = f"{processor()}, {settings.threads} threads, {settings.rounds} rounds of {settings.seconds:g} s"
    listed = ", ".join(f"{package} {version}" for package, version in packages.items())
    show(f"{notice or f'Data: {data.source}'}\nMachine: {measured_on}\n{listed}\n{tables.EXPLANATION}")
    if left_out := blas_settings():
        named = ", ".join(f"{name}={value}" for name, value in left_out.items())
        show(f"{named}: set here, left out below. It chooses NumPy's BLAS kernels by hand, and others ignore it.")

    results, record["busy"] = race_all(args, data, settings)
    times = {step: tables.times_of(outcomes) for step, outcomes in results.items()}
    aims = targets(times)
    record |= {"steps": results, "targets": [{**aim._asdict(), "reached": aim.reached} for aim in aims]}
    write_record(out, record)
    for name in args.further:
        record[name] = measure_further(name, args, data, test, settings)
        write_record(out, record)  # each time: whoever interrupts the rest keeps what there is
    busiest = max((share for share in record["busy"].values() if share is not None), default=None)
    verdict = tables.before_table(times) if args.before else tables.target_table(aims, times)
    show("\n".join(filter(None, (verdict, warning(busiest)))))

    sweeps = {name: record[name] for name in args.further if name in SWEEPS}
    pictures = {
        "benchmark.png": charts.draw_ratios(results, out / "benchmark.png", measured_on),
        "costs.png": charts.draw_costs(sweeps, out / "costs.png", measured_on),
    }
    drawn = [name for name, there in pictures.items() if there]
    print(f"{', '.join(['results.json', *drawn])}: in {out}")
    if "benchmark.png" not in drawn and not args.before:
        print("No benchmark.png: it compares with PyTorch, which was not measured")
    if notice:
        print(notice)
    wrong = [
        f"!! {name}: {variant} {outcome.failed}"
        for name, outcomes in (pair for group in (results, *sweeps.values()) for pair in group.items())
        for variant, outcome in outcomes.items()
        if "DISAGREES" in (outcome.failed or "")
    ]
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


def run():
    """Run main as a program: a mistake that the package explains needs no traceback."""
    try:
        sys.exit(main())
    except tg.TinygradError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except KeyboardInterrupt:
        sys.exit("\nInterrupted: results.json holds the measurements that were complete, if any")


if __name__ == "__main__":
    run()
