"""The files of the repository, for the checks beside this one."""
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIPPED = 77  # the exit code by which ctest knows that a check could not run

CODE = (".c", ".h", ".cpp", ".def")


def tracked(*endings):
    """Paths below the root, with '/', of files that git knows or would add; all without git."""
    listing = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True, check=False)
    if listing.returncode == 0:
        paths = listing.stdout.decode().split("\0")
    else:
        paths = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*")]
        paths = [path for path in paths if not path.startswith(("build/", ".git/"))]
    return sorted(path for path in set(paths)
                  if path.endswith(endings or "") and (ROOT / path).is_file())


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def compiled(build):
    """{path below the root: its name in the build} of the files that a build compiles."""
    commands = json.loads((pathlib.Path(build) / "compile_commands.json").read_text())
    names = {pathlib.Path(each["file"]).resolve(): each["file"] for each in commands}
    return {str(path.relative_to(ROOT)): name for path, name in names.items()
            if path.is_relative_to(ROOT)}


def finish(problems):
    """Prints the problems and ends the check."""
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)
