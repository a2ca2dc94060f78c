// A training step of a causal language model of the shape of SmolLM-135M in ortune and in PyTorch (transformers, SDPA),
// in float32 and autocast to bfloat16, each in a process of its own, in turns: forward, loss, backward, clipping to
// norm 1, AdamW over all parameters. Both start from the weights of one export of the transformers library, as optimum
// writes it; before anything is compared, the losses of all steps must agree.
//   node bench/decoder.mjs --pytorch PYTHON [--model DIRECTORY] [--rounds N] [--json]
// PYTHON is an interpreter with torch, transformers and onnx. Sizes and `--model`: peers/decoder-step.mjs. It needs 8
// GB of memory; a short form is --layers 4 --vocabulary 8192 --seq 128.

import { compareDecoders, decoderOptions, decoderStep } from './peers/decoder-step.mjs';

const given = decoderOptions();
if (given.options.own) console.log(JSON.stringify(await decoderStep(given)));
else
  compareDecoders(given, import.meta.filename, (directory) => [
    { name: 'ortune', own: ['--model', directory] },
    { name: 'PyTorch', peer: [], tolerance: 3e-4 },
    { name: 'PyTorch, autocast(bfloat16)', peer: ['--autocast'], tolerance: 1e-2 },
  ]);
