"""clang-tidy finds nothing to say about the sources of compiler/, schedules/, runtime/, tools/
and examples/.

Most of a run goes into Halide's and LLVM's headers: without --all, files that include those are
left out.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import check_floors
import sources

TOOL = "clang-tidy-22"
FOLDERS = ("compiler/", "schedules/", "runtime/", "tools/", "examples/")
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


def tidy(build, name):
    """What clang-tidy says about the file; empty if nothing."""
    run = subprocess.run([TOOL, "--quiet", "-p", build, name],
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
    chosen = [path for path in texts
              if path.startswith(FOLDERS) and path in built
              and (arguments.all or not is_heavy(path, texts))
              and (not arguments.files or path in arguments.files)]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        said = list(pool.map(lambda path: tidy(arguments.build, built[path]), chosen))
    print(f"{len(chosen)} files")
    sources.finish([text for text in said if text.strip()])
