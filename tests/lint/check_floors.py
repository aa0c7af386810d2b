"""A file includes lower floors only, and siblings on one floor do not include each other.

The floors are those of compiler/README.md. Halide and LLVM are kept to the floors that speak them.
"""
import posixpath
import re

import sources

# Unit: its floor. The unit of a file is the longest prefix of its path.
FLOORS = {
    "compiler/support": 0,
    "runtime": 0,
    "compiler/graph": 1,
    "compiler/frontend": 2,
    "compiler/onnx": 2,
    "compiler/passes": 2,
    "compiler/plan": 2,
    "compiler/reference": 2,
    "compiler/weights": 2,
    "compiler/ops": 3,
    "schedules": 3,
    "compiler/codegen": 4,
    "compiler/driver": 5,
    "compiler/include": 5,
    "tools/data": 5,
    "tools": 6,
    "tests": 6,
    "examples": 6,
}

# Both are the public interface: its declaration and its definition.
SAME_UNIT = {("compiler/driver", "compiler/include")}
# These units include less than their floor allows: only what begins like this, and themselves.
NARROW = {
    "runtime": (),
    "schedules": ("compiler/support/", "compiler/plan/machine.h"),
    "tools/data": ("compiler/support/", "compiler/graph/types.h"),
    "examples": ("compiler/include/", "runtime/cnnc_runtime.h", "tools/data/"),
}
# Headers that cnnc itself writes, as applications include them.
GENERATED = {
    "examples/digits/digits.c": {"mnist.h"},
    "examples/train_digits/train_digits.c": {"mnist_train.h"},
}

# Third parties that only some units speak.
RESTRICTED = {
    "Halide": ("compiler/ops", "schedules", "compiler/codegen", "tests"),
    "llvm": ("compiler/codegen", "compiler/driver", "tests"),
    "nlohmann": ("compiler/frontend", "compiler/weights", "compiler/driver", "tools", "tests"),
    "CLI": ("tools",),
    "onnx": ("compiler/onnx", "tests"),
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
INCLUDE_FOLDERS = ("", "compiler/include", "runtime")


def unit_of(path):
    found = [unit for unit in FLOORS if path.startswith(unit + "/")]
    return max(found, key=len) if found else None


def resolve(path, name, files):
    """The file of the repository that an include means, or None."""
    for folder in (posixpath.dirname(path), *INCLUDE_FOLDERS):
        candidate = posixpath.normpath(posixpath.join(folder, name))
        if candidate in files:
            return candidate
    return None


def restricted_problem(unit, name):
    third_party = re.split(r"[/.]", name)[0]
    users = RESTRICTED.get(third_party)
    if users is None or unit in users:
        return None
    return f"includes <{name}>; only {', '.join(users)} may"


def include_problem(path, target):
    """Why `path` may not include `target`, or None."""
    unit, other = unit_of(path), unit_of(target)
    if other is None:
        return f'includes "{target}", which stands on no floor'
    if unit == other or (unit, other) in SAME_UNIT:
        return None
    if unit in NARROW:
        if target.startswith(NARROW[unit]) and NARROW[unit]:
            return None
        allowed = ", ".join(NARROW[unit]) or "itself"
        return f'includes "{target}"; {unit} may include only {allowed}'
    if FLOORS[other] < FLOORS[unit]:
        return None
    # Tests try what the tools are made of.
    if unit == "tests" and other == "tools":
        return None
    relation = "a sibling" if FLOORS[other] == FLOORS[unit] else "above"
    return f'includes "{target}", which is {relation}: floor {FLOORS[other]} from {FLOORS[unit]}'


def check(files):
    """Problems of {path: text}, one line each."""
    problems = []
    for path, text in sorted(files.items()):
        unit = unit_of(path)
        if unit is None:
            problems.append(f"{path}:1: stands on no floor (tests/lint/check_floors.py)")
            continue
        for match in INCLUDE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            bracket, name = match.groups()
            target = resolve(path, name, files)
            if target is not None:
                problem = include_problem(path, target)
            elif bracket == "<":
                problem = restricted_problem(unit, name)
            elif name in GENERATED.get(path, ()):
                problem = None
            else:
                problem = f'includes "{name}", which is no file of the repository'
            if problem:
                problems.append(f"{path}:{line}: {problem}")
    return problems


if __name__ == "__main__":
    sources.finish(check({path: sources.read(path) for path in sources.tracked(*sources.CODE)}))
