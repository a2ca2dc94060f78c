// What a user can get wrong with a model that writes, from the command line: an exit code and a message with the place.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ortune } from '../support/command.js';
import { writeDecoder } from '../support/decoders.js';
import { temporaryDirectory } from '../support/temporary.js';

const directory = temporaryDirectory('causal-input');
const path = (name: string): string => join(directory, name);
const llama = writeDecoder(path('llama'), 'llama');
let count = 0;
function write(...rows: object[]): string {
  const file = path(`rows${count++}.jsonl`);
  writeFileSync(file, rows.map((row) => JSON.stringify(row)).join('\n'));
  return file;
}

/** The model with another chat template; undefined: with none. */
function withTemplate(template: string | undefined): string {
  const model = writeDecoder(path(`model${count++}`), 'llama');
  const file = join(model, 'tokenizer_config.json');
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), chat_template: template }));
  return model;
}

const chat = (role: string) => ({
  messages: [
    { role, content: 'the quick' },
    { role: 'assistant', content: 'brown fox' },
  ],
});
const strict =
  "{% for m in messages %}{% if m['role'] not in ['user', 'assistant'] %}{{ raise_exception('Only user and assistant roles!') }}" +
  "{% endif %}{{ m['content'] }}{% endfor %}";

describe('chats', () => {
  it.each([
    [
      'a role that the template refuses',
      strict,
      [chat('user'), chat('critic')],
      /:2: .*fails: Only user and assistant/,
    ],
    ['a template that is none', '{% for m in', [chat('user')], /its chat template cannot be parsed/],
    ['a chat of nothing', strict, [{ messages: [] }], /:1: column 'messages' must be a list of .* found an empty list/],
    [
      'a message of nothing',
      strict,
      [{ messages: [{ role: 'user' }] }],
      /:1: message 1 must have a text .* found none/,
    ],
  ] as const)('%s', async (_, template, rows, message) => {
    const model = withTemplate(template);
    const { code, stderr } = await ortune([
      ...['train', '--task', 'causal-lm', '--model', model, '--train', write(...rows)],
      ...['--messages-column', 'messages', '--threads', '1', '--output', path(`out${count++}`)],
    ]);
    expect(stderr).toMatch(message);
    expect(code).toBe(1);
  });
});

describe('predict', () => {
  it('goes on with the prompts of a file, and says how many were cut', async () => {
    const file = write({ prompt: 'the quick' }, { prompt: 'what is the colour of the sky? '.repeat(30) });
    const { code, stdout, stderr } = await ortune([
      ...['predict', llama, file, '--task', 'causal-lm', '--prompt-column', 'prompt'],
      ...['--max-new-tokens', '4', '--threads', '1'],
    ]);
    expect(stderr).toContain('1 of 2 texts were longer than the model reads and were cut');
    expect(stdout.trim().split('\n')).toHaveLength(2);
    expect(code).toBe(0);
  });

  it('refuses a model without a chat template where chats are given', async () => {
    const { code, stderr } = await ortune([
      ...['predict', withTemplate(undefined), 'Hello', '--task', 'causal-lm', '--messages-column', 'messages'],
      ...['--max-new-tokens', '4', '--threads', '1'],
    ]);
    expect(stderr).toMatch(/^ortune: the tokenizer of .* cannot be used: it names no chat template/);
    expect(code).toBe(1);
  });
});
