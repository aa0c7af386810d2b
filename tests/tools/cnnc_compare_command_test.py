"""cnnc-compare as its users run it."""
import json
import struct
import unittest

from commands import CNNC_COMPARE, CLASSES, SIDE, CommandTest, description


def write_npy(path, shape, values, kind="<f4"):
    """As numpy.save writes it."""
    header = str({"descr": kind, "fortran_order": False, "shape": tuple(shape)})
    header += " " * (63 - (10 + len(header)) % 64) + "\n"
    data = bytes(values) if kind == "|u1" else struct.pack(f"<{len(values)}f", *values)
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data)


def write_weights(path, bias):
    """Weights of commands.description() whose results are `bias` whatever the image."""
    shapes = {"conv.weight": [4, 1, 3, 3], "conv.bias": [4],
              "fc.weight": [CLASSES, SIDE * SIDE], "fc.bias": [CLASSES]}
    header, data = {}, b""
    for name, shape in shapes.items():
        count = 1
        for extent in shape:
            count *= extent
        values = bias if name == "fc.bias" else [0.0] * count
        header[name] = {"dtype": "F32", "shape": shape,
                        "data_offsets": [len(data), len(data) + 4 * count]}
        data += struct.pack(f"<{count}f", *values)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


class CompareCommand(CommandTest):
    def setUp(self):
        super().setUp()
        self.model = self.write("tiny.json", description())

    def test_agreement(self):
        for options in ([], ["--no-winograd", "--seed=3"], ["--target=sse41", "-j1"]):
            out, err = self.run_command(CNNC_COMPARE, self.model, *options)
            self.assertEqual(err, "")
            self.assertTrue(out.endswith("Nothing differs.\n"), out)
            for word in ("kernel", "conv", "fc", "results, before any rewriting"):
                self.assertIn(word, out)
            self.assertNotIn("differs\n", out.replace("Nothing differs.\n", ""))

    def test_input_and_reference(self):
        write_weights(self.folder / "w.safetensors", [1, 2, 3, 4])
        write_npy(self.folder / "x.npy", [2, 1, SIDE, SIDE], [0.5] * (2 * SIDE * SIDE))
        write_npy(self.folder / "b.npy", [1, SIDE, SIDE], [200] * (SIDE * SIDE), "|u1")
        write_npy(self.folder / "y.npy", [2, 4], [1, 2, 3, 4] * 2)
        write_npy(self.folder / "one.npy", [4], [1, 2, 3, 4])
        write_npy(self.folder / "wrong.npy", [2, 4], [1, 2, 3, 4, 1, 2, 3, 5])
        weights = ["-w", "w.safetensors"]
        out, _ = self.run_command(CNNC_COMPARE, self.model, *weights, "--input=x.npy",
                                  "--reference=y.npy")
        self.assertIn("results and y.npy", out)
        self.assertIn("Nothing differs.", out)
        self.run_command(CNNC_COMPARE, self.model, *weights, "--input=b.npy",
                         "--reference=one.npy")
        out, _ = self.run_command(CNNC_COMPARE, self.model, *weights, "--input=x.npy",
                                  "--reference=wrong.npy", code=1)
        self.assertIn("Plain loops differ from wrong.npy, too", out)
        _, err = self.run_command(CNNC_COMPARE, self.model, *weights, "--input=x.npy",
                                  "--reference=one.npy", code=1)
        self.assertIn("error: one.npy: is [4], but the results are [2, 4]", err)

    def test_first_difference(self):
        write_weights(self.folder / "w.safetensors", [1, 2, 3, 4])
        write_weights(self.folder / "other.safetensors", [1, 2, 3.5, 4])
        out, _ = self.run_command(CNNC_COMPARE, self.model, "-w", "w.safetensors",
                                  "--reference-weights=other.safetensors", code=1)
        self.assertIn("The first difference is in layer fc: at [0, 2, 0, 0] of [1, 4, 1, 1], the "
                      "compiled network has 3, plain loops have 3.5.", out)
        self.run_command(CNNC_COMPARE, self.model, "-w", "w.safetensors",
                         "--reference-weights=other.safetensors", "--tolerance=0.2")

    def test_mistakes(self):
        (self.folder / "text.npy").write_text("no array")
        write_npy(self.folder / "small.npy", [1, 3, 3], [0] * 9)
        for words, message in ((["nowhere.json"], "nowhere.json"),
                               ([self.model, "-w", "nowhere"], "nowhere"),
                               ([self.model, "--input=text.npy"], "is no array of NumPy's"),
                               ([self.model, "--input=small.npy"], "is [1, 3, 3], but an image"),
                               ([self.model, "--reference=text.npy"], "is no array")):
            with self.subTest(words):
                out, err = self.run_command(CNNC_COMPARE, *words, code=1)
                self.assertEqual(out, "")
                self.assertIn(message, err)
        for words, message in (([], "MODEL.json"),
                               ([self.model, "--tolerance=2"], '"2" is no tolerance'),
                               ([self.model, "--refrence=y"], "did you mean --reference?"),
                               ([self.model, "--input=x", "--seed=1"], "excludes")):
            with self.subTest(words):
                _, err = self.run_command(CNNC_COMPARE, *words, code=2)
                self.assertIn(message, err)


if __name__ == "__main__":
    unittest.main()
