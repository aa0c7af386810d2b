"""The command cnnc-tune: options, exit codes, what it keeps, and who reads that."""
import json
import signal
import subprocess
import time
import unittest

from commands import BENCH, CNNC, TRAIN, TUNE, CommandTest, description, write_data_set


class CnncTuneCommand(CommandTest):
    def model(self, **changes):
        return self.write("tiny.json", description(**changes))

    def tune(self, *words, **options):
        return self.run_command(TUNE, *words, "--budget", "4s", **options)

    def tuned(self, name="tuned.json"):
        return json.loads(self.bytes_of(name))


    def test_help(self):
        out, _ = self.run_command(TUNE, "--help")
        for word in ("--train", "--batch", "--budget", "--target", "--seed", "Exit codes", "130"):
            self.assertIn(word, out)
        self.assertLessEqual(max(map(len, out.splitlines())), 100)

    def test_mistakes(self):
        model = self.model()
        for words, message in (
                ([], "MODEL.json is required"),
                ([model, "--budget", "soon"], '"soon" is no time'),
                ([model, "--budget", "-1s"], "is no time"),
                ([model, "--batch", "0"], "no whole number"),
                ([model, "--target", "arm-64"], "does not run arm-64")):
            with self.subTest(words):
                _, err = self.run_command(TUNE, *words, code=2)
                self.assertIn(message, err)
        _, err = self.run_command(TUNE, "nowhere.json", code=1)
        self.assertIn("nowhere.json: cannot open", err)
        _, err = self.run_command(TUNE, model, "-o", "no/tuned.json", code=1)
        self.assertIn("there is no folder no", err)
        self.write("tuned.json", '{"cnnc_tuned": 1,\n "entrees": []}')
        _, err = self.run_command(TUNE, model, "-o", "tuned.json", code=1)
        self.assertIn('tuned.json:2:2: error: unknown key "entrees"', err)

    def test_inference(self):
        out, err = self.tune(self.model(), "-o", "tuned.json", "--seed", "3")
        self.assertEqual(err, "")
        self.assertRegex(out, r"tiny_conv\w*: conv_channel \S+ [\d.]+ ms")
        self.assertRegex(out, r"\(\d+ tried, 0 rejected\)")
        for entry in self.tuned()["entries"]:
            self.assertLess(entry["ms"], entry["rule_ms"])
        # What was found is used, and compiles to what computes the same.
        self.run_command(CNNC, "tiny.json", "--init-weights=0", "--tuned", "tuned.json")
        explained, _ = self.run_command(CNNC, "tiny.json", "--explain", "--tuned", "tuned.json")
        self.assertEqual(explained.count("tuned: "), len(self.tuned()["entries"]))

    def test_training(self):
        out, _ = self.tune(self.model(), "--train", "-o", "tuned.json")
        self.assertIn("grad_weight", out)
        write_data_set(self.folder / "data")
        self.run_command(TRAIN, "tiny.json", "--data", "data", "--tuned", "tuned.json")
        self.run_command(BENCH, "train", "--model", "tiny.json", "--tuned", "tuned.json")

    def test_batch_shorter_than_a_vector(self):
        _, err = self.tune(self.model(), "--train", "--batch", "4")
        self.assertRegex(err, r"grad_weight\w*: \w+ \S+ .*tried")
        self.assertNotIn("not searched", err)

    def test_other_entries_stay(self):
        other = {"target": "arm-64-linux", "kernel": "other",
                 "problem": {"family": "conv", "vectors": "channel", "n": 7},
                 "params": {"schedule": "generic"}}
        self.write("tuned.json", {"cnnc_tuned": 1, "entries": [other]})
        self.tune(self.model(), "-o", "tuned.json")
        kernels = [entry["kernel"] for entry in self.tuned()["entries"]]
        self.assertIn("other", kernels)

    def test_stdout(self):
        out, err = self.tune(self.model())
        self.assertEqual(json.loads(out)["cnnc_tuned"], 1)
        self.assertIn("tried", err)

    def test_stopping(self):
        model = self.model(layers=[{"type": "Conv2d", "out_channels": 64, "kernel_size": 5},
                                   {"type": "Conv2d", "out_channels": 64, "kernel_size": 5}],
                           input={"shape": [16, 28, 28]})
        with subprocess.Popen([TUNE, model, "--budget", "10m", "-o", "tuned.json"],
                              cwd=self.folder, env=self.environment, stdout=subprocess.PIPE,
                              text=True) as run:
            self.assertIn("the rules' choices", run.stdout.readline())
            time.sleep(1)
            run.send_signal(signal.SIGINT)
            run.communicate(timeout=60)
        self.assertEqual(run.returncode, 130)
        left = [path.name for path in self.folder.iterdir()]
        self.assertEqual([name for name in left if name.endswith(".tmp")], [])
        if "tuned.json" in left:
            self.assertEqual(self.tuned()["cnnc_tuned"], 1)


if __name__ == "__main__":
    unittest.main()
