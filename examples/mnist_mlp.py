"""Train a multilayer perceptron, 784-128-10 with ReLU, on MNIST.

    python examples/mnist_mlp.py                    # MNIST where it can be had, else scikit-learn's 8x8 digits
    python examples/mnist_mlp.py --data mnist       # insist on MNIST
    python examples/mnist_mlp.py --target 98        # exit with status 1 below 98 % test accuracy

Expected on MNIST at the defaults (10 epochs): 98.0 % test accuracy or more (98.2-98.4 over six seeds), in well
under a minute on 2 cores.
"""

from __future__ import annotations

import argparse
import sys
import time

try:
    import matplotlib  # noqa: F401  drawn with at the end, so missed at the start
    import numpy as np
    from tqdm.auto import tqdm

    import tinygrad_mnist as tg
    from tinygrad_mnist import nn
    from tinygrad_mnist.core.files import output_folder
    from tinygrad_mnist.data import DataLoader, open_dataset, random_split
except ImportError as error:
    sys.exit(f"{error}. Install what the examples need: pip install '.[examples]' in the project's folder")


class MLP(nn.Module):
    """One hidden layer: 784 pixels -> 128 rectified units -> 10 logits."""

    def __init__(self):
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 128), nn.ReLU(), nn.Linear(128, 10))

    def forward(self, x):
        return self.net(x)


def train_epoch(model, loader, loss_function, optimizer, schedule, title):
    """Show every training image to the model once; give mean loss and accuracy as seen on the way."""
    model.train()
    total_loss, right, seen = 0.0, 0, 0
    with tqdm(total=len(loader), desc=title, unit="batch", disable=None, leave=False) as bar:
        for step, (images, labels) in enumerate(loader, 1):
            logits = model(images)
            loss = loss_function(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()

            total_loss += loss.item() * len(labels)
            right += int((logits.argmax(1) == labels).sum())
            seen += len(labels)
            if step % 50 == 0 or step == len(loader):
                bar.update(step - bar.n)
                bar.set_postfix(loss=f"{total_loss / seen:.4f}", accuracy=f"{100 * right / seen:.2f} %")
    return total_loss / seen, right / seen


@tg.no_grad()
def evaluate(model, dataset, loss_function):
    """Give mean loss, accuracy and the predicted classes, without training."""
    model.eval()
    total_loss, predictions, truth = 0.0, [], []
    for images, labels in DataLoader(dataset, batch_size=500):
        logits = model(images)
        total_loss += loss_function(logits, labels).item() * len(labels)
        predictions.append(logits.argmax(1).numpy())
        truth.append(labels.numpy())
    predictions, truth = np.concatenate(predictions), np.concatenate(truth)
    return total_loss / len(truth), float((predictions == truth).mean()), predictions


def arguments(argv, name, description, epochs, lr):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=lr, help="highest learning rate of the one-cycle schedule")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", choices=["auto", "mnist", "digits"], default="auto")
    parser.add_argument("--data-dir", help="folder with the MNIST files, asked before all other sources")
    parser.add_argument("--target", type=float, help="test accuracy in percent below which to exit with status 1")
    parser.add_argument(
        "--out", help=f"folder for weights and pictures (default: runs/{name}; runs/{name}_digits without MNIST)"
    )
    chosen = parser.parse_args(argv)
    if chosen.epochs < 1 or chosen.batch_size < 1 or not chosen.lr > 0:
        parser.error("--epochs, --batch-size and --lr must be positive")
    if chosen.seed < 0 or (chosen.target is not None and not 1 < chosen.target <= 100):
        parser.error("--seed must not be negative, and --target is in percent, such as 98")
    return chosen


