"""Reports for programs: one strict JSON document, its shape promised by ``"schema": 2``.

Keys are only ever added within a schema. Shapes are lists, a free size is null; a number that JSON cannot hold is one
of the strings ``"NaN"``, ``"Infinity"``, ``"-Infinity"``.

A model (``"report": "inspect"``)::

    file        path, format, keras_version, backend, notes [str], assets [str], others {name: what it is}
    model       name, class_name, inputs [name, shape, dtype], outputs [name, shape], refusal (str or null)
    layers      [layer], those chosen with --layer, else all
    findings    [finding]: hazards of the file
    ledger      total, claimed, optimizer_state, random_state, unclaimed [path], problems [str], closes
    parameters  total, trainable, non_trainable

    layer       name, path, attribute (of a wrapper's part, else null), class_name, module, dtype, trainable, shape,
                formula, settings {name: value} of all that the result depends on, refusal (str or null),
                inferred: what it seems to be, and by what, where no architecture tells (str or null),
                calls [path, on [path], shape], parameters, weights [weight], parts [layer]
    weight      name, axes [name, size, blocks [str]] or null, shape, dtype, parameters, trainable,
                array (its path in the file, or null); with --stats statistics, with --values values (nested lists)
    statistics  min, max, mean, std (of the finite values, null without any), zeros, nan, infinite

A comparison (``"report": "verify"``)::

    file        the path of the model's file, or null
    verdict     agrees, diverges or unchecked;  exit_code, samples, reference, notes [str], summary [str];
                partial: whether the reference offers some values only, compared: how many rows it has one for
    tolerance   rtol, atol; null where the budgets for rounding decide
    function    asked: whether all was run in float64 too; reason: why not (str or null); same: the answer, or null
    first       path of the first layer that diverges, or null
    rows        [path, class_name, shape, verdict, reason, causes, own_error, total_error, of_limit, own,
                own_in_float64, total, source]; own_error is the largest difference of the layer given what Keras gave
                it, total_error that of NumPy going on with its own values, of_limit the own error as a share of what
                is allowed, the worse of both questions; the gaps own, own_in_float64 and total have the details.
                Source is null where the total error is 0
    outputs     [gap]
    gap         absolute, relative, index, ours, theirs, within, of_limit (share of what is allowed), ulps, edges,
                values, problem, of_largest (the largest difference as a share of the largest number), overflows; or
                null where nothing was compared; of an output also span: by how much of its largest number rounding
                can move it, 0 where that was not asked
    source      kind: born here, came in or grew here; factor, in multiples of what the layer was fed with

A scan (``"report": "scan"``)::

    exit_code, errors, warnings, notes, others: how many files were none of a model
    files       [path, format, findings [finding]]
    finding     code, severity, place (in the file, "" for all of it), what, could, remedy

An explanation (``"report": "explain"``)::

    file        as of a model;  sample: its number, null where no input was given: then all numbers are null
    layers      [path, class_name, formula, given [name, shape], shape, at [index], value, reason, steps [step]];
                reason: why there are no steps (str or null)
    step        kind: matrices, say, sum, apply, pick or move; name, means (in symbols), value, and by kind
                arrays [name, means, values]; text; terms [label, factors [number], value] (the largest), rest [terms,
                value], more [label, value], over; arguments [label, value]; choices (how many), chosen (its label)

Layer classes (``"report": "layers"``), and one of them (``"report": "layer"``)::

    classes, class  name, family, standing, reason (str or null), aliases [str]; of one class also text, formula,
                    settings [name, kind, default], without_effect [name], refused [name],
                    problem (why no example of it could be built, or null), and those of an example:
                    weights [path, axes [name, blocks], trainable, condition], parts {attribute: class},
                    shape inputs [str], output (str or null)
"""

import json
import math

from weightscope.checking.catalogue import SEVERITIES
from weightscope.files import budget
from weightscope.show.json_steps import block
from weightscope.show.values import statistics
from weightscope.show.verdict import chosen_rows, summary
from weightscope.show.wording import axes_of, shape_list, shape_text
from weightscope.version import __version__

SCHEMA = 2
NUMBER = 60  # bytes that a number in a list takes, with its text


