// A training step of adapters (LoRA, rank 8, at all linear layers) on a causal language model of the shape of
// SmolLM-135M, in ortune and in PEFT on PyTorch, in float32 and autocast to bfloat16; and in ortune over a base of 4
// bits (MatMulNBits), and of all parameters. Each runs in a process of its own, in turns: forward, loss, backward,
// clipping to norm 1, AdamW. All start from one export and one adapter, whose B is not 0 so that all of its gradients
// are computed with; before anything is compared, the losses of all steps must agree with PEFT's.
//   node bench/adapters.mjs --pytorch PYTHON [--model DIRECTORY] [--rounds N] [--json]
// PYTHON is an interpreter with torch, transformers, peft, onnx and onnxruntime. Sizes and `--model`:
// peers/decoder-step.mjs. It needs 10 GB of memory; a short form is --layers 4 --vocabulary 8192 --seq 128.

import { join } from 'node:path';
import { adapterOf } from '../dist/transfer/adapter/options.js';
import { compareDecoders, decoderOptions, decoderStep } from './peers/decoder-step.mjs';

const given = decoderOptions({ adapter: '' });
if (given.options.own) {
  const { adapter } = given.options;
  console.log(JSON.stringify(await decoderStep(given, adapter && { lora: adapterOf({ adapter }) })));
} else
  compareDecoders(given, import.meta.filename, (directory) => {
    const [adapter, stored] = ['adapter', 'stored'].map((name) => join(directory, name));
    return [
      { name: 'ortune, LoRA', own: ['--model', directory, '--adapter', adapter] },
      { name: 'PEFT', peer: ['--adapter', adapter], tolerance: 3e-4 },
      { name: 'PEFT, autocast(bfloat16)', peer: ['--adapter', adapter, '--autocast'], tolerance: 1e-2 },
      { name: 'ortune, LoRA over 4 bits', own: ['--model', stored, '--adapter', adapter] },
      { name: 'ortune, all parameters', own: ['--model', directory] },
    ];
  });
