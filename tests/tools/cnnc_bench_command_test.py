"""The command cnnc-bench: options, exit codes and the form of its results."""
import json
import unittest

from commands import BENCH, CommandTest, description


class CnncBenchCommand(CommandTest):
    def rows(self, *words):
        out, _ = self.run_command(BENCH, *words, "--json")
        return [json.loads(line) for line in out.splitlines()]

    def test_help(self):
        out, _ = self.run_command(BENCH, "--help")
        for word in ("--model", "--batch", "--threads", "--repeat", "--json", "--problem", "--dir"):
            self.assertIn(word, out)

    def test_peak(self):
        row, = self.rows("peak")
        self.assertGreater(row["peak_gflops"], 0)
        self.assertGreater(row["read_gbytes_s"], 0)

    def test_networks(self):
        model = self.write("tiny.json", description())
        for what in ("train", "infer"):
            row, = self.rows(what, "--model", model, "--batch", "4")
            self.assertEqual((row["bench"], row["model"], row["batch"]), (what, "tiny", 4))
            self.assertIsNone(row["kernel"])
            self.assertGreater(row["gflops"], 0)
            self.assertLessEqual(row["ms_min"], row["ms"])
        kernels = self.rows("kernels", "--model", model, "--infer")
        self.assertTrue(any("conv" in row["kernel"] for row in kernels))
        self.assertTrue(all(row["schedule"] for row in kernels))

    def test_the_description_may_forbid_winograd(self):
        layers = [{"type": "Conv2d", "out_channels": 32, "kernel_size": 3, "padding": 1}] * 3
        for choice, wanted in (("auto", True), (False, False)):
            model = self.write("net.json", description(
                input={"shape": [1, 16, 16]}, layers=layers, winograd=choice))
            rows = self.rows("kernels", "--model", model, "--infer")
            self.assertEqual(any("winograd" in row["schedule"] for row in rows), wanted)

    def test_problems(self):
        rows = self.rows("kernels", "--problem", "ic4ih6oc8kh3ph1", "--batch", "16",
                         "--dir", "fwd,bwd_d,bwd_w")
        self.assertEqual([row["bench"] for row in rows], ["fwd", "bwd_d", "bwd_w"])
        self.assertEqual({row["model"] for row in rows}, {"mb16ic4ih6oc8oh6kh3ph1"})
        self.write("problems.txt", "# two\nmb1ic4ih6oc8kh3ph1\n\nmb1ic4ih6oc8kh1ph0  # small\n")
        self.assertEqual(len(self.rows("kernels", "--problem", "problems.txt")), 2)

    def test_compilation(self):
        model = self.write("tiny.json", description())
        for options in ([], ["--infer"]):
            rows = self.rows("compile", "--model", model, *options)
            self.assertEqual([row["kernel"] for row in rows], ["cold", "from the cache"])
        self.environment["CNNC_CACHE_DIR"] = ""
        row, = self.rows("compile", "--model", model)
        self.assertEqual(row["kernel"], "cold")

    def test_mistakes(self):
        _, err = self.run_command(BENCH, "kernels", "--problem", "ic4oc8kh3", code=1)
        self.assertIn("no ih", err)
        _, err = self.run_command(BENCH, "train", "--problem", "ic4ih6oc8kh3", code=2)
        self.assertIn("--problem goes with kernels", err)
        _, err = self.run_command(BENCH, "infer", "--target", "arm-64", code=1)
        self.assertIn("not one that this machine runs", err)
        _, err = self.run_command(BENCH, "peak", "--tuned", "nothing.json", code=1)
        self.assertIn("nothing.json: cannot open", err)
        self.run_command(BENCH, "speed", code=2)
        self.run_command(BENCH, "train", "--model", "nothing.json", code=1)


if __name__ == "__main__":
    unittest.main()
