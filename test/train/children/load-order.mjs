// load-order.mjs ORDER CONFIG: a training run in a process where ortune, a stock onnxruntime-node session or a
// transformers pipeline came first. Prints the losses and the hash of the trained file.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const [order, text] = process.argv.slice(2);
const config = JSON.parse(text);
const before = [];

if (order === 'after-session') {
  const ort = await import('onnxruntime-node');
  const session = await ort.InferenceSession.create(join(config.model, 'onnx', 'model.onnx'));
  const feed = () => new ort.Tensor('int64', BigInt64Array.from([1n, 1n, 1n, 1n]), [1, 4]);
  const { logits } = await session.run(Object.fromEntries(session.inputNames.map((name) => [name, feed()])));
  if (logits.data.every(Number.isFinite)) before.push('session');
}
if (order === 'after-pipeline') {
  const { env, pipeline } = await import('@xenova/transformers');
  env.allowRemoteModels = false;
  env.localModelPath = dirname(config.model);
  const classify = await pipeline('text-classification', 'encoder', { dtype: 'fp32' });
  const [{ score }] = await classify('free cash prize');
  if (score > 0) before.push('pipeline');
}
const { Trainer } = await import('ortune');
const losses = [];
const trainer = new Trainer(config).on('step', ({ loss }) => losses.push(loss));
const { output } = await trainer.run();
const bits = createHash('sha256')
  .update(readFileSync(join(output, 'onnx', 'model.onnx')))
  .digest('hex');
console.log(JSON.stringify({ bits, losses, before }));
