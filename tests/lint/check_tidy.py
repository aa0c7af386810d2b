"""clang-tidy finds nothing to say about the sources of compiler/, schedules/, runtime/, tools/
and examples/.

Most of a run goes into Halide's and LLVM's headers: files that include those are spared the static
analyzer, which takes ten seconds for each, and without --all are left out. Without --all the
analyzer follows a third of the paths that it follows by default, which takes half the time.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import check_floors
import sources

TOOL = "clang-tidy-22"
FOLDERS = ("compiler/", "schedules/", "runtime/", "tools/", "examples/")
# Of exploded-graph nodes a function; by default 225,000.
FEWER_PATHS = [f"--extra-arg={each}" for each in
               ("-Xclang", "-analyzer-config", "-Xclang", "max-nodes=75000")]
HEAVY = re.compile(r'^[ \t]*#[ \t]*include[ \t]*<(?:Halide\.h|llvm/)', re.MULTILINE)


def is_heavy(path, files, seen=None):
    """Whether the file includes Halide or LLVM, itself or through headers of ours."""
    seen = seen if seen is not None else set()
    if path in seen:
        return False
    seen.add(path)
    if HEAVY.search(files[path]):
        return True
    for match in check_floors.INCLUDE.finditer(files[path]):
        target = check_floors.resolve(path, match[2], files)
        if target is not None and is_heavy(target, files, seen):
            return True
    return False


def write_commands(build, folder):
    """The build's commands, without its compiler's precompiled headers."""
    text = (pathlib.Path(build) / "compile_commands.json").read_text()
    commands = json.loads(text)
    for each in commands:
        each["command"] = re.sub(r" -Winvalid-pch| -include \S*cmake_pch\.h\w*", "", each["command"])
    (pathlib.Path(folder) / "compile_commands.json").write_text(json.dumps(commands))


def tidy(commands, name, options):
    """What clang-tidy says about the file; empty if nothing."""
    run = subprocess.run([TOOL, "--quiet", "--extra-arg=-Wno-deprecated-declarations", *options,
                          "-p", commands, name],
                         capture_output=True, text=True, check=False)
    # Its stderr counts warnings in other people's headers.
    return run.stdout if run.returncode == 0 else run.stdout + run.stderr


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True, help="folder with compile_commands.json")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("files", nargs="*", help="only these")
    arguments = parser.parse_args()
    if shutil.which(TOOL) is None:
        print(f"{TOOL} is not installed; tools/setup.sh does that")
        sys.exit(sources.SKIPPED)
    built = sources.compiled(arguments.build)
    texts = {path: sources.read(path) for path in sources.tracked(".c", ".h", ".cpp")}
    heavy = {path: is_heavy(path, texts) for path in texts
             if path.startswith(FOLDERS) and path in built}
    chosen = [path for path in heavy
              if (arguments.all or not heavy[path])
              and (not arguments.files or path in arguments.files)]
    with tempfile.TemporaryDirectory() as commands:
        write_commands(arguments.build, commands)
        of_light = [] if arguments.all else FEWER_PATHS
        of_heavy = ["--checks=-clang-analyzer-*"]
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            said = list(pool.map(
                lambda path: tidy(commands, built[path], of_heavy if heavy[path] else of_light),
                chosen))
    print(f"{len(chosen)} files")
    sources.finish([text for text in said if text.strip()])