def model(view, file):
    """Write the Overview of a model as JSON."""
    _write(file, {
        **_opening("inspect"),
        "file": _file(view.saved, view.model.notes),
        "model": _model(view),
        "layers": [_layer(view, block) for block in view.blocks],
        "findings": [_finding(found) for found in view.findings],
        "ledger": _ledger(view),
        "parameters": {"total": view.trainable + view.frozen, "trainable": view.trainable,
                       "non_trainable": view.frozen},
    })


def explanation(view, file):
    """Write an ``Explained`` as JSON."""
    _write(file, {
        **_opening("explain"),
        "file": _file(view.model.saved, view.model.notes),
        "sample": view.sample,
        "layers": [plain(block(path, found, view.with_numbers)) for path, found in view.blocks],
    })


def _write(file, document):
    # Escaped beyond ASCII, so that no name in a file can reach a terminal as a control character.
    text = json.dumps(document, indent=2, allow_nan=False, ensure_ascii=True)
    file.write(text.replace("\x7f", "\\u007f") + "\n")


def _opening(report):
    return {"schema": SCHEMA, "report": report, "weightscope": __version__}


def _file(saved, notes):
    return {"path": str(saved.path), "format": saved.format, "keras_version": saved.keras_version,
            "backend": saved.backend, "notes": list(notes), "assets": list(saved.assets), "others": saved.others}


def _model(view):
    return {
        "name": view.model.name,
        "class_name": view.model.class_name,
        "inputs": [{"name": name, "shape": shape_list(shape), "dtype": dtype} for name, shape, dtype in view.inputs],
        "outputs": [{"name": name, "shape": shape_list(shape)} for name, shape in view.outputs],
        "refusal": view.model.refusal(),
    }


def _layer(view, block):
    layer = block.layer
    return {
        "name": layer.name,
        "path": block.path,
        "attribute": block.attribute or None,
        "class_name": layer.class_name,
        "module": layer.module,
        "dtype": layer.policy,
        "trainable": block.trains,
        "shape": shape_list(block.shape),
        "formula": layer.written_formula(),
        "settings": plain(shape_list(block.settings())),
        "refusal": layer.refusal(),
        "inferred": layer.inferred or None,
        "calls": [{"path": call.path, "on": call.on, "shape": shape_list(call.shape)} for call in block.calls],
        "parameters": block.parameters,
        "weights": [_weight(view, block, weight) for weight in layer.weights.values()],
        "parts": [_layer(view, part) for part in block.parts],
    }


def _weight(view, block, weight):
    axes = axes_of(weight)
    stored = weight.stored
    found = {
        "name": weight.name,
        "axes": axes and [{"name": word, "size": size, "blocks": blocks} for word, size, blocks in axes],
        "shape": shape_list(weight.shape),
        "dtype": weight.dtype,
        "parameters": stored.size if stored is not None else None,
        "trainable": block.trains_weight(weight),
        "array": stored.path if stored is not None else None,
    }
    if stored is not None and view.with_statistics:
        found["statistics"] = plain(vars(statistics(values for _, values in stored.pieces())))
    if stored is not None and view.with_values:
        if stored.is_packed:  # else the file is as long as they are
            budget.take(stored.size * NUMBER, f"array {stored.path!r}, all values of it written out,")
        found["values"] = plain(stored.read().tolist())
    return found


