"""Records what PyTorch computes for shrunken copies of the networks in models/.

    python tests/models/record.py [NAME...]

Needs torch and numpy; writes NAME.values.json beside itself for each network. The networks are
written down here once more, independently of models/*.json, with the sizes of the originals; a copy
has its channels divided by a number, and smaller images. Everything is computed in float64 from
weights and pixels that are float32 numbers and follow from the names of their tensors (`uniform`,
`tensor`): tests/models/shrunken.cpp has the same formulas.

A file holds how the copy was shrunk and
  parameters  how many numbers the original learns
  outputs     of the first images in evaluation: all, or some that are spread evenly
  loss        of the whole batch in training, before the update
  step        for each tensor, what one step adds to it: the norm, and the product with `direction`
"""
import argparse
import json
import pathlib

import numpy
import torch
from torch import nn
from torch.nn import functional

CLASSES = 4
BATCH = 6
EVALUATED = 2  # images of the batch
MOST_OUTPUTS = 40

IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
CIFAR = ([0.4914, 0.4822, 0.4465], [0.247, 0.2435, 0.2616])


# --- The networks. `w` divides a number of channels; `image` is [channels, height, width].


class LeNet5(nn.Module):
    def __init__(self, w, image, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(image[0], w(6), 5, padding=2)
        self.conv2 = nn.Conv2d(w(6), w(16), 5)
        pooled = (image[1] // 2 - 4) // 2 * ((image[2] // 2 - 4) // 2)
        self.fc1 = nn.Linear(w(16) * pooled, w(120))
        self.fc2 = nn.Linear(w(120), w(84))
        self.fc3 = nn.Linear(w(84), classes)

    def forward(self, x):
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        x = functional.relu(self.fc1(x.flatten(1)))
        return self.fc3(functional.relu(self.fc2(x)))


class MnistCnn(LeNet5):
    def __init__(self, w, image, classes):
        nn.Module.__init__(self)
        self.conv1 = nn.Conv2d(image[0], w(32), 3, padding=1)
        self.conv2 = nn.Conv2d(w(32), w(64), 3, padding=1)
        self.fc1 = nn.Linear(w(64) * (image[1] // 4) * (image[2] // 4), w(1024))
        self.fc2 = nn.Linear(w(1024), w(512))
        self.fc3 = nn.Linear(w(512), classes)


class VggConv(nn.Module):
    def __init__(self, before, channels):
        super().__init__()
        self.conv = nn.Conv2d(before, channels, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x):
        return functional.relu(self.bn(self.conv(x)))


class VggStage(nn.Module):
    def __init__(self, before, channels):
        super().__init__()
        self.convs = nn.Sequential(VggConv(before, channels), VggConv(channels, channels))

    def forward(self, x):
        return functional.max_pool2d(self.convs(x), 2)


class CifarVgg(nn.Module):
    def __init__(self, w, image, classes):
        super().__init__()
        self.stage1 = VggStage(image[0], w(64))
        self.stage2 = VggStage(w(64), w(128))
        self.stage3 = VggStage(w(128), w(256))
        self.fc1 = nn.Linear(w(256) * (image[1] // 8) * (image[2] // 8), w(256))
        self.fc2 = nn.Linear(w(256), classes)

    def forward(self, x):
        x = self.stage3(self.stage2(self.stage1(x))).flatten(1)
        return self.fc2(functional.relu(self.fc1(x)))  # without dropout


class BasicBlock(nn.Module):
    def __init__(self, before, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = None
        if stride != 1:
            self.downsample = nn.Sequential(nn.Conv2d(before, channels, 1, stride, bias=False),
                                            nn.BatchNorm2d(channels))

    def forward(self, x):
        y = functional.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return functional.relu(y + (x if self.downsample is None else self.downsample(x)))


def basic_layer(before, channels, blocks, stride):
    further = [BasicBlock(channels, channels, 1) for _ in range(blocks - 1)]
    return nn.Sequential(BasicBlock(before, channels, stride), *further)


class ResNet20(nn.Module):
    def __init__(self, w, image, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(image[0], w(16), 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(w(16))
        self.layer1 = basic_layer(w(16), w(16), 3, 1)
        self.layer2 = basic_layer(w(16), w(32), 3, 2)
        self.layer3 = basic_layer(w(32), w(64), 3, 2)
        self.fc = nn.Linear(w(64), classes)

    def forward(self, x):
        x = functional.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


class ResNet18(nn.Module):
    def __init__(self, w, image, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(image[0], w(64), 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(w(64))
        self.layer1 = basic_layer(w(64), w(64), 2, 1)
        self.layer2 = basic_layer(w(64), w(128), 2, 2)
        self.layer3 = basic_layer(w(128), w(256), 2, 2)
        self.layer4 = basic_layer(w(256), w(512), 2, 2)
        self.fc = nn.Linear(w(512), classes)

    def forward(self, x):
        x = functional.max_pool2d(functional.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        return self.fc(self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3)))


def conv_bn_relu6(before, channels, kernel, stride=1, groups=1):
    conv = nn.Conv2d(before, channels, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(channels), nn.ReLU6())


class InvertedResidual(nn.Module):
    # `hidden` is the product of a ratio and the undivided channels; None: no expansion.
    def __init__(self, before, hidden, channels, stride):
        super().__init__()
        self.is_residual = stride == 1 and hidden is not None and before == channels
        layers = [] if hidden is None else [conv_bn_relu6(before, hidden, 1)]
        hidden = before if hidden is None else hidden
        layers.append(conv_bn_relu6(hidden, hidden, 3, stride, hidden))
        layers.append(nn.Conv2d(hidden, channels, 1, bias=False))
        layers.append(nn.BatchNorm2d(channels))
        self.conv = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.conv(x) if self.is_residual else self.conv(x)


class MobileNetV2(nn.Module):
    def __init__(self, w, image, classes):
        super().__init__()
        features = [conv_bn_relu6(image[0], w(32), 3, 2),
                    InvertedResidual(w(32), None, w(16), 1)]
        before = 16
        for channels, blocks, stride in [(24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1),
                                         (160, 3, 2), (320, 1, 1)]:
            for block in range(blocks):
                features.append(InvertedResidual(w(before), w(6 * before), w(channels),
                                                 stride if block == 0 else 1))
                before = channels
        features.append(conv_bn_relu6(w(320), w(1280), 1))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(0), nn.Linear(w(1280), classes))

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


class UNetConvs(nn.Module):
    def __init__(self, before, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x):
        x = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(x)))


class UNetUp(UNetConvs):
    def __init__(self, below, channels):
        super().__init__(2 * channels, channels)
        self.up = nn.ConvTranspose2d(below, channels, 2, 2)

    def forward(self, below, skip):
        return super().forward(torch.cat([skip, self.up(below)], 1))


class UNet(nn.Module):
    def __init__(self, w, image, classes):
        super().__init__()
        self.enc1 = UNetConvs(image[0], w(16))
        self.enc2 = UNetConvs(w(16), w(32))
        self.enc3 = UNetConvs(w(32), w(64))
        self.bottom = UNetConvs(w(64), w(128))
        self.dec3 = UNetUp(w(128), w(64))
        self.dec2 = UNetUp(w(64), w(32))
        self.dec1 = UNetUp(w(32), w(16))
        self.head = nn.Conv2d(w(16), classes, 1)

    def forward(self, x):
        enc1 = self.enc1(x)
        enc2 = self.enc2(functional.max_pool2d(enc1, 2))
        enc3 = self.enc3(functional.max_pool2d(enc2, 2))
        x = self.bottom(functional.max_pool2d(enc3, 2))
        return self.head(self.dec1(self.dec2(self.dec3(x, enc3), enc2), enc1))


def sgd(decay=0.0):
    return lambda parameters, changed: torch.optim.SGD(parameters, momentum=0.9,
                                                       weight_decay=decay, **changed)


def adam(parameters, changed):
    return torch.optim.Adam(parameters, **changed)


# Module, input and classes of the original, mean and std, optimizer; divisor and image of the copy,
# and what differs in the copy's optimizer. Images are not square, and steps are so large that the
# rounding of weights does not hide them. With a large eps Adam's first step has more than signs.
LARGE = {"lr": 0.1}
NETWORKS = {
    "lenet5": (LeNet5, [1, 28, 28], 10, (0.1307, 0.3081), sgd(), 3, [1, 28, 24], LARGE),
    "mnist_cnn": (MnistCnn, [1, 28, 28], 10, (0.5, 0.5), sgd(), 16, [1, 28, 24], LARGE),
    "cifar_vgg": (CifarVgg, [3, 32, 32], 10, CIFAR, sgd(5e-4), 16, [3, 16, 8], LARGE),
    "resnet20": (ResNet20, [3, 32, 32], 10, CIFAR, sgd(1e-4), 4, [3, 11, 9], LARGE),
    "resnet18": (ResNet18, [3, 224, 224], 1000, IMAGENET, sgd(1e-4), 16, [3, 36, 20], LARGE),
    "mobilenet_v2": (MobileNetV2, [3, 224, 224], 1000, IMAGENET, sgd(4e-5), 12, [3, 36, 20], LARGE),
    "unet": (UNet, [3, 64, 64], 6, (0.5, 0.25), adam, 8, [3, 16, 8], {"lr": 0.1, "eps": 0.01}),
}


# --- Numbers that follow from a name.


def uniform(name, count):
    """`count` multiples of 2^-24 in [0, 1): an FNV-1a hash of the name, then a mixed counter."""
    seed = 2166136261
    for byte in name.encode():
        seed = (seed ^ byte) * 16777619 % 2**32
    x = numpy.arange(count, dtype=numpy.uint32) * numpy.uint32(0x9e3779b9) + numpy.uint32(seed)
    for shift, factor in ((16, 0x7feb352d), (15, 0x846ca68b)):
        x = (x ^ (x >> numpy.uint32(shift))) * numpy.uint32(factor)
    x ^= x >> numpy.uint32(16)
    return (x >> numpy.uint32(8)).astype(numpy.float64) / 2**24


def symmetric(name, count):
    return 2 * uniform(name, count) - 1


def tensor(name, shape):
    """A tensor before the step, in float32."""
    count = int(numpy.prod(shape))
    if len(shape) > 1:
        values = numpy.sqrt(6 / (count // shape[0])) * symmetric(name, count)
    elif name.endswith((".running_var", ".weight")):
        values = 0.5 + 1.5 * uniform(name, count)
    else:
        values = 0.1 * symmetric(name, count)
    return values.astype(numpy.float32).reshape(shape)


def direction(name, count):
    return symmetric(name + ".direction", count)


# --- Recording.


def numbers(values):
    return [float(f"{value:.9g}") for value in values]


def tensors(model):
    return {name: value.detach().numpy().copy() for name, value in model.state_dict().items()
            if not name.endswith("num_batches_tracked")}


def record(name):
    module, input_shape, classes, (mean, std), optimizer, divisor, image, changed = NETWORKS[name]
    with torch.device("meta"):
        original = module(lambda channels: channels, input_shape, classes)
    model = module(lambda channels: max(2, channels // divisor), image, CLASSES).double()
    before = {key: tensor(key, value.shape) for key, value in tensors(model).items()}
    model.load_state_dict({key: torch.from_numpy(value) for key, value in before.items()},
                          strict=False)

    pixels = torch.from_numpy(uniform("images", BATCH * int(numpy.prod(image))))
    pixels = pixels.reshape(BATCH, *image)
    mean, std = (torch.tensor(value, dtype=torch.float64).reshape(-1, 1, 1)
                 for value in (mean, std))
    images = (pixels - mean) / std
    model.eval()
    with torch.no_grad():
        outputs = model(images[:EVALUATED]).flatten().numpy()
        some = outputs[::max(1, len(outputs) // MOST_OUTPUTS)][:MOST_OUTPUTS]
        per_image = len(outputs) // EVALUATED // CLASSES
    labels = torch.from_numpy((uniform("labels", BATCH * per_image) * CLASSES).astype(numpy.int64))

    model.train()
    step = optimizer(model.parameters(), changed)
    result = model(images)
    loss = functional.cross_entropy(result, labels.reshape(BATCH, *result.shape[2:]))
    loss.backward()
    step.step()
    added = {key: (value - before[key]).flatten() for key, value in tensors(model).items()}
    return {
        "divisor": divisor,
        "input": image,
        "classes": CLASSES,
        "batch_size": BATCH,
        "evaluated": EVALUATED,
        "optimizer": changed,
        "parameters": sum(parameter.numel() for parameter in original.parameters()),
        "outputs": numbers(some),
        "loss": numbers([loss.item()])[0],
        "step": {key: numbers([numpy.sqrt(value @ value), value @ direction(key, len(value))])
                 for key, value in added.items()},
    }


def text(values):
    """One line for each entry, and for each tensor."""
    def entries(items, indent, put):
        lines = [f"{indent}{json.dumps(key)}: {put(value)}" for key, value in items]
        return "{\n" + ",\n".join(lines) + "\n" + indent[:-2] + "}"

    def nested(value):
        is_long = isinstance(value, dict) and any(isinstance(x, list) for x in value.values())
        return entries(value.items(), "    ", json.dumps) if is_long else json.dumps(value)
    return entries(values.items(), "  ", nested) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help=f"networks, of {', '.join(NETWORKS)}; default: all")
    names = parser.parse_args().names or list(NETWORKS)
    unknown = [name for name in names if name not in NETWORKS]
    if unknown:
        parser.error(f"no network is called {unknown[0]}")
    for name in names:
        path = pathlib.Path(__file__).parent / f"{name}.values.json"
        path.write_text(text(record(name)))
        print(path)


if __name__ == "__main__":
    main()
