// Small decoders with a cache, as model directories: the fixtures of test/fixtures/causal-lm, of which a test may
// change what it needs.

import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const fixtures = fileURLToPath(new URL('../fixtures/causal-lm/', import.meta.url));

export const decoderFamilies = [
  ...(['gpt2', 'llama', 'qwen3', 'gemma', 'smollm3', 'phi3', 'mistral', 'gemma3'] as const),
  'llama-genai',
] as const;
export type DecoderFamily = (typeof decoderFamilies)[number];

/** Files that are no family's own export. */
const others: Readonly<Record<string, { file: string; config: DecoderFamily }>> = {
  'llama-genai': { file: 'llama-genai.onnx', config: 'llama-genai' },
  'llama-fp16': { file: 'llama-fp16.onnx', config: 'llama' },
};

/** Writes the model directory of a family; returns its path. */
export function writeDecoder(directory: string, family: DecoderFamily | 'llama-fp16'): string {
  const { file, config } = others[family] ?? { file: `${family}-torchscript.onnx`, config: family };
  mkdirSync(join(directory, 'onnx'), { recursive: true });
  copyFileSync(join(fixtures, file), join(directory, 'onnx', 'model.onnx'));
  copyFileSync(join(fixtures, `${config}.config.json`), join(directory, 'config.json'));
  for (const name of ['tokenizer.json', 'tokenizer_config.json'])
    copyFileSync(join(fixtures, name), join(directory, name));
  return directory;
}

interface Written {
  prompt: string;
  /** Of what follows the prompt, with the end of text. */
  tokens: number[];
  text: string;
}

/**
 * What PyTorch has of a family: rows that are trained, the losses of 20 steps, and what is written before and after.
 */
export function writtenBy(family: DecoderFamily) {
  const json = (name: string) => JSON.parse(readFileSync(join(fixtures, name), 'utf8'));
  const { rows } = json(`${family}.golden.json`) as { rows: { prompt: string; completion: string }[] };
  const found = json(`${family}.generated.json`) as { untrained: Written[]; trained: Written[]; losses: number[] };
  return { rows, ...found };
}