def plain(value):
    """Return nested lists and mappings with every number that strict JSON lacks as a string."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return str(value).strip("()") if isinstance(value, complex) else value


def _ledger(view):
    ledger = view.ledger
    return {"total": ledger.total, "claimed": ledger.claimed, "optimizer_state": ledger.optimizer,
            "random_state": ledger.state, "unclaimed": list(ledger.unclaimed), "problems": list(view.problems),
            "closes": ledger.closes}


def comparison(result, file, limit=None, _verbose=True, _legend=False):
    """Write a Comparison as JSON; ``limit`` as in the other formats, rows left out are a number."""
    _write(file, plain({
        **_opening("verify"),
        "file": result.file or None,
        "verdict": result.verdict,
        "exit_code": result.exit_code,
        "samples": result.samples,
        "reference": result.reference,
        "partial": result.partial,
        "compared": len(result.compared),
        "tolerance": _tolerance(result),
        "function": {"asked": not result.no_twin, "reason": result.no_twin or None, "same": result.same_function},
        "first": result.first.path if result.first else None,
        "summary": summary(result),
        "rows": [row if isinstance(row, int) else _row(row) for row in chosen_rows(result.rows, limit)],
        "outputs": [{**_gap(found), "span": found.span} for found in result.outputs],
        "not_finite": [_not_finite(found) for found in result.not_finite],
        "allow_nonfinite": result.allow_nonfinite,
        "self_test": None if result.trials is None else [_trial(trial) for trial in result.trials],
        "notes": list(result.notes),
    }))


def _row(row):
    return {"path": row.path, "class_name": row.class_name, "shape": shape_list(row.shape), "verdict": row.verdict,
            "reason": row.reason, "causes": list(row.causes), "meanings": [_meaning(found) for found in row.meanings],
            "own_error": row.own_error, "total_error": row.total_error, "of_limit": row.of_limit,
            "own": _gap(row.own), "own_in_float64": _gap(row.own_in_float64), "total": _gap(row.total),
            "rounding": _gap(row.rounding),
            "source": row.source and {"kind": row.source.kind, "factor": row.source.factor}}


def _meaning(found):
    return {"what": found.what, "means": found.means, "does": found.does, "by": list(found.by),
            "remedy": found.remedy}


def _tolerance(result):
    given = result.tolerance
    return {"rtol": given.rtol, "atol": given.atol, "would_pass": result.would_pass or None,
            "layers": [{"name": name, "rtol": rtol, "atol": atol} for name, rtol, atol in given.layers]}


def _trial(trial):
    smallest = {name: {"least": least, "most": most} for name, (least, most) in trial.smallest.items()}
    return {"path": trial.path, "class_name": trial.class_name, "dtype": trial.dtype, "made": trial.made,
            "missed": trial.missed, "smallest": smallest, "unused": trial.unused, "untried": trial.untried}


def _not_finite(found):
    return {"kind": found.kind, "name": found.name, "index": list(found.index), "value": found.value, "nan": found.nan,
            "infinite": found.infinite, "size": found.size, "excused": found.excused, "origin": found.origin or None,
            "swallowed": found.swallowed}


def _gap(found):
    if found is None:
        return None
    return {"absolute": found.absolute, "relative": found.relative, "index": list(found.index), "ours": found.ours,
            "theirs": found.theirs, "within": found.within, "of_limit": found.of_limit, "ulps": found.ulps,
            "edges": found.edges, "values": found.values, "problem": found.problem, "of_largest": found.of_largest,
            "overflows": found.overflows, "not_finite": found.not_finite}


def findings(found, file):
    """Write the Report of a scan as JSON."""
    _write(file, {
        **_opening("scan"),
        "exit_code": found.exit_code,
        **{f"{severity}s": found.count(severity) for severity in SEVERITIES},
        "others": found.others,
        "files": [{"path": one.path, "format": one.format, "findings": [_finding(each) for each in one.findings]}
                  for one in found.scanned],
    })


def _finding(found):
    return {"code": found.code, "severity": found.severity, "place": found.place, "what": found.said,
            "could": found.could, "remedy": found.remedy}


def classes(entries, file):
    """Write all layer classes as JSON."""
    _write(file, {**_opening("layers"), "classes": [_class(entry) for entry in entries]})


def layer_class(entry, file):
    """Write one layer class, with its settings, weights, parts and shapes, as JSON."""
    found = _class(entry)
    if entry.layer_class is not None:
        found.update({
            "text": entry.text,
            "formula": entry.formula,
            "settings": [{"name": name, "kind": kind, "default": default or None}
                         for name, kind, default in entry.settings()],
            "without_effect": entry.without_effect(),
            "refused": entry.refused(),
            "problem": entry.problem(),
        })
    if not entry.problem():
        given, output = entry.shape()
        found.update({
            "weights": [_example_weight(*row) for row in entry.weights()],
            "parts": entry.parts(),
            "shape": {"inputs": [shape_text(shape) for shape in given],
                      "output": None if output is None else shape_text(output)},
        })
    _write(file, {**_opening("layer"), "class": found})


def _class(entry):
    return {"name": entry.name, "family": entry.family, "standing": entry.standing, "reason": entry.reason or None,
            "aliases": entry.aliases}


def _example_weight(path, weight, condition):
    axes = [{"name": word, "blocks": blocks} for word, _, blocks in axes_of(weight)]
    return {"path": path, "axes": axes, "trainable": weight.trainable, "condition": condition or None}