def main(argv=None, model_class=MLP, name="mnist_mlp", description=__doc__, epochs=10, lr=3e-3):
    """Train, validate, test and report; another program may bring its own model and defaults (mnist_cnn.py does)."""
    args = arguments(argv, name, description, epochs, lr)
    if args.out is not None:
        output_folder(args.out)  # told now, not after training, if results cannot be written there
    tg.manual_seed(args.seed)
    training, test, notice = open_dataset(args.data, args.data_dir)
    # the stand-in's weights must not replace those of a training on MNIST
    out = output_folder(args.out if args.out is not None else f"runs/{name}_digits" if notice else f"runs/{name}")
    print(notice or f"Data: {training.source}")
    held_out = len(training) // 12  # 5,000 of 60,000 choose the best epoch; the test set is used once, at the end
    train, valid = random_split(training, [len(training) - held_out, held_out])

    model = model_class()
    loader = DataLoader(train, batch_size=args.batch_size, shuffle=True)
    loss_function = nn.CrossEntropyLoss(label_smoothing=0.05)  # less sure of its labels, so better on new images
    optimizer = tg.optim.Adam(model.parameters(), lr=args.lr)
    schedule = tg.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=args.lr, total_steps=args.epochs * len(loader), cycle_momentum=False
    )
    print(f"{model}\n{sum(p.numel() for p in model.parameters()):,} parameters, {len(train):,} training images")

    weights, history, seconds, interrupted = out / "weights.npz", [], 0.0, False
    best, lowest = None, float("inf")  # epoch and validation loss of the weights in the file
    try:
        for epoch in range(1, args.epochs + 1):
            start = time.perf_counter()
            loss, accuracy = train_epoch(
                model, loader, loss_function, optimizer, schedule, f"epoch {epoch}/{args.epochs}"
            )
            seconds += time.perf_counter() - start
            valid_loss, valid_accuracy, _ = evaluate(model, valid, loss_function)
            history.append(
                dict(train_loss=loss, train_accuracy=accuracy, valid_loss=valid_loss, valid_accuracy=valid_accuracy)
            )
            note = ""
            if best is None or valid_loss < lowest:  # the loss is steadier than the accuracy
                tg.save(model.state_dict(), weights)
                best, lowest, note = epoch, min(lowest, valid_loss), "  best so far, saved"
            print(
                f"epoch {epoch:2d}  loss {loss:.4f}  accuracy {100 * accuracy:6.2f} %  "
                f"validation loss {valid_loss:.4f}  accuracy {100 * valid_accuracy:6.2f} %{note}",
                flush=True,
            )
    except KeyboardInterrupt:
        interrupted = True
        if best is None:
            tg.save(model.state_dict(), weights)
            print(f"\nInterrupted in the first epoch: the weights as they are now are in {weights}")
        else:
            print(f"\nInterrupted: the best weights so far (epoch {best}) are in {weights}")

    model.load_state_dict(tg.load(weights))
    _, accuracy, predictions = evaluate(model, test, loss_function)
    settings = f"{name}: batch {args.batch_size}, Adam, lr up to {args.lr:g}"
    tg.viz.plot_curves(history, out / "curves.png", title=settings)
    tg.viz.plot_confusion(test.labels, predictions, test.classes, out / "confusion.png", title="Test set: ")
    source = "the unfinished first epoch" if best is None else f"epoch {best}"
    speed = f"{len(history) * len(train) / seconds:,.0f} images per second" if history else "no epoch finished"
    print(
        f"Test accuracy {100 * accuracy:.2f} % ({len(test):,} images) with the weights of {source}\n"
        f"Training took {seconds:.1f} s: {speed}\n"
        f"Weights, curves.png and confusion.png are in {out}"
    )
    if notice:
        print(notice)
    if args.target is not None and args.data == "auto" and notice:
        print(f"FAILED: the target of {args.target:g} % is for MNIST, which could not be had")
        return 1
    if args.target is not None and 100 * accuracy < args.target:
        print(f"FAILED: test accuracy {100 * accuracy:.2f} % is below the target of {args.target:g} %")
        return 1
    return 130 if interrupted else 0


def run(**program):
    """Run main as a program: a mistake that the package explains needs no traceback."""
    try:
        sys.exit(main(**program))
    except tg.TinygradError as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    run()
