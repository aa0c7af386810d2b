"""Words that no file of the repository holds: paths of one machine, hosts of package mirrors,
postponed work."""
import re

import sources

# In every text file.
ANYWHERE = {
    r"(?<![\w.])/(?:home|root|work|mnt|Users)/": "a path of one machine",
    r"://[^/\s]*@": "a login",
    r"--(?:extra-)?index-url": "a package mirror: tools take what the machine is set up for",
    r"\b[\w.-]*(?:artifactory|nexus|devpi|jfrog)[\w.-]*\.\w+": "the host of a package mirror",
    r"\b(?:pypi|files\.pythonhosted|deb\.debian|registry\.npmjs)\.(?:org|python\.org)\b":
        "the host of a package registry",
}
# In code: what is not done is an issue, not a comment.
CODE_ONLY = {
    r"\b(?:TODO|FIXME|XXX|HACK)\b": "postponed work: file an issue",
}
CODE_ENDINGS = sources.CODE + (".py", ".sh", ".cmake", "CMakeLists.txt")
TEXT_ENDINGS = CODE_ENDINGS + (".md", ".json", ".txt", ".csv", ".clang-format", ".clang-tidy",
                               ".editorconfig", ".gitignore", ".ci/run")
THIS = "tests/lint/check_words.py"


def check(files):
    problems = []
    for path, text in sorted(files.items()):
        words = ANYWHERE | (CODE_ONLY if path.endswith(CODE_ENDINGS) else {})
        for pattern, meaning in words.items():
            for match in re.finditer(pattern, text):
                line = text.count("\n", 0, match.start()) + 1
                problems.append(f'{path}:{line}: "{match[0]}" is {meaning}')
    return problems


if __name__ == "__main__":
    sources.finish(check({path: sources.read(path) for path in sources.tracked(*TEXT_ENDINGS)
                          if path != THIS}))
