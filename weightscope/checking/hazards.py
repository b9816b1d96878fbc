"""All hazards of a file that was read: in its container, in its config, in what it was compiled with, in its graph."""

from weightscope.checking import configs, graphs
from weightscope.checking.catalogue import Finding

CONFIGS = {"keras archive": "config.json", "keras folder": "config.json", "legacy h5 model": "model_config",
           "SavedModel folder": "keras_metadata"}


def of_saved(saved, trust=None):
    """Return the Findings of what was read from a file, a ``Saved``; ``trust``: a ``configs.Trust``."""
    source = saved.architecture or CONFIGS.get(saved.format, "")
    return [*map(Finding.of, saved.oddities),
            *configs.of_config(saved.config, source, trust),
            *configs.of_compiled(saved.training_config, "training_config"),
            *graphs.of_operations(saved.operations())]
