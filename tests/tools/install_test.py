"""What `cmake --install` leaves behind: commands, the runtime, and packages that other projects
find it by. Everything runs from a prefix that was moved after the installation."""
import json
import os
import pathlib
import shlex
import shutil
import struct
import subprocess
import tempfile
import unittest

from commands import BUILD, ROOT, CommandTest, description

CMAKE = os.environ.get("CMAKE_COMMAND", "cmake")

# Prints the results for an image of zeros.
APPLICATION = r"""
#include <stdio.h>
#include "tiny.h"

static float input[TINY_BATCH * TINY_INPUT_SIZE], output[TINY_BATCH * TINY_OUTPUT_SIZE];
static _Alignas(TINY_ALIGNMENT) unsigned char workspace[TINY_WORKSPACE_BYTES + 1];

int main(void) {
  cnnc_pool* pool;
  cnnc_context context;
  if (cnnc_pool_create(2, &pool) != CNNC_OK) return 1;
  cnnc_context_init(&context);
  cnnc_context_use_pool(&context, pool);
  if (tiny_run(&context, input, output, workspace) != CNNC_OK) return 2;
  cnnc_pool_destroy(pool);
  for (int i = 0; i < TINY_OUTPUT_SIZE; ++i) printf("%g ", output[i]);
  return 0;
}
"""

PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(app C)
set(CMAKE_C_STANDARD 11)
find_package(cnnc 0.1 REQUIRED)
add_executable(app app.c)
cnnc_add_model(app model/tiny.json {arguments})
"""


def weights(biases):
    """A .safetensors file for the network of commands.description() whose results are `biases`."""
    shapes = {"conv.weight": [4, 1, 3, 3], "conv.bias": [4], "fc.weight": [4, 64], "fc.bias": [4]}
    header, data = {}, b""
    for name, shape in shapes.items():
        count = 1
        for extent in shape:
            count *= extent
        values = biases if name == "fc.bias" else [0.0] * count
        begin = len(data)
        data += struct.pack(f"<{count}f", *values)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


class Install(CommandTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.parent = pathlib.Path(tempfile.mkdtemp(prefix="cnnc-install-"))
        cls.addClassCleanup(shutil.rmtree, cls.parent, ignore_errors=True)
        cls.prefix = cls.parent / "moved prefix"
        subprocess.run([CMAKE, "--install", BUILD, "--prefix", cls.parent / "first"], check=True,
                       stdout=subprocess.DEVNULL)
        (cls.parent / "first").rename(cls.prefix)
        (cls.libraries,) = (path.parent for path in cls.prefix.rglob("libcnnc_runtime.a"))

    def setUp(self):
        super().setUp()
        self.environment.pop("LD_LIBRARY_PATH", None)
        self.environment["PKG_CONFIG_PATH"] = str(self.libraries / "pkgconfig")
        (self.folder / "model").mkdir()
        self.write("model/tiny.json", description())
        (self.folder / "tiny.safetensors").write_bytes(weights([1, 2, 3, 4]))
        self.write("app.c", APPLICATION)

    def results(self):
        out, _ = self.run_command(self.folder / "build/app")
        return [float(word) for word in out.split()]

    def configure(self, arguments, *options, code=0):
        self.write("CMakeLists.txt", PROJECT.format(arguments=arguments))
        return self.run_command(CMAKE, "-S", ".", "-B", "build", "-G", "Ninja",
                                f"-DCMAKE_PREFIX_PATH={self.prefix}",
                                "-DCMAKE_C_FLAGS=-Wall -Wextra -Werror", *options, code=code)

    def build(self, code=0):
        return self.run_command(CMAKE, "--build", "build", code=code)[0]

    def test_commands_need_nothing_of_the_build(self):
        for command in ("cnnc", "cnnc-train", "cnnc-bench", "cnnc-tune", "cnnc-compare"):
            program = self.prefix / "bin" / command
            self.assertIn("cnnc", self.run_command(program, "--version")[0])
            dynamic, _ = self.run_command("readelf", "-d", program)
            self.assertNotIn(str(BUILD), dynamic)
            self.assertNotIn(str(ROOT), dynamic)
            needed, _ = self.run_command("ldd", program)
            self.assertIn(str(self.prefix.resolve()), needed)
            self.assertNotIn(str(ROOT), needed)

    def test_packages_name_no_folder_of_the_build(self):
        found = 0
        for path in self.libraries.rglob("*"):
            if path.suffix in (".cmake", ".pc"):
                found += 1
                text = path.read_text()
                for folder in (str(BUILD), str(ROOT), str(self.parent)):
                    self.assertNotIn(folder, text, path)
        self.assertGreaterEqual(found, 5)

    def test_project(self):
        self.configure("WEIGHTS tiny.safetensors")
        self.build()
        self.assertEqual(self.results(), [1, 2, 3, 4])
        self.assertIn("no work to do", self.build())
        # New weights, a new description, a new program: what depends on them is made again.
        (self.folder / "tiny.safetensors").write_bytes(weights([5, 6, 7, 8]))
        self.assertIn("Compiling the network tiny", self.build())
        self.assertEqual(self.results(), [5, 6, 7, 8])
        model = description()
        model["layers"].append({"type": "ReLU"})
        (self.folder / "tiny.safetensors").write_bytes(weights([-1, 2, -3, 4]))
        self.write("model/tiny.json", model)
        self.assertIn("Compiling the network tiny", self.build())
        self.assertEqual(self.results(), [0, 2, 0, 4])
        self.write("app.c", APPLICATION + "\n")
        self.assertNotIn("Compiling the network", self.build())
        # A description that is wrong fails the build, and says so.
        self.write("model/tiny.json", "{")
        self.assertIn("tiny.json:1", self.build(code=1))

    def test_project_whose_description_names_the_weights(self):
        self.write("model/tiny.json", description(weights="own.safetensors"))
        own = self.folder / "model/own.safetensors"
        own.write_bytes(weights([1, 0, 0, 0]))
        self.configure("BATCH 3 TARGET x86-64-v2 OPTIONS --no-winograd")
        self.build()
        self.assertEqual(self.results(), [1, 0, 0, 0])
        self.assertIn("no work to do", self.build())
        own.write_bytes(weights([0, 1, 0, 0]))
        self.assertIn("Compiling the network tiny", self.build())
        self.assertEqual(self.results(), [0, 1, 0, 0])
        self.assertIn("#define TINY_BATCH 3", (self.folder / "build/app.cnnc/tiny.h").read_text())

    def test_mistakes_of_a_project(self):
        _, err = self.configure("WIEGHTS tiny.safetensors", code=1)
        self.assertIn("unknown arguments: WIEGHTS", err)
        _, err = self.configure("WEIGHTS", code=1)
        self.assertIn("nothing follows WEIGHTS", err)

    def test_compiler_line(self):
        self.run_command(self.prefix / "bin/cnnc", "model/tiny.json", "-w", "tiny.safetensors",
                         "-o", "tiny.o")
        (self.folder / "build").mkdir()
        flags, _ = self.run_command("pkg-config", "--cflags", "--libs", "cnnc")
        self.run_command("cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "app.c", "tiny.o",
                         *shlex.split(flags), "-o", "build/app")
        self.assertEqual(self.results(), [1, 2, 3, 4])


if __name__ == "__main__":
    unittest.main()
