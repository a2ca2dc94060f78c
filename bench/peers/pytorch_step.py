# The `bench step` model in PyTorch eager, as one would write it by hand: torch.nn modules, torch.optim.AdamW.
#   python bench/peers/pytorch_step.py [--dropout 0.1] [--attention sdpa] [--optimizer fused] [--autocast] \
#     [--device cuda|mps|auto]

import common

o = common.options(
    "One training step in PyTorch eager",
    dropout=dict(type=float, default=0.0),
    attention=dict(choices=["eager", "sdpa"], default="eager"),
    autocast=dict(action="store_true", help="products in bfloat16, as torch.autocast chooses them"),
    optimizer=dict(choices=["default", "fused"], default="default"),
    device=dict(default="cpu"),
)

import torch  # noqa: E402  (after the thread settings)
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import torch_device  # noqa: E402

torch.set_num_threads(o.threads)
device = torch_device.pick(o.device)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value, self.output = (nn.Linear(o.hidden, o.hidden) for _ in range(4))
        self.up, self.down = nn.Linear(o.hidden, o.feed_forward), nn.Linear(o.feed_forward, o.hidden)
        self.attention_norm = nn.LayerNorm(o.hidden, eps=common.NORM_EPSILON)
        self.output_norm = nn.LayerNorm(o.hidden, eps=common.NORM_EPSILON)
        self.dropout = nn.Dropout(o.dropout)

    def attend(self, x, mask):
        B, T, C = x.shape
        q, k, v = (f(x).view(B, T, o.heads, -1).transpose(1, 2) for f in (self.query, self.key, self.value))
        if o.attention == "sdpa":
            y = F.scaled_dot_product_attention(q, k, v, mask, dropout_p=o.dropout)
        else:
            scores = q @ k.transpose(2, 3) / (C // o.heads) ** 0.5 + mask
            y = self.dropout(scores.softmax(-1)) @ v
        return y.transpose(1, 2).reshape(B, T, C)

    def forward(self, x, mask):
        x = self.attention_norm(x + self.dropout(self.output(self.attend(x, mask))))
        return self.output_norm(x + self.dropout(self.down(F.gelu(self.up(x)))))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.word = nn.Embedding(o.vocabulary, o.hidden)
        self.position = nn.Embedding(o.positions, o.hidden)
        self.kind = nn.Embedding(2, o.hidden)
        self.embeddings = nn.ModuleDict({"norm": nn.LayerNorm(o.hidden, eps=common.NORM_EPSILON)})
        self.layer = nn.ModuleList(Layer() for _ in range(o.layers))
        self.pooler, self.classifier = nn.Linear(o.hidden, o.hidden), nn.Linear(o.hidden, o.labels)
        self.dropout = nn.Dropout(o.dropout)

    def forward(self, ids, types, mask):
        mask = (1.0 - mask[:, None, None, :].float()) * torch.finfo(torch.float32).min
        x = self.word(ids) + self.kind(types) + self.position(torch.arange(ids.shape[1], device=ids.device))
        x = self.dropout(self.embeddings["norm"](x))
        for layer in self.layer:
            x = layer(x, mask)
        return self.classifier(self.dropout(self.pooler(x[:, 0]).tanh()))


def initialise(model):
    values = common.parameters(o)
    tables = {"word.weight": "word", "position.weight": "position", "kind.weight": "type"}
    with torch.no_grad():
        for name, p in model.named_parameters():
            known = name.replace("norm.weight", "norm.scale")
            value = torch.from_numpy(values.pop(tables.get(name, known)))
            p.copy_(value if name in tables or value.dim() == 1 else value.T)
    assert not values, f"weights without a place: {list(values)}"


model = Encoder().train()
initialise(model)
model.to(device)
ids, types, mask, labels = (torch.from_numpy(a).to(device) for a in common.batch(o))
optimizer = torch.optim.AdamW(
    model.parameters(),
    lr=common.LEARNING_RATE,
    betas=(common.BETA1, common.BETA2),
    eps=common.EPSILON,
    weight_decay=common.DECAY,
    fused=True if o.optimizer == "fused" else None,
)


def step():
    with torch.autocast(device.type, torch.bfloat16, enabled=o.autocast):
        loss = F.cross_entropy(model(ids, types, mask), labels)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(model.parameters(), common.CLIP)
    optimizer.step()
    torch_device.wait_for(device)
    return loss.item(), norm.item()


about = dict(dropout=o.dropout, autocast=o.autocast, attention=o.attention, device=torch_device.name_of(device))
common.measure(o, step, torch_device.gemm_on(device), peer="PyTorch", version=torch.__version__, **about)
