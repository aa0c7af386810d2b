"""Lists and files agree: ops, their list and their tests; tests and the build; sizes of files."""
import argparse
import pathlib
import re

import sources

MOST_LINES = 500
LIST = "compiler/ops/ops.def"
RECORD = re.compile(r"^extern const OpDef (\w+)\b", re.MULTILINE)
ENTRY = re.compile(r"^CNNC_OP\((\w+)\)$")


def check_ops(files):
    """Every record is listed, every line has its record, every file of records has its test."""
    problems = []
    if LIST not in files:
        return [f"{LIST}:1: does not exist"]
    listed = {}
    for number, line in enumerate(files[LIST].splitlines(), 1):
        if not line or line.startswith("//"):
            continue
        entry = ENTRY.match(line)
        if not entry:
            problems.append(f"{LIST}:{number}: expected CNNC_OP(name)")
        elif entry[1] in listed:
            problems.append(f"{LIST}:{number}: lists {entry[1]} again")
        else:
            listed[entry[1]] = number
    if list(listed) != sorted(listed):
        problems.append(f"{LIST}:1: is not sorted")

    defined = set()
    for path, text in files.items():
        if not (path.startswith("compiler/ops/") and path.endswith(".cpp")):
            continue
        names = RECORD.findall(text)
        defined.update(names)
        for name in names:
            if name not in listed:
                problems.append(f"{path}:1: the record {name} is not in {LIST}")
        test = f"tests/ops/{pathlib.PurePosixPath(path).stem}_test.cpp"
        if names and test not in files:
            problems.append(f"{path}:1: has records, but no test {test}")
    for name, number in listed.items():
        if name not in defined:
            problems.append(f"{LIST}:{number}: no file of compiler/ops has the record {name}")
    return problems


def check_compiled(files, compiled):
    """Every test is part of the build."""
    return [f"{path}:1: is not compiled: tests/CMakeLists.txt does not know its folder"
            for path in files if path.startswith("tests/") and path.endswith("_test.cpp")
            and path not in compiled]


def check_sizes(files):
    problems = []
    for path, text in files.items():
        lines = text.count("\n")
        if path.endswith((".c", ".h", ".cpp", ".py")) and lines > MOST_LINES:
            problems.append(f"{path}:{MOST_LINES + 1}: has {lines} lines; past {MOST_LINES} a file "
                            "holds two things")
    return problems


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", help="folder with compile_commands.json, to check the tests")
    arguments = parser.parse_args()
    all_files = {path: sources.read(path) for path in sources.tracked(".c", ".h", ".cpp", ".def",
                                                                      ".py")}
    found = check_ops(all_files) + check_sizes(all_files)
    if arguments.build:
        found += check_compiled(all_files, sources.compiled(arguments.build))
    sources.finish(found)
