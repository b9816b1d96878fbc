"""What went wrong with a layer that diverges: the known mistakes, each tried on that layer alone.

What is told is true of the other side: it gives what this layer gives *with* the mistake. At most one is told, the one
that leaves least of the difference, and none where rounding explains it, or where the mistake leaves much of it.
"""

import copy
from dataclasses import replace

from weightscope.errors import WeightscopeError
from weightscope.model.running import MISFITS
from weightscope.replaying.replay import calls_of
from weightscope.verdict.gaps import Tolerance
from weightscope.verdict.mistakes import mistakes

LEFT_OVER = 0.1  # the most of a difference that its cause may leave
SURE = 0.01  # of what rounding may do: a mistake that leaves less is the one
MOST_EXPLAINED = 3  # layers, of a batch


def with_causes(rows, sides, alone):
    """Return the Differences of a batch, the first that diverge with the known mistakes that would explain them."""
    guilty = [row.path for row in rows if row.verdict == "diverges" and row.own is not None][:MOST_EXPLAINED]
    if not guilty or sides.budgets is None:
        return rows
    model, found = sides.ours.model, {}
    with sides.ours.in_float64():
        for path, (layer, given) in calls_of(model, sides.ours.batch, sides.given, guilty):
            _, theirs, rule = alone.finest_judge(path, Tolerance())
            found[path] = causes_of(layer, given, theirs, rule, mistakable(model, layer))
    return [replace(row, causes=tuple(found.get(row.path, ()))) for row in rows]


def causes_of(layer, given, theirs, budget, others=()):
    """Return a list of the words for the mistake with which a call gives the other side's outputs, or of none.

    ``given``: args, kwargs, masks and keyword masks of the call, in float64; ``theirs``: the other side's outputs;
    ``budget``: a function of ours and theirs to a Gap; ``others``: layers whose weights might have been taken.
    """
    gap = budget(layer.run(*given)[0], theirs)
    if gap is None or gap.within:
        return []
    best, told = LEFT_OVER * gap.of_limit, []
    for words, change in mistakes(layer, others):
        ours = mistaken(layer, given, change)
        gap = None if ours is None else budget(ours, theirs)
        if gap is not None and gap.within and (gap.of_limit < best or (not told and gap.of_limit <= best)):
            best, told = gap.of_limit, [words]
        if told and best < SURE:
            break
    return told


def mistaken(layer, given, change):
    """Return the outputs of a call of a layer with a mistake made, or None where it cannot be made."""
    try:
        changed = copy.deepcopy(layer)
        change(changed, given)
        return changed.run(*given)[0]
    except (WeightscopeError, *MISFITS):
        return None


def mistakable(model, layer):
    """Return the other layers of a model whose weights might have been taken for a layer's: same class and shapes."""
    def kind(one):
        return one.class_name, [weight.shape for weight in one.all_weights()]

    own = kind(layer)
    found = (other for _, other in model.calls() if other is not layer and own[1] and kind(other) == own)
    return list(dict.fromkeys(found))
