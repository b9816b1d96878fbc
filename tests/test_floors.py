"""The design, checked: imports only point down, and no function grows too long."""

import ast
from pathlib import Path

import pytest

import weightscope

ROOT = Path(weightscope.__file__).parent
FILES = sorted(path for path in ROOT.rglob("*.py"))
MODULES = {".".join(["weightscope", *path.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__"): path
           for path in FILES}

# A module stands on the floor of the longest prefix that fits it, and imports from lower floors only; modules in
# one of the ROOMS may also import each other, without circles.
FLOORS = {
    "weightscope.errors": 0,
    "weightscope.user_code": 1, "weightscope.cores": 1, "weightscope.memory": 1, "weightscope.process": 1,
    "weightscope.files": 1, "weightscope.kernels": 1,
    "weightscope.layers": 2, "weightscope.dialects": 2,
    "weightscope.binding": 3, "weightscope.inferring": 3, "weightscope.loading": 4,
    "weightscope.rounding": 4, "weightscope.twin": 3,
    "weightscope.gaps": 5, "weightscope.replaying": 5, "weightscope.chained": 5, "weightscope.alone": 5,
    "weightscope.sides": 6, "weightscope.compare": 7,
    "weightscope.input_files": 5, "weightscope.content_hash": 5, "weightscope.mistakes": 5,
    "weightscope.causes": 8, "weightscope.reference": 6, "weightscope.inputs": 6,
    "weightscope.self_testing": 9, "weightscope.recording": 8, "weightscope.converting": 7,
    "weightscope.verifying": 10,
    "weightscope.show": 11,
    "weightscope.commands": 12,
    "weightscope.cli": 13, "weightscope.__main__": 14,
    "weightscope": 15,  # the front door: what it offers, it loads at the first use
}
# From anywhere: a version number, and words about names, both without imports of their own.
EVERYWHERE = {"weightscope.__version__", "weightscope.show.names"}
ROOMS = ("weightscope.files", "weightscope.kernels", "weightscope.layers", "weightscope.dialects",
         "weightscope.reference", "weightscope.converting", "weightscope.show", "weightscope.commands")
KERAS3 = {"weightscope.reference.keras3", "weightscope.reference.keras3_twin"}
ONLY_IN = {"keras": KERAS3, "tf_keras": {"weightscope.reference.tf_keras"},
           "tensorflow": {*KERAS3, "weightscope.reference.tf_keras", "weightscope.reference.child"},
           "rich": {"weightscope.show.terminal"}, "click": {"weightscope.cli", "weightscope.commands"}}
# importlib.metadata is slow, and only wanted when a class is unknown; families are imported as a model needs them.
LATE = {"weightscope.layers.taught", "weightscope.layers.families"}
MOST_LINES, MOST_PARAMETERS = 40, 6


def home(module):
    """Return the entry of FLOORS that a module belongs to."""
    parts = module.split(".")
    return next(name for name in (".".join(parts[:n]) for n in range(len(parts), 0, -1)) if name in FLOORS)


def imports(module):
    """Yield (imported name, whether the import stands inside a function) of one module, names as far as they go."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    inner = {id(node) for outer in ast.walk(tree) if isinstance(outer, (ast.FunctionDef, ast.Lambda))
             for node in ast.walk(outer)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in inner) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield (whole if whole in MODULES or whole in EVERYWHERE else node.module), id(node) in inner


def ours(module):
    """Return the modules of the package that a module imports anywhere."""
    return {name for name, _ in imports(module) if name.split(".")[0] == "weightscope"} - EVERYWHERE


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module):
    for other in ours(module):
        here, there = home(module), home(other)
        if here == there:
            assert here in ROOMS, f"{module} imports {other} of the same floor"
        else:
            assert FLOORS[there] < FLOORS[here], f"{module} (floor {FLOORS[here]}) imports {other} ({FLOORS[there]})"


def test_every_floor_is_there():
    assert {home(module) for module in MODULES} == set(FLOORS)


def test_no_circles():
    graph = {module: {other for other in ours(module) if other in MODULES} for module in MODULES}
    # Importing a module runs its packages' __init__ first; a package that gathers its own modules is their owner.
    while graph:
        free = {module for module, needs in graph.items() if not needs & set(graph) - {module}}
        assert free, f"a circle among {sorted(graph)}"
        graph = {module: needs for module, needs in graph.items() if module not in free}


@pytest.mark.parametrize("module", MODULES)
def test_heavy_imports_stay_in_their_rooms(module):
    for name, _ in imports(module):
        rooms = ONLY_IN.get(name.split(".")[0])
        assert rooms is None or module in rooms or home(module) in rooms, f"{module} imports {name}"


@pytest.mark.parametrize("module", MODULES)
def test_imports_stand_at_the_top(module):
    late = [name for name, inside in imports(module) if inside]
    allowed = home(module) in ("weightscope.commands", "weightscope.reference", "weightscope") or module in LATE
    assert not late or allowed, f"{module} imports {late} inside a function"


def test_command_modules_import_click_alone_at_the_top():
    for module in MODULES:
        if home(module) != "weightscope.commands":
            continue
        at_top = {name.split(".")[0] for name, inside in imports(module) if not inside}
        assert not at_top & {"numpy", "h5py", "rich"}, f"{module} imports {at_top}"
        own = {name for name, inside in imports(module) if not inside} & set(MODULES)
        assert own <= {"weightscope.commands.options"} | EVERYWHERE, f"{module} imports {own}"


def functions(module):
    """Yield (name, node) of every function of a module, methods as Class.name."""
    def inside(node, prefix):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield prefix + child.name, child
                yield from inside(child, f"{prefix}{child.name}.")
            elif isinstance(child, ast.ClassDef):
                yield from inside(child, f"{prefix}{child.name}.")
            else:
                yield from inside(child, prefix)

    yield from inside(ast.parse(MODULES[module].read_text(encoding="utf-8")), "")


def weights_of(module):
    """Return the names that the module's layer classes give their weights: forward takes them besides its arguments."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    return {call.args[0].value for call in ast.walk(tree)
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Weight"
            and call.args and isinstance(call.args[0], ast.Constant)}


def is_given(module, name):
    """Tell whether others say which parameters a function has: options, or Keras' and TensorFlow's calls."""
    return ((home(module) == "weightscope.commands" and name == "command")
            or (module, name) == ("weightscope.verifying", "verify")  # that command's options
            or (home(module) == "weightscope.layers" and name.endswith(".forward"))
            or module.startswith(("weightscope.layers.operations", "weightscope.layers.tensorflow_functions")))


@pytest.mark.parametrize("module", MODULES)
def test_functions_are_short(module):
    for name, node in functions(module):
        lines = node.end_lineno - node.lineno + 1
        assert lines <= MOST_LINES, f"{module}.{name} has {lines} lines"


@pytest.mark.parametrize("module", MODULES)
def test_functions_take_few_parameters(module):
    weights = weights_of(module)
    for name, node in functions(module):
        every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        taken = [arg.arg for arg in every if arg.arg not in ("self", "cls") and arg.arg not in weights]
        assert is_given(module, name) or len(taken) <= MOST_PARAMETERS, f"{module}.{name} takes {taken}"
