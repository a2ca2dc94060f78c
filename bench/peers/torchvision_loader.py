# torchvision's way from a folder of JPEGs to batches: ImageFolder, DataLoader with workers, random resized crop, flip, normalise.
#   python bench/peers/torchvision_loader.py --folder DIR [--workers 2] [--batch 64] [--kind pil|tensor] [--rounds 3]
# kind: the transforms work on Pillow's pictures, or on tensors. Needs torch, torchvision, pillow and numpy.

import argparse
import json
import statistics
import time

import torch

from vision import torchvision
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

parser = argparse.ArgumentParser()
parser.add_argument("--folder", required=True)
parser.add_argument("--workers", type=int, default=2)
parser.add_argument("--batch", type=int, default=64)
parser.add_argument("--kind", choices=["pil", "tensor"], default="pil")
parser.add_argument("--rounds", type=int, default=3)
o = parser.parse_args()

to_float = [v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]


def chain(*steps):
    return v2.Compose([*steps, v2.ToImage(), *to_float] if o.kind == "pil" else [v2.ToImage(), *steps, *to_float])


def main():
    plain = ImageFolder(o.folder, chain(v2.Resize((224, 224), antialias=True)))
    mean = float(torch.stack([plain[i][0] for i in range(8)]).mean())
    data = ImageFolder(o.folder, chain(v2.RandomResizedCrop(224, antialias=True), v2.RandomHorizontalFlip()))
    loader = DataLoader(data, batch_size=o.batch, shuffle=True, num_workers=o.workers, persistent_workers=True)
    rates = []
    for epoch in range(o.rounds + 1):
        started = time.perf_counter()
        samples = sum(len(labels) for _, labels in loader)
        if epoch > 0:
            rates.append(samples / (time.perf_counter() - started))
    print(json.dumps(dict(imagesPerSecond=statistics.median(rates), mean=mean, version=torchvision.__version__)))


if __name__ == "__main__":
    main()
