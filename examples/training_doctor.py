"""Run healthy and broken trainings and print what the doctor finds in each: the gallery of `tg.training.Doctor`.

    python examples/training_doctor.py                     # all trainings, first verdict of each; half a minute
    python examples/training_doctor.py --only "Adam, lr 0.1" "labels shuffled" --show    # with the whole text
    python examples/training_doctor.py --measure --seeds 5 # every training over seeds; writes the table of thresholds
    python examples/training_doctor.py --cost              # what the doctor adds to a step, interleaved; a minute
    python examples/training_doctor.py --data digits       # scikit-learn's 8x8 digits instead of MNIST

Expected: nothing found in any healthy training, and for each broken one its mistake as the first verdict; status 1
otherwise (on the digits, which are learned by heart quickly, for healthy ones only). Each training is short: 6,400
images, mostly two epochs. doctor/__init__.py says where what is.
"""

from __future__ import annotations

import argparse
import sys
import warnings

try:
    import numpy  # noqa: F401
    import tqdm  # noqa: F401  the README's programs, whose networks are trained here, need it

    import tinygrad_mnist as tg
    from tinygrad_mnist.data import open_dataset
except ImportError as error:
    sys.exit(f"{error}. Install what the examples need: pip install '.[examples]' in the project's folder")

from doctor import cost, measure
from doctor.broken import BROKEN
from doctor.healthy import HEALTHY
from doctor.training import data_of


def arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=["auto", "mnist", "digits"], default="auto")
    parser.add_argument("--data-dir", help="folder with the MNIST files, asked before all other sources")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these trainings only")
    parser.add_argument("--show", action="store_true", help="print each first verdict in full")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=5, help="of each training, with --measure")
    parser.add_argument("--measure", action="store_true", help="measure all signals and write the table of thresholds")
    parser.add_argument("--cost", action="store_true", help="time steps with and without the doctor, and do no more")
    chosen = parser.parse_args(argv)
    names = [t.name for t in (*HEALTHY, *BROKEN)]
    unknown = [name for name in chosen.only or () if name not in names]
    if unknown:
        parser.error(f"--only: there is no training {unknown[0]!r}; there are: {'; '.join(names)}")
    if chosen.seeds < 1 or chosen.seed < 0:
        parser.error("--seeds must be positive and --seed not negative")
    return chosen


def gallery(data, args):
    """Run the trainings and print a line for each; give how many of each kind were judged wrongly."""
    wrong = {"healthy": 0, "broken": 0}
    for title, trainings in (("healthy", HEALTHY), ("broken", BROKEN)):
        chosen = [t for t in trainings if args.only is None or t.name in args.only]
        print(f"{title}: {len(chosen)} trainings" if chosen else "", end="\n" if chosen else "")
        for training in chosen:
            found = training.run(data, args.seed, stop=True).verdicts
            first = found[0].name if found else None
            wrong[title] += first != training.symptom
            mark = "" if first == training.symptom else f"   WRONG, it is {training.symptom or 'healthy'}"
            when = f" (step {found[0].step})" if found else ""
            print(f"  {training.name:<36}{(first or 'nothing').replace('_', ' ')}{when}{mark}", flush=True)
            if args.show and found:
                print(f"{found[0]}\n")
    return wrong


def main(argv=None):
    args = arguments(argv)
    training, _, notice = open_dataset(args.data, args.data_dir)
    print(notice or f"Data: {training.source}")
    data = data_of(training)
    warnings.simplefilter("ignore")  # the package warns of some of these mistakes itself
    if args.cost:
        print(cost.table(cost.measure(data)))
        return 0
    if args.measure:
        healthy, broken, mistakes = measure.measure(data, args.seeds, lambda line: print(line, flush=True))
        found = measure.rows(healthy, broken)
        if notice:
            print("The table was not written: it is of MNIST")
        else:
            measure.write(found)
            print(f"wrote {measure.TABLE}")
        print("\n".join(mistakes) or "every training was judged rightly")
        return 1 if mistakes else 0
    wrong = gallery(data, args)
    told = ", ".join(f"{count} {title}" for title, count in wrong.items() if count)
    print(f"judged wrongly: {told}" if told else "every training was judged rightly")
    if notice:
        print(notice)
    return 1 if wrong["healthy"] or (wrong["broken"] and not notice) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except tg.TinygradError as error:
        sys.exit(f"{type(error).__name__}: {error}")
