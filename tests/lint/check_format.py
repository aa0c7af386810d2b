"""Every source file is as clang-format would write it. `--fix` rewrites those that are not."""
import argparse
import shutil
import subprocess
import sys

import sources

TOOL = "clang-format-22"

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fix", action="store_true")
    arguments = parser.parse_args()
    if shutil.which(TOOL) is None:
        print(f"{TOOL} is not installed; tools/setup.sh does that")
        sys.exit(sources.SKIPPED)
    mode = ["-i"] if arguments.fix else ["--dry-run", "-Werror"]
    sys.exit(subprocess.run([TOOL, *mode, *sources.tracked(*sources.CODE)], cwd=sources.ROOT,
                            check=False).returncode)
