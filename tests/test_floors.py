"""The design, checked: imports only point down, and no function grows too long."""

import ast
from pathlib import Path

import pytest

import weightscope

ROOT = Path(weightscope.__file__).parent
FILES = sorted(path for path in ROOT.rglob("*.py"))
MODULES = {".".join(["weightscope", *path.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__"): path
           for path in FILES}

# The house, from the roof down: what each room is for. A room looks at those on floors below it only, so at none on its
# own; inside a room modules may look at each other, without circles.
PLAN = [
    {"__main__": "python -m weightscope"},
    {"cli": "the list of commands; errors become exit codes"},
    {"commands": "one file a command: options in, one report out"},
    {"show": "one file an output format",
     "converting": "an old model as a file that Keras 3 loads"},
    {"explaining": "one number of a layer in, the steps that lead to it out"},
    {"verdict": "two sides in, one Comparison out"},
    {"reference": "whatever a replay is held against, and writing it down"},
    {"replaying": "a model and inputs in, a Trace out",
     "checking": "one file a kind of finding: what can be wrong with a file, without Keras"},
    {"opening": "a path in, a Model out"},
    {"layers": "every layer, one file a family"},
    {"model": "what a layer, a weight, a graph and a model are"},
    {"files": "one file a format: bytes in, a Saved out",
     "dialects": "one file a dialect: old words in Keras 3's",
     "kernels": "pure NumPy on arrays"},
    {"errors": "what a user can meet"},
]
# The front door looks at whatever it hands out, when it is asked for; a version number may be looked at by all.
FRONT_DOOR, VERSION = "weightscope", "weightscope.version"
# What a command module may import at its top besides click: it has no imports of its own.
LIGHT = {VERSION, "weightscope.model.names", "weightscope.show.formats", "weightscope.commands.options",
         "weightscope.commands.writing"}
FLOOR = {f"weightscope.{room}": len(PLAN) - i for i, floor in enumerate(PLAN) for room in floor}
ROOMS_AT_MOST = 19
KERAS3 = {"weightscope.reference.keras3", "weightscope.reference.keras3_twin"}
ONLY_IN = {"keras": KERAS3, "tf_keras": {"weightscope.reference.tf_keras"},
           "tensorflow": {*KERAS3, "weightscope.reference.tf_keras", "weightscope.reference.child"},
           "rich": {"weightscope.show.terminal"}, "click": {"weightscope.cli", "weightscope.commands"}}
# importlib.metadata is slow, and only wanted when a class is unknown; families are imported as a model needs them,
# and a format when it is written; the command line where an interrupt ends in one line.
LATE = {"weightscope.__main__", "weightscope.model.taught", "weightscope.layers.families", "weightscope.show.formats"}
MOST_LINES, MOST_PARAMETERS = 40, 6


def home(module):
    """Return the room that a module belongs to: the front door, or a name of the plan."""
    return ".".join(module.split(".")[:2])


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
                yield (whole if whole in MODULES else node.module), id(node) in inner


def ours(module):
    """Return the modules of the package that a module imports anywhere."""
    return {name for name, _ in imports(module) if name.split(".")[0] == "weightscope"} - {VERSION}


@pytest.mark.parametrize("module", sorted(set(MODULES) - {FRONT_DOOR, VERSION}))
def test_imports_point_down(module):
    for other in ours(module):
        here, there = home(module), home(other)
        assert here == there or FLOOR[there] < FLOOR[here], f"{module} (floor {FLOOR[here]}) imports {other}"


def test_the_plan_is_the_house():
    assert {home(module) for module in MODULES} == {FRONT_DOOR, VERSION, *FLOOR}
    assert len(FLOOR) + 2 <= ROOMS_AT_MOST


def test_every_wing_says_what_it_is_for_and_does_nothing():
    for module, path in MODULES.items():
        if path.name == "__init__.py" and module != FRONT_DOOR:
            body = ast.parse(path.read_text(encoding="utf-8")).body
            assert len(body) == 1 and isinstance(body[0], ast.Expr), f"{module}: nothing but a docstring"
            assert 1 <= len(body[0].value.value.strip().splitlines()) <= 4


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
        assert own <= LIGHT, f"{module} imports {own}"


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
            or (module, name) == ("weightscope.verdict.verify", "verify")  # that command's options
            or (home(module) == "weightscope.layers" and name.endswith(".forward"))
            or module.startswith(("weightscope.layers.operations", "weightscope.layers.tensorflow")))


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
