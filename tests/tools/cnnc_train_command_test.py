"""The command cnnc-train: training, messages, interruption and resumption."""
import os
import pathlib
import pty
import re
import signal
import subprocess
import time
import unittest

from commands import CLASSES, CNNC, SIDE, TRAIN, CommandTest, description, write_data_set


def losses(text):
    return [float(loss) for loss in re.findall(r"mean loss ([\d.]+)", text)]


def untimed(text):
    """The output without what a clock decides."""
    return re.sub(r"(, [\d.]+ s)?, \d+ images/s(, [^,\n]* left)?", "", text)


class CnncTrain(CommandTest):
    def setUp(self):
        super().setUp()
        self.write("tiny.json", description())
        write_data_set(self.folder / "data")
        self.words = [TRAIN, "tiny.json", "--data", "data"]

    def test_help(self):
        out, _ = self.run_command(TRAIN, "--help")
        for word in ("--data", "--epochs", "--resume", "--no-shuffle", "130"):
            self.assertIn(word, out)
        self.assertLessEqual(max(map(len, out.splitlines())), 100)

    def test_training(self):
        out, err = self.run_command(*self.words, "--epochs", "8")
        self.assertEqual(err, "")
        self.assertIn("250 training images in batches of 16, 50 test images, seed 0", out)
        found = losses(out)
        self.assertEqual(len(found), 8)
        self.assertLess(found[-1], found[0] / 2)
        accuracies = re.findall(r"^test: loss [\d.]+, accuracy ([\d.]+) % \((\d+) / 50\)$", out,
                                re.MULTILINE)
        self.assertEqual(len(accuracies), 8)
        self.assertGreater(float(accuracies[-1][0]), 90)
        self.assertIn("wrote tiny.safetensors", out)
        # What was trained is what cnnc compiles.
        self.run_command(CNNC, "tiny.json", "--weights", "tiny.safetensors")

    def test_drawn_data(self):
        model = description(input={"shape": [3, 16, 16]}, training={"batch_size": 16, "epochs": 6,
            "augmentation": [{"type": "RandomCrop", "padding": 1},
                             {"type": "RandomHorizontalFlip"}]})
        self.write("tiny.json", model)
        words = [TRAIN, "tiny.json", "--data", "synthetic:train=400,test=80,noise=0.05"]
        out, _ = self.run_command(*words, "-o", "whole")
        self.assertIn("400 training images in batches of 16, 80 test images", out)
        found = losses(out)
        self.assertLess(found[-1], 0.8 * found[0])
        self.run_command(*words, "-o", "plain", "--no-augmentation")
        self.assertNotEqual(self.bytes_of("plain"), self.bytes_of("whole"))
        # What is drawn for an image does not depend on interruptions.
        self.run_command(*words, "-o", "parts", "--epochs", "2")
        self.run_command(*words, "-o", "parts", "--resume")
        self.assertEqual(self.bytes_of("parts"), self.bytes_of("whole"))

    def test_a_label_for_each_pixel(self):
        layers = [{"type": "Conv2d", "name": "a", "out_channels": 8, "kernel_size": 5, "padding": 2},
                  {"type": "ReLU"},
                  {"type": "Conv2d", "name": "b", "out_channels": 3, "kernel_size": 1}]
        self.write("tiny.json", description(input={"shape": [1, 12, 12]}, layers=layers))
        out, _ = self.run_command(TRAIN, "tiny.json", "--data", "synthetic:train=100,test=20",
                                  "--epochs", "2")
        self.assertIn(f" / {20 * 12 * 12})", out)
        self.assertLess(losses(out)[1], losses(out)[0])

    def test_loss_every_hundred_batches(self):
        write_data_set(self.folder / "more", train=3300)
        out, _ = self.run_command(TRAIN, "tiny.json", "--data", "more", "--epochs", "1")
        self.assertRegex(out, r"epoch 1/1, batch 100/207: loss [\d.]+, \d+ images/s, \d+ s left\n")
        self.assertEqual(re.findall(r"batch (\d+)/", out), ["100", "200"])

    def test_gdb_and_perf_see_the_kernels(self):
        out, _ = self.run_command(
            "gdb", "-nx", "-batch", "-ex", "set breakpoint pending on", "-ex", "break train_fc",
            "-ex", "run", "-ex", "backtrace", "-ex", "kill", "--args", *self.words, "-j1",
            "--emit-symbols", stdin=subprocess.DEVNULL)
        self.assertRegex(out, r"(?s)#0 .* in train_fc \(.*#1 .* in train_step_batch.*Trainer::step.* main \(")
        perf_map = pathlib.Path(f"/tmp/perf-{re.search('process ([0-9]+)', out).group(1)}.map")
        lines = perf_map.read_text().splitlines()
        perf_map.unlink()
        self.assertTrue(any(line.endswith(" train_fc") for line in lines), lines)
        for line in lines:
            self.assertRegex(line, "^[0-9a-f]+ [0-9a-f]+ [a-z]")

    def test_results_do_not_depend_on_threads(self):
        results = []
        for threads in ("1", "2"):
            out, _ = self.run_command(*self.words, "--threads", threads, "-o", f"{threads}.bin")
            results.append((untimed(out).replace(f"{threads}.bin", ""),
                            self.bytes_of(f"{threads}.bin")))
        self.assertEqual(results[0], results[1])

    def test_seed_and_order_matter(self):
        runs = {"a": [], "b": ["--seed", "1"], "c": ["--no-shuffle"], "d": ["--lr", "0.01"]}
        results = set()
        for name, options in runs.items():
            self.run_command(*self.words, *options, "-o", name)
            results.add(self.bytes_of(name))
        self.assertEqual(len(results), len(runs))

    def test_optimizers(self):
        for optimizer in ({"type": "Adam", "lr": 0.01}, {"type": "AdamW", "lr": 0.01},
                          {"type": "RMSprop", "lr": 0.003}, {"type": "Adagrad", "lr": 0.05}):
            with self.subTest(optimizer):
                self.write("tiny.json", description(optimizer=optimizer))
                whole, _ = self.run_command(*self.words, "--epochs", "4", "-o", "whole")
                found = losses(whole)
                self.assertLess(found[-1], found[0] / 2)
                # The optimizer's state is part of the checkpoint.
                self.run_command(*self.words, "--epochs", "2", "-o", "parts")
                self.run_command(*self.words, "--epochs", "4", "-o", "parts", "--resume")
                self.assertEqual(self.bytes_of("parts"), self.bytes_of("whole"))

    def test_schedulers_of_the_learning_rate(self):
        results = set()
        for scheduler in ({"type": "ExponentialLR", "gamma": 0.1},
                          {"type": "OneCycleLR", "max_lr": 0.1},
                          {"type": "ReduceLROnPlateau", "threshold": 0.9, "patience": 0},
                          {"type": "SequentialLR", "interval": "steps", "milestones": [8],
                           "schedulers": [{"type": "LinearLR", "total_iters": 8},
                                          {"type": "CosineAnnealingLR", "T_max": 40}]}):
            with self.subTest(scheduler):
                self.write("tiny.json", description(
                    training={"batch_size": 16, "epochs": 3, "lr_scheduler": scheduler}))
                self.run_command(*self.words, "-o", "whole")
                results.add(self.bytes_of("whole"))
                self.run_command(*self.words, "-o", "other", "--lr", "0.2")
                cycle = scheduler["type"] == "OneCycleLR"  # has rates of its own
                self.assertEqual(self.bytes_of("other") == self.bytes_of("whole"), cycle)
                if not cycle:  # which depends on the number of epochs
                    self.run_command(*self.words, "--epochs", "1", "-o", "parts")
                    self.run_command(*self.words, "-o", "parts", "--resume")
                    self.assertEqual(self.bytes_of("parts"), self.bytes_of("whole"))
        self.assertEqual(len(results), 4)

    def test_losses_that_the_data_set_has_no_targets_for(self):
        self.write("tiny.json", description(loss={"type": "MSELoss"}))
        _, err = self.run_command(*self.words, code=1)
        self.assertIn("data: has one label for each image, but MSELoss compares with 4 values", err)
        self.write("tiny.json", description(layers=description()["layers"][:1]))
        _, err = self.run_command(*self.words, code=1)
        self.assertIn("but CrossEntropyLoss compares with 64 labels", err)

    # ---- Resumption

    def test_resuming_after_an_epoch(self):
        for options in ([], ["--seed", "5", "--lr", "0.02"], ["--no-shuffle"]):
            with self.subTest(options):
                whole, _ = self.run_command(*self.words, *options, "--epochs", "3", "-o", "whole")
                self.run_command(*self.words, *options, "--epochs", "1", "-o", "parts")
                # Seed, order and learning rate come from the checkpoint.
                out, _ = self.run_command(*self.words, "--epochs", "3", "-o", "parts", "--resume")
                self.assertIn("; resumes after epoch 1\n", out)
                self.assertEqual(losses(out), losses(whole)[1:])
                self.assertEqual(self.bytes_of("parts"), self.bytes_of("whole"))
                self.assertEqual(len(self.bytes_of("parts.checkpoint")),
                                 len(self.bytes_of("whole.checkpoint")))

    def test_resuming_what_is_finished(self):
        self.run_command(*self.words)
        before = self.bytes_of("tiny.safetensors")
        out, _ = self.run_command(*self.words, "--resume", "tiny.safetensors.checkpoint")
        self.assertEqual(losses(out), [])
        self.assertIn("test: loss", out)
        self.assertEqual(self.bytes_of("tiny.safetensors"), before)

    def interrupted(self, words, until, number, times):
        """Starts the command, stops it once a line has `until`, returns its stderr."""
        with subprocess.Popen(words, cwd=self.folder, env=self.environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            for line in process.stdout:
                if until in line:
                    break
            for _ in range(times):
                process.send_signal(number)
            _, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 130, err)
        return err

    def test_interruption(self):
        # So long that the signal neither misses the epoch that it is meant for nor the whole.
        self.write("tiny.json", description(training={"batch_size": 4}))
        write_data_set(self.folder / "more", train=500, repeat=40)
        words = [TRAIN, "tiny.json", "--data", "more", "--epochs", "100"]
        whole, _ = self.run_command(*words, "-o", "whole")
        for name, until, number, times in (
                ("halfway", "epoch 2/100, batch 500/", signal.SIGINT, 1),
                ("twice", "epoch 3/100, batch 100/", signal.SIGINT, 2),
                ("ended", "mean loss", signal.SIGTERM, 1)):
            with self.subTest(name):
                err = self.interrupted([*words, "-o", name], until, number, times)
                self.assertIn(f"stopped: saved {name} and {name}.checkpoint; to go on:", err)
                self.assertNotEqual(self.bytes_of(name), self.bytes_of("whole"))
                # The command that the message gives.
                command = err.strip().splitlines()[-1].split()
                self.assertEqual(command[-3:], ["-o", name, "--resume"])
                out, _ = self.run_command(*command)
                if name == "halfway":
                    self.assertRegex(out.splitlines()[0], r"resumes after batch \d+ of epoch 2$")
                self.assertEqual(self.bytes_of(name), self.bytes_of("whole"))
                tail = untimed(out).split("\n", 1)[1].replace(f"wrote {name}", "")
                self.assertTrue(untimed(whole).replace("wrote whole", "").endswith(tail))

    def test_checkpoints_of_something_else(self):
        self.run_command(*self.words)
        self.write("other.json", description(name="other"))
        layers = description()["layers"]
        layers[0]["out_channels"] = 5
        self.write("wider.json", description(layers=layers))
        self.write("batches.json", description(training={"batch_size": 8}))
        write_data_set(self.folder / "fewer", train=100)
        resume = ["--resume", "tiny.safetensors.checkpoint", "-o", "new"]
        for words, message in (
                ([TRAIN, "other.json", "--data", "data"], 'of the network "tiny", not of "other"'),
                ([TRAIN, "wider.json", "--data", "data"], "but the network needs f32[5"),
                ([TRAIN, "batches.json", "--data", "data"], "in batches of 16, not 8"),
                ([TRAIN, "tiny.json", "--data", "fewer"], "on 250 images, but there are 100"),
                ([*self.words, "--seed", "3"], "with the seed 0, not 3"),
                ([*self.words, "--no-shuffle"], "was trained on shuffled data")):
            with self.subTest(message):
                _, err = self.run_command(*words, *resume, code=1)
                self.assertIn(message, err)
        _, err = self.run_command(*self.words, "--resume", "tiny.safetensors", code=1)
        self.assertIn("is no checkpoint of cnnc-train", err)
        _, err = self.run_command(*self.words, "--resume", "nowhere", code=1)
        self.assertIn("nowhere: cannot open", err)
        self.assertFalse((self.folder / "new").exists())

    # ---- Mistakes

    def test_usage_errors(self):
        for words, message in (
                ([TRAIN], "required"),
                ([TRAIN, "tiny.json"], "--data is required"),
                ([*self.words, "--epochs", "0"], "no whole number"),
                ([*self.words, "--lr", "fast"], "no learning rate"),
                ([*self.words, "--lr", "-1"], "no learning rate"),
                ([TRAIN, "--resume", "tiny.json", "--data", "data"], "MODEL.json stands before it"),
                ([*self.words, "--sead", "1"], "did you mean --seed?"),
                ([*self.words, "--target", "hots"], 'did you mean "host"?')):
            with self.subTest(words[1:]):
                _, err = self.run_command(*words, code=2)
                self.assertIn(message, err)

    def test_data_that_does_not_fit(self):
        write_data_set(self.folder / "labels", classes=CLASSES + 3)
        write_data_set(self.folder / "large", side=SIDE + 2)
        write_data_set(self.folder / "empty", test=0)
        for folder, message in (
                ("labels", f"but the network has {CLASSES} outputs, for labels 0 to {CLASSES - 1}"),
                ("large", "images are [1, 10, 10], but the network's input is [1, 8, 8]"),
                ("empty", "there are no test images"),
                ("nowhere", "nowhere: there is no such folder or file")):
            with self.subTest(folder):
                out, err = self.run_command(TRAIN, "tiny.json", "--data", folder, code=1)
                self.assertIn(message, err)
                self.assertEqual(out, "")

    def test_a_network_of_features_takes_the_pixels_of_an_image(self):
        self.write("flat.json", description(
            input={"shape": [SIDE * SIDE]}, name="flat",
            layers=[{"type": "Linear", "name": "fc", "out_features": CLASSES}]))
        out, _ = self.run_command(TRAIN, "flat.json", "--data", "data")
        self.assertEqual(len(losses(out)), 2)

    def test_descriptions_that_cannot_be_trained(self):
        for missing in ("loss", "optimizer"):
            model = description()
            del model[missing]
            self.write("tiny.json", model)
            _, err = self.run_command(*self.words, code=1)
            self.assertIn(f'no "{missing}"', err)

    def test_output_that_cannot_be_written(self):
        _, err = self.run_command(*self.words, "-o", "no/weights", code=1)
        self.assertIn("there is no folder no", err)
        _, err = self.run_command(*self.words, "--checkpoint", "no/c", code=1)
        self.assertIn("no/c: cannot write", err)

    # ---- The bar

    def test_bar_on_a_terminal(self):
        ours, theirs = pty.openpty()
        environment = dict(self.environment, TERM="xterm")
        with subprocess.Popen(self.words, cwd=self.folder, env=environment, stderr=theirs,
                              stdout=subprocess.DEVNULL) as process:
            os.close(theirs)
            text = b""
            deadline = time.monotonic() + 120
            while time.monotonic() < deadline:
                try:
                    part = os.read(ours, 4096)
                except OSError:  # the other end is closed
                    break
                if not part:
                    break
                text += part
            self.assertEqual(process.wait(timeout=120), 0)
        os.close(ours)
        frames = text.decode().split("\r\x1b[K")
        self.assertRegex(frames[1], r"^epoch 1/2 \[[=> ]+\] batch \d+/16, loss [\d.]+, "
                                    r"\d+ images/s, \d+ s left$")
        self.assertLess(max(map(len, frames)), 80)
        self.assertEqual(frames[-1], "")  # it is wiped at the end


if __name__ == "__main__":
    unittest.main()
