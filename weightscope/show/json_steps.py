"""The steps of an explanation for programs; ``show.json`` says what is in them."""

from weightscope.explaining.steps import Apply, Matrices, Move, Pick, Say, Sum

KINDS = {Matrices: "matrices", Say: "say", Sum: "sum", Apply: "apply", Pick: "pick", Move: "move"}
MOST_TERMS = 64


def block(path, found, with_numbers):
    """Return what an Explanation says, or only why there is none."""
    if isinstance(found, str):
        return {"path": path, "reason": found, "steps": []}
    steps = [step for step in found.steps if with_numbers or not getattr(step, "of_numbers", False)]
    return {"path": path, "class_name": found.layer.class_name, "formula": found.layer.written_formula(),
            "given": [{"name": name, "shape": list(shape)} for name, shape in found.given], "shape": list(found.shape),
            "at": list(found.at), "value": _value(found.value) if with_numbers else None, "reason": found.why_not,
            "steps": [_step(step, with_numbers) for step in steps]}


def _step(step, with_numbers):
    told = {"kind": KINDS[type(step)], "name": step.name, "means": step.means, "value": None}
    if isinstance(step, Say):
        return {**told, "text": step.text}
    if not with_numbers:
        return told
    told["value"] = _value(step.value)
    return {**told, **_OF_KIND.get(type(step), lambda _: {})(step)}


def _value(value):
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _matrices(step):
    return {"arrays": [{"name": name, "means": means, "values": array.tolist()}
                       for name, array, means in step.arrays]}


def _sum(step):
    order = step.order()
    shown, rest = order[:MOST_TERMS], order[MOST_TERMS:]
    terms = [{"label": step.label(term), "factors": [factor.values[term].item() for factor in step.factors],
              "value": float(step.terms[term])} for term in shown]
    return {"terms": terms, "rest": {"terms": len(rest), "value": float(step.terms[rest].sum())},
            "more": [{"label": label, "value": value} for label, value in step.more], "over": step.over}


def _apply(step):
    return {"arguments": [{"label": label, "value": value}
                          for label, value in zip(step.labels, step.numbers)]}


def _pick(step):
    return {"choices": len(step.values), "chosen": None if step.chosen is None else step.label(step.chosen)}


_OF_KIND = {Matrices: _matrices, Sum: _sum, Apply: _apply, Pick: _pick}
