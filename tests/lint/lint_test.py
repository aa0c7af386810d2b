"""The checks find what they are for."""
import unittest

import check_floors
import check_lists
import check_words


def floors(path, include, *others):
    files = {path: include + "\n"}
    files.update({other: "" for other in others})
    return check_floors.check(files)


class Floors(unittest.TestCase):
    def test_lower_floors_may_be_included(self):
        self.assertEqual(floors("compiler/plan/a.cpp", '#include "compiler/graph/graph.h"',
                                "compiler/graph/graph.h"), [])

    def test_higher_floors_may_not(self):
        found = floors("compiler/graph/a.h", '\n#include "compiler/plan/plan.h"',
                       "compiler/plan/plan.h")
        self.assertEqual(found, ['compiler/graph/a.h:2: includes "compiler/plan/plan.h", which is '
                                 "above: floor 2 from 1"])

    def test_siblings_may_not(self):
        for path, other in (("compiler/frontend/a.cpp", "compiler/weights/init.h"),
                            ("compiler/ops/a.cpp", "schedules/schedule.h"),
                            ("compiler/support/a.cpp", "runtime/cnnc_runtime.h"),
                            ("tools/a.cpp", "tests/support/golden.h")):
            with self.subTest(path):
                self.assertIn("sibling", floors(path, f'#include "{other}"', other)[0])

    def test_narrow_units(self):
        self.assertEqual(floors("schedules/a.cpp", '#include "compiler/plan/machine.h"',
                                "compiler/plan/machine.h"), [])
        self.assertEqual(len(floors("schedules/a.cpp", '#include "compiler/ops/lowering.h"',
                                    "compiler/ops/lowering.h")), 1)
        self.assertEqual(len(floors("examples/a.cpp", '#include "compiler/driver/graphs.h"',
                                    "compiler/driver/graphs.h")), 1)
        self.assertEqual(len(floors("runtime/a.c", '#include "compiler/support/check.h"',
                                    "compiler/support/check.h")), 1)

    def test_public_headers_are_found_by_their_short_names(self):
        header = "compiler/include/cnnc/cnnc.h"
        self.assertEqual(floors("tools/a.cpp", "#include <cnnc/cnnc.h>", header), [])
        self.assertEqual(len(floors("compiler/plan/a.cpp", "#include <cnnc/cnnc.h>", header)), 1)

    def test_third_parties(self):
        self.assertEqual(floors("compiler/ops/a.cpp", "#include <Halide.h>"), [])
        self.assertEqual(len(floors("compiler/plan/a.cpp", "#include <Halide.h>")), 1)
        self.assertEqual(len(floors("compiler/ops/a.cpp", "#include <llvm/IR/Module.h>")), 1)

    def test_unknown_files(self):
        self.assertEqual(len(floors("tools/a.cpp", '#include "nowhere.h"')), 1)
        self.assertEqual(len(floors("elsewhere/a.cpp", "")), 1)


class Lists(unittest.TestCase):
    FILES = {
        check_lists.LIST: "CNNC_OP(add)\n",
        "compiler/ops/add.cpp": "extern const OpDef add = [] {",
        "tests/ops/add_test.cpp": "",
    }

    def problems(self, **changes):
        files = dict(self.FILES)
        for path, text in changes.get("files", {}).items():
            files[path] = text
        for path in changes.get("without", ()):
            del files[path]
        return check_lists.check_ops(files)

    def test_agreement(self):
        self.assertEqual(self.problems(), [])

    def test_disagreements(self):
        unlisted = {"compiler/ops/add.cpp": "extern const OpDef add = [] {\n\n"
                                            "extern const OpDef add_grad = [] {"}
        self.assertEqual(len(self.problems(files=unlisted)), 1)
        self.assertEqual(len(self.problems(files={check_lists.LIST: "CNNC_OP(add)\nCNNC_OP(b)\n"})),
                         1)
        self.assertEqual(len(self.problems(files={check_lists.LIST: "CNNC_OP(add);\n"})), 2)
        self.assertEqual(len(self.problems(without=["tests/ops/add_test.cpp"])), 1)
        self.assertEqual(len(self.problems(without=[check_lists.LIST])), 1)

    def test_tests_are_compiled(self):
        self.assertEqual(len(check_lists.check_compiled(self.FILES, set())), 1)
        self.assertEqual(check_lists.check_compiled(self.FILES, {"tests/ops/add_test.cpp"}), [])

    def test_sizes(self):
        self.assertEqual(check_lists.check_sizes({"a.cpp": "\n" * 500, "a.md": "\n" * 501}), [])
        self.assertEqual(len(check_lists.check_sizes({"a.cpp": "\n" * 501})), 1)


class Words(unittest.TestCase):
    def test_words(self):
        machine_path = "/" + "root/cnnc"
        postponed = "// TO" + "DO: later\n"
        self.assertEqual(len(check_words.check({"README.md": f"see {machine_path}"})), 1)
        self.assertEqual(len(check_words.check({"a.cpp": "\n" + postponed})), 1)
        self.assertEqual(check_words.check({"README.md": postponed, "b.cpp": "models/work/x"}), [])


if __name__ == "__main__":
    unittest.main()
