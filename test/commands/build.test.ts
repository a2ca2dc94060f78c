// ortune build: directories with a model that has learnt nothing and a tokenizer of the texts.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { buildModel } from '#ortune/commands/build.js';
import { buildSchema } from '#ortune/config/build-schema.js';
import { parseOptions } from '#ortune/config/options.js';
import { openModel, toGraph } from '#ortune/onnx/load.js';
import { ortune } from '../support/command.js';
import { temporaryDirectory } from '../support/temporary.js';

const directory = temporaryDirectory('build');
const path = (name: string): string => join(directory, name);
const json = (name: string, file: string) => JSON.parse(readFileSync(join(path(name), file), 'utf8'));
const texts = ['the quick brown fox jumps over the lazy dog', 'the slow brown bear sleeps under the old tree'];
const small = { layers: 1, hidden: 32, heads: 2, positions: 32, vocabularySize: 300 };
const build = (options: object) =>
  buildModel(parseOptions(buildSchema, { train: 'texts.txt', ...small, ...options }), [
    ...texts,
    { text: 'a bird', pair: 'ein Vogel' },
  ]);

it('is a command that reads texts and writes a directory', async () => {
  writeFileSync(path('texts.jsonl'), texts.map((text) => `${JSON.stringify({ text })}\n`).join(''));
  const sizes = [
    '--layers',
    '2',
    '--hidden',
    '32',
    '--heads',
    '4',
    '--key-value-heads',
    '2',
    '--vocabulary-size',
    '300',
  ];
  const run = ['build', path('llama'), '--architecture', 'llama', '--train', path('texts.jsonl'), ...sizes, '--json'];
  const { code, json: made, stderr } = await ortune(run);
  expect(code, stderr).toBe(0);
  const vocabulary = json('llama', 'config.json').vocab_size;
  expect(made).toEqual({ output: path('llama'), texts: 2, vocabulary });
  expect(json('llama', 'config.json')).toMatchObject({ num_hidden_layers: 2, num_key_value_heads: 2, eos_token_id: 0 });
  expect(json('llama', 'tokenizer_config.json')).toMatchObject({ eos_token: '<|endoftext|>', model_max_length: 512 });
});

it('writes both files of an encoder with a decoder, of both columns', () => {
  const made = build({ architecture: 't5', output: path('t5') });
  expect(made).toMatchObject({ texts: 4 });
  for (const file of ['encoder_model', 'decoder_model_merged'])
    expect(toGraph(openModel(join(path('t5'), 'onnx', `${file}.onnx`))).outputs.length).toBeGreaterThan(0);
  expect(json('t5', 'config.json')).toMatchObject({ decoder_start_token_id: 0, pad_token_id: 0, eos_token_id: 1 });
  expect(json('t5', 'tokenizer.json').post_processor.type).toBe('TemplateProcessing');
});

it('writes an encoder that fills masks, with WordPiece', () => {
  build({ architecture: 'bert', output: path('bert') });
  expect(json('bert', 'config.json')).toMatchObject({ architectures: ['BertForMaskedLM'], hidden_size: 32 });
  expect(json('bert', 'tokenizer.json').model.type).toBe('WordPiece');
});

it.each([
  [{ architecture: 'bert', keyValueHeads: 1 }, /option 'keyValueHeads' is of other families than bert/],
  [{ architecture: 'bert', tiedEmbeddings: false }, /'tiedEmbeddings' must be true for bert/],
  [{ architecture: 'gpt2', vocabularySize: 100 }, /'vocabulary' must be a whole number of at least 257/],
  [{ architecture: 'llama', heads: 5 }, /'heads' must divide 'hidden'/],
  [{ architecture: 'mamba' }, /architecture/],
])('refuses what makes no model: %o', (options, message) => {
  expect(() => build({ ...options, output: path('none') })).toThrow(message);
});

it('leaves a directory alone that holds something', () => {
  expect(() => build({ architecture: 'gpt2', output: directory })).toThrow(/holds something already: give another/);
});
