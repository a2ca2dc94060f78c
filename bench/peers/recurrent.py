"""The peer of bench/recurrent.mjs: PyTorch's own layers on the same weights, whose gates it has in another order.
Prints medians as JSON."""

import argparse
import json
import time

import torch

parser = argparse.ArgumentParser()
parser.add_argument("--kind")
for name in ("layers", "hidden", "steps", "batch", "threads"):
    parser.add_argument(f"--{name}", type=int)
o = parser.parse_args()
torch.set_num_threads(o.threads)

H = o.hidden
gates = {"lstm": 4, "gru": 3, "rnn": 1}[o.kind]
# The gates of ONNX by PyTorch's: i f g o, r z n.
order = {"lstm": [0, 2, 3, 1], "gru": [1, 0, 2], "rnn": [0]}[o.kind]
count = 0


def tensor(shape, scale):
    global count
    n = torch.Size(shape).numel()
    places = torch.arange(n, dtype=torch.int64)
    values = (((places * 31 + count * 17) % 1013).double() / 1013 - 0.5) * scale
    count += 1
    return values.float().view(shape)


def reordered(rows):
    return torch.cat([rows[g * H : (g + 1) * H] for g in order])


x, dy = tensor((o.steps, o.batch, H), 2), tensor((o.steps, o.batch, H), 2)
layer = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}[o.kind](H, H, o.layers)
scale = 2 / H**0.5
with torch.no_grad():
    for k in range(o.layers):
        for name in ("ih", "hh"):
            getattr(layer, f"weight_{name}_l{k}").copy_(reordered(tensor((gates * H, H), scale)))
        both = tensor((2 * gates * H,), scale)
        for name, rows in (("ih", both[: gates * H]), ("hh", both[gates * H :])):
            getattr(layer, f"bias_{name}_l{k}").copy_(reordered(rows))

forward, whole = [], []
for step in range(25):
    layer.zero_grad(set_to_none=True)
    started = time.perf_counter()
    y = layer(x)[0]
    between = time.perf_counter()
    y.backward(dy)
    ended = time.perf_counter()
    if step >= 5:
        forward.append(between - started)
        whole.append(ended - started)


def median(times):
    return 1000 * sorted(times)[len(times) // 2]


size = torch.sqrt(sum((p.grad.double() ** 2).sum() for p in layer.parameters()))
print(json.dumps({"output": y.double().norm().item(), "gradient": size.item(), "forwardMs": median(forward),
                  "bothMs": median(whole)}))
