"""The peer of bench/similarity-step.mjs: a step of sentence-transformers' MultipleNegativesRankingLoss over a BERT of the
same size, on random tokens; forward, loss, backward, clipping to norm 1, AdamW. Prints medians as JSON."""

import argparse
import json
import time

import torch
from sentence_transformers.sentence_transformer import losses
from sentence_transformers.sentence_transformer.modules import Pooling
from transformers import BertConfig, BertModel

parser = argparse.ArgumentParser()
for name in ("layers", "hidden", "heads", "batch", "seq", "threads"):
    parser.add_argument(f"--{name}", type=int)
o = parser.parse_args()
torch.set_num_threads(o.threads)
torch.manual_seed(0)

config = BertConfig(
    vocab_size=8192, hidden_size=o.hidden, num_hidden_layers=o.layers, num_attention_heads=o.heads,
    intermediate_size=4 * o.hidden, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
)  # fmt: skip


class Encoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.bert = BertModel(config, add_pooling_layer=False)
        self.pooling = Pooling(o.hidden)

    def forward(self, features):
        hidden = self.bert(input_ids=features["input_ids"], attention_mask=features["attention_mask"]).last_hidden_state
        return self.pooling({**features, "token_embeddings": hidden})


model = Encoder().train()
loss_of = losses.MultipleNegativesRankingLoss(model)
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5, weight_decay=0.01)
columns = [
    {"input_ids": torch.randint(8192, (o.batch, o.seq)), "attention_mask": torch.ones(o.batch, o.seq, dtype=torch.long)}
    for _ in range(2)
]
times, first = [], None
for step in range(13):
    started = time.perf_counter()
    # Each column by itself, as the library's trainer has it.
    embeddings = [model(dict(column))["sentence_embedding"] for column in columns]
    loss = loss_of.compute_loss_from_embeddings(embeddings, None)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    first = loss.item() if first is None else first
    if step >= 3:
        times.append(time.perf_counter() - started)
print(json.dumps({"stepMs": 1000 * sorted(times)[len(times) // 2], "firstLoss": first}))
