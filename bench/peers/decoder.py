"""The peer of bench/decoder.mjs and bench/adapters.mjs: a step of a small Llama of the transformers library with SDPA, on
random tokens; forward, loss, backward, clipping to norm 1, AdamW over all parameters, or over those of an adapter of PEFT.
Prints medians as JSON. With --write DIRECTORY it exports the same model as optimum does instead, with its cache and its
tied embedding, so that both start from the same weights; beside it an adapter, and the export with products of 4 bits."""

import argparse
import json
import pathlib
import resource
import time
import warnings

import torch
import transformers as hf

parser = argparse.ArgumentParser()
for name in (
    "layers", "hidden", "intermediate", "heads", "kv-heads", "vocabulary", "batch", "seq", "threads", "steps",
):  # fmt: skip
    parser.add_argument(f"--{name}", type=int)
parser.add_argument("--autocast", action="store_true", help="products in bfloat16, as torch.autocast chooses them")
parser.add_argument("--adapter", help="a directory of PEFT's")
parser.add_argument("--write")
o = parser.parse_args()
torch.set_num_threads(o.threads)
torch.manual_seed(0)

config = hf.LlamaConfig(
    vocab_size=o.vocabulary, hidden_size=o.hidden, intermediate_size=o.intermediate, num_hidden_layers=o.layers,
    num_attention_heads=o.heads, num_key_value_heads=o.kv_heads, max_position_embeddings=2048, rope_theta=10000.0,
    rms_norm_eps=1e-5, tie_word_embeddings=True, initializer_range=0.041666666666666664,
    bos_token_id=0, eos_token_id=0,
)  # fmt: skip
config._attn_implementation = "sdpa"
model = hf.LlamaForCausalLM(config)
with torch.no_grad():  # norms that are equal would be one tensor of the export
    for norm in (p for p in model.parameters() if p.dim() == 1):
        norm.uniform_(0.9, 1.1)


class WithCache(torch.nn.Module):
    """Takes and gives the cache as tensors."""

    def __init__(self):
        super().__init__()
        self.m = model

    def forward(self, input_ids, attention_mask, position_ids, *past):
        cache = hf.DynamicCache(list(zip(past[::2], past[1::2])))
        out = self.m(
            input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids, past_key_values=cache,
            use_cache=True,
        )  # fmt: skip
        return (out.logits, *(x for layer in out.past_key_values.layers for x in (layer.keys, layer.values)))


def write(directory):
    directory = pathlib.Path(directory)
    (directory / "onnx").mkdir(parents=True, exist_ok=True)
    names = lambda stem: [f"{stem}.{i}.{x}" for i in range(o.layers) for x in ("key", "value")]  # noqa: E731
    past = [torch.zeros(2, o.kv_heads, 3, o.hidden // o.heads) for _ in names("")]
    ids = torch.zeros(2, 5, dtype=torch.long)
    inputs = (ids, torch.ones(2, 8, dtype=torch.long), torch.arange(3, 8).expand(2, 5).contiguous())
    fed = ["input_ids", "attention_mask", "position_ids"]
    axes = {name: {0: "batch_size", 1: "sequence_length"} for name in [*fed, "logits"]}
    axes["attention_mask"] = {0: "batch_size", 1: "past_sequence_length + sequence_length"}
    axes |= {name: {0: "batch_size", 2: "past_sequence_length"} for name in names("past_key_values")}
    axes |= {name: {0: "batch_size", 2: "past_sequence_length + sequence_length"} for name in names("present")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            WithCache().eval(), (*inputs, *past), str(directory / "onnx" / "model.onnx"), dynamo=False, opset_version=18,
            input_names=[*fed, *names("past_key_values")], output_names=["logits", *names("present")],
            dynamic_axes=axes,
        )  # fmt: skip
    write_config(directory)
    write_stored(directory / "onnx" / "model.onnx", directory / "stored")
    write_adapter(directory / "adapter")


def write_config(directory):
    saved = {**config.to_dict(), "architectures": ["LlamaForCausalLM"]}
    (directory / "config.json").write_text(json.dumps(saved, default=str))


def write_stored(file, directory):
    """Products in blocks of 32 numbers of 4 bits, the table of words in floats."""
    import onnx
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    (directory / "onnx").mkdir(parents=True, exist_ok=True)
    quantizer = MatMulNBitsQuantizer(onnx.load(file), block_size=32, is_symmetric=True)
    quantizer.process()
    quantizer.model.save_model_to_file(str(directory / "onnx" / "model.onnx"))
    write_config(directory)


def write_adapter(directory):
    """Rank 8 at all linear layers, with a B that is not 0."""
    import peft

    adapted = peft.get_peft_model(model, peft.LoraConfig(r=8, lora_alpha=16, target_modules="all-linear"))
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0, 0.01)
    adapted.save_pretrained(str(directory))


def step():
    """The loss before the step."""
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast("cpu", torch.bfloat16, enabled=o.autocast):
        loss = model(input_ids=ids, attention_mask=mask, labels=ids, use_cache=False).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    optimizer.step()
    return loss.item()


if o.write:
    write(o.write)
else:
    # The tokens that bench/decoder.mjs makes.
    ids = torch.tensor([(i * 7919 + i // 13) % o.vocabulary for i in range(o.batch * o.seq)]).view(o.batch, o.seq)
    mask = torch.ones_like(ids)
    if o.adapter:
        import peft

        model = peft.PeftModel.from_pretrained(model, o.adapter, is_trainable=True)
    model.train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0.0)
    losses, times = [], []
    for _ in range(o.steps + 1):
        started = time.perf_counter()
        losses.append(step())
        times.append(1000 * (time.perf_counter() - started))
    print(json.dumps({
        "stepMs": sorted(times[1:])[o.steps // 2],
        "peakRssBytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "losses": losses,
    }))  # fmt: skip
