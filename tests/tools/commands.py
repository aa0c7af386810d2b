"""What the tests of the commands share: running them, small networks and small data sets."""
import json
import os
import pathlib
import random
import shutil
import struct
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("CNNC_BUILD", ROOT / "build/release"))  # holds the commands
CNNC = str(BUILD / "cnnc")
TRAIN = str(BUILD / "cnnc-train")
BENCH = str(BUILD / "cnnc-bench")
TUNE = str(BUILD / "cnnc-tune")
CNNC_COMPARE = str(BUILD / "cnnc-compare")
SIDE = 8
CLASSES = 4


class CommandTest(unittest.TestCase):
    """Each test runs in an empty folder of its own, with a cache of objects beside it."""

    @classmethod
    def setUpClass(cls):
        cls.cache = tempfile.mkdtemp(prefix="cnnc-cache-")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.cache, ignore_errors=True)

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="cnnc-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.environment = dict(os.environ, CNNC_CACHE_DIR=self.cache)

    def run_command(self, *words, code=0, **options):
        """Runs a command, checks its exit code, and returns what it wrote as (stdout, stderr)."""
        run = subprocess.run([str(word) for word in words], cwd=self.folder, env=self.environment,
                             capture_output=True, text=True, timeout=300, check=False, **options)
        self.assertEqual(run.returncode, code, f"{words}\n{run.stdout}\n{run.stderr}")
        return run.stdout, run.stderr

    def write(self, name, content):
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1))
        return name

    def bytes_of(self, name):
        return (self.folder / name).read_bytes()


def description(**changes):
    """A network for images of SIDE x SIDE and CLASSES labels, small enough to compile quickly."""
    model = {
        "cnnc": 1,
        "name": "tiny",
        "input": {"shape": [1, SIDE, SIDE], "mean": 0.5, "std": 0.5},
        "layers": [
            {"type": "Conv2d", "name": "conv", "out_channels": 4, "kernel_size": 3, "padding": 1},
            {"type": "ReLU"},
            {"type": "MaxPool2d", "kernel_size": 2},
            {"type": "Flatten"},
            {"type": "Linear", "name": "fc", "out_features": CLASSES},
        ],
        "loss": {"type": "CrossEntropyLoss"},
        "optimizer": {"type": "SGD", "lr": 0.05, "momentum": 0.9},
        "training": {"batch_size": 16, "epochs": 2},
    }
    model.update(changes)
    return model


def write_idx(path, extents, elements):
    header = struct.pack(f">I{len(extents)}I", 0x0800 | len(extents), *extents)
    path.write_bytes(header + bytes(elements))


def write_data_set(folder, train=250, test=50, classes=CLASSES, side=SIDE, repeat=1):
    """Images whose label says which quarter of them is bright; easy to learn. The training images
    come `repeat` times."""
    folder.mkdir()
    generator = random.Random(7)
    for name, count in (("train", train), ("t10k", test)):
        pixels, labels = [], []
        for _ in range(count):
            label = generator.randrange(classes)
            labels.append(label)
            for y in range(side):
                for x in range(side):
                    bright = (y * 2 // side) * 2 + x * 2 // side == label % 4
                    pixels.append(generator.randrange(120, 256) if bright
                                  else generator.randrange(0, 140))
        times = repeat if name == "train" else 1
        write_idx(folder / f"{name}-images-idx3-ubyte", [count * times, side, side],
                  bytes(pixels) * times)
        write_idx(folder / f"{name}-labels-idx1-ubyte", [count * times], bytes(labels) * times)
