# Forward and backward of single convolutions in PyTorch eager, channels_last: medians in milliseconds by layer, as JSON.
#   python bench/peers/pytorch_conv.py THREADS ROUNDS LAYERS    LAYERS as bench/conv-layers.mjs writes them

import json
import statistics
import sys
import time

import common

threads, rounds, layers = int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
common.keep_to(threads)

import torch  # noqa: E402  (after the thread settings)

torch.set_num_threads(threads)


def measure(N, C, S, K, k, stride, group, **_):
    conv = torch.nn.Conv2d(C, K, k, stride, k // 2, groups=group, bias=False).to(memory_format=torch.channels_last)
    x = torch.rand(N, C, S, S).to(memory_format=torch.channels_last)
    dy = torch.rand_like(conv(x).detach())
    wanted = [conv.weight] if C == 3 else [conv.weight, x.requires_grad_()]  # nobody asks for the gradient of pixels
    times = []
    for _ in range(rounds + 3):
        start = time.perf_counter()
        torch.autograd.grad(conv(x), wanted, dy)
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times[3:])


print(json.dumps({layer["name"]: measure(**layer) for layer in layers}))
