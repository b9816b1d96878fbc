"""Random models, and all of ``keras.applications``, held against Keras for as long as you like: ``make soak``, or

    python tests/soak.py [--examples N] [--layers N] [--frozen N] [--seed FIRST] [--policy NAME ...] [--no-applications]

One line for each that fails, with the seed that makes it again and the story of the model; a summary at the end. Exit
status 1 where anything failed.
"""

import argparse
import random
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from applications import application, names
from frozen_models import Grown
from frozen_models import hold as hold_frozen
from holding import NotRun, hold
from random_budgets import verdicts
from random_models import random_model

POLICIES = ("float32", "float32", "float64", "mixed_float16")


def held(build, told, counts, found):
    """Build a model and hold it; count what came of it, and note its largest difference."""
    try:
        model, inputs, story = build()
    except Exception as error:
        counts["not built"] += 1
        print(f"{told}: not built: {type(error).__name__}: {str(error)[:300]}", flush=True)
        return
    try:
        with tempfile.TemporaryDirectory() as folder:
            found[told] = hold(model, inputs, Path(folder))
        counts["agree"] += 1
    except NotRun as error:
        counts["not run by Keras"] += 1
        print(f"{told}: {str(error).splitlines()[0][:200]}", flush=True)
    except Exception as error:  # also an error of ours: each is a finding, and the next model comes all the same
        counts["DIFFER"] += 1
        print("\n    ".join([f"{told}: {type(error).__name__}: {str(error)[:600]}", *story]), flush=True)


def random_ones(first, examples, policies, counts, found):
    """Hold ``examples`` random models, the first of seed ``first``, under the policies by turns."""
    for seed in range(first, first + examples):
        policy = policies[seed % len(policies)]

        def build(seed=seed, policy=policy):
            grown = random_model(random.Random(seed), policy)
            counts["calls"] += len(grown.story) - grown.refused
            return grown.model, grown.inputs, grown.story

        held(build, f"seed {seed}, {policy}", counts, found)


def frozen_ones(first, examples, counts):
    """Hold ``examples`` models of each Keras with random ``trainable`` flags, in every format of its files."""
    import keras
    import tf_keras

    for either in (keras, tf_keras):
        for seed in range(first, first + examples):
            either.backend.clear_session()
            grown = Grown(either, random.Random(seed))
            for ending in ("h5", "keras", "weights.h5"):
                try:
                    with tempfile.TemporaryDirectory() as folder:
                        counts[f"{ending} {hold_frozen(either, grown, Path(folder) / f'model.{ending}')}"] += 1
                except Exception as error:  # also an error of ours, as above
                    counts["DIFFER"] += 1
                    told = f"{either.__name__}, seed {seed}, {ending}: {type(error).__name__}: {str(error)[:600]}"
                    print("\n    ".join([told, *grown.story]), flush=True)


def random_budgets(first, examples, counts):
    """Judge ``examples`` random layers, compiled by TensorFlow and by XLA."""
    for seed in range(first, first + examples):
        for jit in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                said = verdicts(seed, Path(folder), jit)
            counts["within budget" if said == ["agrees"] else "DIFFER"] += 1
            if said != ["agrees"]:
                print(f"layer of seed {seed}{', XLA' * jit}: {said}", flush=True)


def all_applications(counts, found):
    """Hold every architecture of ``keras.applications``, and print the largest difference of each."""
    for name in names():
        start = time.perf_counter()
        held(lambda name=name: (*application(name), []), name, counts, found)
        if name in found:
            print(f"{name}: agrees, {found[name]:.1e} of the largest value ({time.perf_counter() - start:.0f} s)",
                  flush=True)


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--policy", nargs="+", default=POLICIES)
    parser.add_argument("--frozen", type=int, default=100, help="nested models of each Keras, with layers frozen")
    parser.add_argument("--layers", type=int, default=300, help="random layers to be held against their budgets")
    parser.add_argument("--applications", action=argparse.BooleanOptionalAction, default=True)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")  # Keras warns about much of what is tried here
    counts, found = Counter(), {}
    random_ones(asked.seed, asked.examples, asked.policy, counts, found)
    if found:
        worst = max(found, key=found.get)
        print(f"largest difference of an output: {found[worst]:.1e} of its largest value ({worst})")
    frozen_ones(asked.seed, asked.frozen, counts)
    random_budgets(asked.seed, asked.layers, counts)
    if asked.applications:
        all_applications(counts, found)
    print(", ".join(f"{number} {what}" for what, number in counts.items()))
    return 1 if counts["DIFFER"] or counts["not built"] else 0


if __name__ == "__main__":
    sys.exit(main())
