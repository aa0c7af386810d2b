"""The command cnnc: options, exit codes, messages and files."""
import os
import re
import subprocess
import unittest

from commands import CNNC, ROOT, CommandTest, description


class CnncCommand(CommandTest):
    def model(self, **changes):
        return self.write("tiny.json", description(**changes))

    # ---- Information

    def test_help(self):
        out, _ = self.run_command(CNNC, "--help")
        for word in ("--weights", "--emit", "--target", "--batch", "--init-weights", "Examples",
                     "arm-64", "Exit codes"):
            self.assertIn(word, out)
        self.assertLessEqual(max(map(len, out.splitlines())), 100)

    def test_version(self):
        out, _ = self.run_command(CNNC, "--version")
        self.assertRegex(out, r"^cnnc \d+\.\d+\.\d+ \(Halide 21\.0\.0, LLVM 22\.\d+\.\d+\)\n$")

    def test_layers_and_schema(self):
        out, _ = self.run_command(CNNC, "--list-layers")
        self.assertIn("Conv2d", out)
        out, _ = self.run_command(CNNC, "--print-schema")
        self.assertIn('"$schema"', out)

    # ---- Mistakes on the command line

    def test_usage_errors(self):
        model = self.model()
        for words, message in (
                ([], "no MODEL"),
                ([model, "--wieghts", "w"], "did you mean --weights?"),
                ([model, "other.json"], 'unexpected argument "other.json"'),
                ([model, "--batch", "0"], '"0" is no whole number from 1'),
                ([model, "--batch", "many"], '"many" is no whole number'),
                ([model, "--batch", "1,,8"], '"" is no whole number'),
                ([model, "--input-layout", "hwc"], '"hwc" is not nchw, nhwc'),
                ([model, "--target", "x86-64-v2,arm-64"], "one processor and one system"),
                ([model, "--target", "host", "--cpu", "native"], "excludes"),
                ([model, "--emit=object"], "none of graph, plan"),
                ([model, "--prefix", "my-net"], '"my_net" is'),
                ([model, "--target", "avx3"], 'unknown target "avx3", did you mean "avx2"?'),
                ([model, "--init-weights", "0", "-o", "-"], "an object goes to a file"),
                ([model, "--measure"], "goes with --explain"),
                ([model, "--emit=plan", "--train"], "not --emit=plan"),
                ([model, "--train", "--batch", "8"], "batch_size"),
                ([model, "--train", "--weights", "w"], "--weights is for inference"),
                ([model, "--emit=plan", "--explain"], "exclude each other"),
                ([model, "--explain", "--measure", "--target=arm-64"], "which arm-64 is not"),
                ([model, "--emit=plan", "--depfile", "d"], "--depfile is for objects"),
                ([model, "--init-weights", "0", "--weights", "w"], "excludes")):
            with self.subTest(words):
                out, err = self.run_command(CNNC, *words, code=2)
                self.assertEqual(out, "")
                self.assertIn(message, err)
                self.assertIn("cnnc --help", err)
        self.assertEqual(os.listdir(self.folder), [model])

    # ---- Mistakes in the input

    def test_missing_weights(self):
        _, err = self.run_command(CNNC, self.model(), code=1)
        for word in ("tiny.json", "no weights", "cnnc-train tiny.json",
                     "safetensors.torch.save_file", "--weights tiny.safetensors"):
            self.assertIn(word, err)

    def test_wrong_description(self):
        self.write("tiny.json", '{"cnnc": 1,\n "naem": "x"}\n')
        _, err = self.run_command(CNNC, "tiny.json", code=1)
        self.assertIn('tiny.json:2:2: error: ', err)
        self.assertIn('did you mean "name"?', err)
        self.write("tiny.json", '{"cnnc": 1,\n oops}\n')
        _, err = self.run_command(CNNC, "tiny.json", code=1)
        self.assertRegex(err, r"^tiny\.json:2:\d+: error: ")

    def test_missing_files(self):
        _, err = self.run_command(CNNC, "nowhere.json", code=1)
        self.assertIn("nowhere.json: cannot open", err)
        _, err = self.run_command(CNNC, self.model(), "-w", "nowhere.safetensors", code=1)
        self.assertIn("nowhere.safetensors: cannot open", err)
        _, err = self.run_command(CNNC, self.model(weights="nowhere.safetensors"), code=1)
        self.assertIn("cannot open", err)
        self.assertRegex(err, r"tiny\.json:\d+:\d+: note: the description names that file")

    def test_output_that_cannot_be_written(self):
        model = self.model()
        _, err = self.run_command(CNNC, model, "--init-weights=0", "-o", "no/x.o", code=1)
        self.assertIn("there is no folder no", err)
        _, err = self.run_command(CNNC, model, "--init-weights=0", "-o", self.folder, code=1)
        self.assertIn("is a folder", err)

    def test_a_failure_keeps_earlier_files(self):
        model = self.model()
        self.write("tiny.o", "earlier object")
        self.write("tiny.h", "earlier header")
        self.run_command(CNNC, model, "-w", "nowhere.safetensors", code=1)
        self.run_command(CNNC, model, code=1)
        self.assertEqual(self.bytes_of("tiny.o"), b"earlier object")
        self.assertEqual(self.bytes_of("tiny.h"), b"earlier header")
        # A folder in the place of the header: the object cannot be had without it.
        (self.folder / "other.h").mkdir()
        self.run_command(CNNC, model, "--init-weights=0", "-o", "other.o", code=1)
        self.assertEqual(sorted(os.listdir(self.folder)),
                         ["other.h", "tiny.h", "tiny.json", "tiny.o"])

    @unittest.skipUnless(os.path.exists("/dev/full"), "no device that is always full")
    def test_full_stdout(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            run = subprocess.run([CNNC, "--print-schema"], stdout=full, stderr=subprocess.PIPE,
                                 text=True, check=False)
        self.assertEqual(run.returncode, 1)
        self.assertIn("cannot write to stdout", run.stderr)

    # ---- Results

    def test_object_and_header(self):
        out, err = self.run_command(CNNC, self.model(), "--init-weights=0", "-o", "a-net.o")
        self.assertEqual((out, err), ("", ""))
        self.assertEqual(self.bytes_of("a-net.o")[:4], b"\x7fELF")
        self.assertIn(b"a_net_run", self.bytes_of("a-net.h"))
        self.run_command(CNNC, "tiny.json", "--init-weights=0", "--prefix", "other")
        self.assertIn(b"other_run", self.bytes_of("tiny.h"))

    def test_depfile(self):
        self.run_command(CNNC, self.model(), "--init-weights=0", "--depfile", "tiny.d")
        self.assertEqual(self.bytes_of("tiny.d"), b"tiny.o tiny.h: tiny.json\n")
        spaced = self.write("a $ b#.json", description())
        self.run_command(CNNC, spaced, "--init-weights=0", "-o", "x y.o", "--depfile", "tiny.d")
        self.assertEqual(self.bytes_of("tiny.d"), rb"x\ y.o x\ y.h: a\ $$\ b\#.json" + b"\n")
        # Nothing is written where the object is not.
        self.run_command(CNNC, spaced, "-w", "nowhere", "--depfile", "other.d", code=1)
        self.run_command(CNNC, spaced, "--init-weights=0", "--depfile", "no/other.d", code=1)
        self.assertFalse((self.folder / "other.d").exists())

    def test_compiling_again_gives_the_same_bytes(self):
        model = self.model()
        for options in ([], ["--no-cache"], ["--no-cache", "--threads=1"]):
            self.run_command(CNNC, model, "--init-weights=0", "-o", "tiny.o", *options)
            self.assertEqual(self.bytes_of("tiny.o"), self.first_bytes())

    def first_bytes(self):
        if not (self.folder / "first.o").exists():
            (self.folder / "first.o").write_bytes(self.bytes_of("tiny.o"))
        return self.bytes_of("first.o")

    def test_folder_and_time_change_nothing(self):
        model = self.model()
        self.run_command(CNNC, model, "--init-weights=0", "-o", "tiny.o", "--no-cache")
        (self.folder / "other" / "place").mkdir(parents=True)
        (self.folder / "other" / "place" / model).write_bytes(self.bytes_of(model))
        subprocess.run([CNNC, model, "--init-weights=0", "-o", "tiny.o", "--no-cache", "-j3"],
                       cwd=self.folder / "other" / "place", check=True,
                       env={**os.environ, "TZ": "Asia/Tokyo", "LANG": "C.UTF-8"})
        for name in ("tiny.o", "tiny.h"):
            self.assertEqual(self.bytes_of(name), self.bytes_of(f"other/place/{name}"))
            for trace in (bytes(self.folder), bytes(ROOT), b"/tmp", os.uname().nodename.encode()):
                self.assertNotIn(trace, self.bytes_of(name))

    def test_interface(self):
        self.run_command(CNNC, self.model(), "--init-weights=0", "--input-dtype=u8",
                         "--input-layout=nhwc", "--output-form=argmax", "--batch=1,8")
        header = self.bytes_of("tiny.h")
        for word in (b"const uint8_t* input, int32_t* output", b"TINY_INPUT_LAYOUT CNNC_LAYOUT_NHWC",
                     b"#define TINY_BATCH 8"):
            self.assertIn(word, header)

    def test_portable_by_default(self):
        for options, levels in (([], 3), (["--target=x86-64-v3"], 0), (["--cpu=native"], 0)):
            text, _ = self.run_command(CNNC, self.model(), "--emit=explain", *options)
            self.assertEqual(sum(f"x86-64-v{level}, batch 1" in text for level in (2, 3, 4)), levels)

    def test_another_target_and_batch(self):
        self.run_command(CNNC, self.model(), "--init-weights=0", "--target=arm-64", "--batch=3")
        machine = int.from_bytes(self.bytes_of("tiny.o")[18:20], "little")
        self.assertEqual(machine, 183)  # AArch64

    def test_threads_are_a_choice(self):
        model = ROOT / "models/mnist_cnn.json"
        explained, _ = self.run_command(CNNC, model, "--emit=explain")
        self.assertIn("parallel", explained)
        explained, _ = self.run_command(CNNC, model, "--emit=explain", "--single-threaded")
        self.assertNotIn("parallel", explained)

    def test_winograd_is_a_choice(self):
        model = ROOT / "models/mnist_cnn.json"
        explained, _ = self.run_command(CNNC, model, "--explain")
        self.assertIn("winograd", explained)
        explained, _ = self.run_command(CNNC, model, "--explain", "--no-winograd")
        self.assertNotIn("winograd", explained)

    def test_winograd_is_a_choice_in_training(self):
        layers = [{"type": "Conv2d", "name": f"conv{i}", "out_channels": 32, "kernel_size": 3,
                   "padding": 1} for i in (1, 2)]
        layers += [{"type": "Flatten"}, {"type": "Linear", "name": "fc", "out_features": 4}]
        for choice, options, wanted in (("auto", [], True), ("auto", ["--no-winograd"], False),
                                        (False, [], False)):
            model = self.model(winograd=choice, input={"shape": [1, 8, 8]}, layers=layers)
            explained, _ = self.run_command(CNNC, model, "--explain", "--train", *options)
            for schedule in ("winograd_batch", "winograd_weight_grad"):
                self.assertEqual(schedule in explained, wanted, (choice, options))

    def test_kernels_ask_for_what_they_read_next(self):
        # The next panel of weights, and the residual: the fourth input behind the convolution's.
        loops, _ = self.run_command(CNNC, ROOT / "models/resnet20.json", "--target", "avx2",
                                    "--emit=stmt")
        for buffer in ("in1", "in3"):
            self.assertIn(f"llvm.prefetch.p0(reinterpret<(void *)>(reinterpret<uint64>({buffer})",
                          loops)

    def test_explain(self):
        model = self.model()
        out, err = self.run_command(CNNC, model, "--explain")
        self.assertEqual(err, "")
        self.assertEqual(out, self.run_command(CNNC, model, "--emit=explain")[0])
        for word in ("mb1ic1ih8oc4oh8kh3, pooled 2x2", "schedule", "rule: ", "predicted", "flops"):
            self.assertIn(word, out)
        self.assertNotIn("measured", out)
        out, _ = self.run_command(CNNC, model, "--explain", "--train", "-o", "tiny.txt")
        self.assertEqual(out, "")
        self.assertIn(b"bwd_w mb16", self.bytes_of("tiny.txt"))

    def test_explain_with_a_measurement(self):
        model = self.model()
        for options in ([], ["--train"]):
            out, _ = self.run_command(CNNC, model, "--explain", "--measure", *options)
            self.assertRegex(out, r"\d+ % measured \([\d.]+ ms\)")
            self.assertRegex(out, r"peak of [\d.]+ GFLOP/s")

    def test_training_object(self):
        model = self.model()
        self.assertEqual(self.run_command(CNNC, model, "--train", "--target=host",
                                          "--depfile=tiny.d"), ("", ""))
        self.assertIn(b"tiny_train_step", self.bytes_of("tiny_train.h"))
        self.assertEqual(self.bytes_of("tiny.d"), b"tiny_train.o tiny_train.h: tiny.json\n")
        self.assertEqual(sorted(os.listdir(self.folder)),
                         ["tiny.d", "tiny.json", "tiny_train.h", "tiny_train.o"])
        first = self.bytes_of("tiny_train.o")
        self.run_command(CNNC, model, "--train", "--target=host", "--no-cache", "-o", "other/t.o",
                         "--prefix", "tiny_train", code=1)
        os.mkdir(os.path.join(self.folder, "other"))
        self.run_command(CNNC, model, "--train", "--target=host", "--no-cache", "-o", "other/t.o",
                         "--prefix", "tiny_train")
        self.assertEqual(self.bytes_of("other/t.o"), first)
        self.write("plain.json", '{"cnnc": 1, "name": "plain", "input": {"shape": [2]},'
                   ' "layers": [{"type": "ReLU"}]}')
        _, err = self.run_command(CNNC, "plain.json", "--train", code=1)
        self.assertIn('the description has no "optimizer"', err)

    def test_compile_budget(self):
        model = self.model()
        _, err = self.run_command(CNNC, model, "--init-weights=0", "--compile-budget=1")
        self.assertRegex(err, r"^note: kernel conv\S*: conv_channel .* compile budget of 1; it gets "
                              "generic")
        simple = self.bytes_of("tiny.o")
        # From the cache with the same note, and for the usual budget another object.
        again = self.run_command(CNNC, model, "--init-weights=0", "--compile-budget=1")
        self.assertEqual(again, ("", err))
        self.assertEqual(self.bytes_of("tiny.o"), simple)
        self.run_command(CNNC, model, "--init-weights=0")
        self.assertNotEqual(self.bytes_of("tiny.o"), simple)
        out, _ = self.run_command(CNNC, model, "--explain", "--compile-budget=1")
        self.assertIn("over the compile budget: generic", out)

    def test_tuned(self):
        model = self.model()
        self.write("tuned.json", '{"cnnc_tuned": 1,\n "entries": [{"target": 3}]}')
        _, err = self.run_command(CNNC, model, "--init-weights=0", "--tuned=tuned.json", code=1)
        self.assertIn('tuned.json:2:25: error: "target" must be a string', err)
        _, err = self.run_command(CNNC, model, "--explain", "--tuned=nowhere.json", code=1)
        self.assertIn("nowhere.json: cannot open", err)

    def test_texts(self):
        model = self.model()
        for form, word in (("graph", "Conv2d"), ("plan", "conv"), ("explain", "flops"),
                           ("stmt", "for"), ("llvm", "define"), ("asm", "tiny_run")):
            with self.subTest(form):
                weights = ["--init-weights=0"] if form in ("llvm", "asm") else []
                out, err = self.run_command(CNNC, model, f"--emit={form}", *weights)
                self.assertIn(word, out)
                self.assertEqual(err, "")
                to_stdout, _ = self.run_command(CNNC, model, f"--emit={form}", *weights, "-o", "-")
                self.assertEqual(to_stdout, out)
        self.run_command(CNNC, model, "--emit=graph", "-o", "tiny.txt")
        self.assertTrue(re.search(rb"Conv2d", self.bytes_of("tiny.txt")))
        _, err = self.run_command(CNNC, model, "--emit=asm", code=1)
        self.assertIn("no weights", err)

    # ---- ONNX

    def test_onnx_in_and_out(self):
        model = self.model()
        self.run_command(CNNC, "export", model, "--init-weights", "3", "-o", "tiny.onnx")
        out, _ = self.run_command(CNNC, "tiny.onnx", "--emit=graph")
        self.assertIn("Conv2d", out)
        self.run_command(CNNC, "tiny.onnx", "--batch", "1,4", "-o", "net.o")
        self.assertIn("net_run", self.bytes_of("net.h").decode())
        _, err = self.run_command(CNNC, model, "--init-weights", "0", "--emit=onnx", code=2)
        self.assertIn("an ONNX model goes to a file", err)

    def test_what_is_no_onnx_model(self):
        self.write("net.onnx", "no model")
        _, err = self.run_command(CNNC, "net.onnx", "-o", "net.o", code=1)
        self.assertIn("is no ONNX model", err)


if __name__ == "__main__":
    unittest.main()
