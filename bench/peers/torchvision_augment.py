# Augmentation in torchvision.transforms.v2 on one thread: pictures a second, as JSON.
#   python bench/peers/torchvision_augment.py --chain crop [--pictures 64]     chains as bench/augment.mjs names them
# Needs torch, torchvision and numpy.

import argparse
import json
import statistics
import time

import numpy as np
import torch

torch.set_num_threads(1)
from vision import torchvision  # noqa: E402
from torchvision.transforms import v2

parser = argparse.ArgumentParser()
parser.add_argument("--chain", required=True)
parser.add_argument("--pictures", type=int, default=64)
o = parser.parse_args()

crop, flip = v2.RandomResizedCrop(224, antialias=True), v2.RandomHorizontalFlip()
chains = dict(
    fixed=[v2.Resize((224, 224), antialias=True)],
    crop=[crop, flip],
    jitter=[crop, flip, v2.ColorJitter(0.4, 0.4, 0.4)],
    hue=[crop, flip, v2.ColorJitter(0.4, 0.4, 0.4, 0.1)],
    randaugment=[crop, flip, v2.RandAugment()],
)
finish = [v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]
chain = v2.Compose([*chains[o.chain], *finish])


def picture(index):
    y, x = np.mgrid[0:256, 0:256]
    waves = [128 + 127 * np.sin((x + index) / (5 + c)) * np.cos(y / (9 - c)) for c in range(3)]
    return torch.from_numpy(np.stack(waves).astype(np.uint8))


pictures = [picture(i) for i in range(o.pictures)]
rates = []
for round in range(6):
    start = time.perf_counter()
    batch = torch.stack([chain(one) for one in pictures])
    if round > 0:
        rates.append(o.pictures / (time.perf_counter() - start))
print(json.dumps(dict(imagesPerSecond=statistics.median(rates), sum=float(batch[0].sum()), version=torchvision.__version__)))
