// Rows of a causal language model: which tokens count, where texts end, what is cut, and how many bytes tokens are.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { samplesOf, textTable } from '#ortune/data/samples.js';
import { TokenizerProcess } from '#ortune/data/tokenizer/process.js';
import { inBlocks } from '#ortune/tasks/causal/blocks.js';
import { madeRow } from '#ortune/tasks/causal/row-table.js';
import { type RowOptions, readRows } from '#ortune/tasks/causal/rows.js';
import { surveyRows } from '#ortune/tasks/causal/survey.js';
import { writeDecoder } from '../support/decoders.js';
import { temporaryDirectory } from '../support/temporary.js';

const encoding = { directory: writeDecoder(temporaryDirectory('rows'), 'gpt2'), maxLength: 64 };
const tokenizer = new TokenizerProcess(encoding, { background: false });
afterAll(() => tokenizer.close());
const end = 0;

async function rowOf(text: string, pair: string | undefined, more: Partial<RowOptions> = {}) {
  const options: RowOptions = {
    form: pair === undefined ? 'text' : 'prompt',
    maxLength: 64,
    keep: 'start',
    wholeLoss: false,
    ...more,
  };
  const { columns } = textTable([{ text, pair }]);
  const [row] = await readRows(tokenizer, columns, [0], options);
  if (!row || 'error' in row) throw new Error(row?.error);
  return row;
}
const idsOf = async (text: string): Promise<number[]> => {
  const [found] = await tokenizer.request({ kind: 'whole', texts: [text], special: true });
  return (found as { ids: number[] }).ids;
};
const numbers = (counted: readonly boolean[]) => counted.map(Number).join('');

describe('a text', () => {
  it('is learnt from its second token on, with its end', async () => {
    const text = 'the quick brown fox';
    const row = await rowOf(text, undefined);
    const ids = await idsOf(text);
    expect(row.ids).toEqual([...ids, end]);
    expect(numbers(row.counted)).toBe(`0${'1'.repeat(ids.length)}`);
  });

  it('does not end twice', async () => {
    const row = await rowOf('a dog<|endoftext|>', undefined);
    expect(row.ids.filter((id) => id === end)).toHaveLength(1);
    expect(row.counted.at(-1)).toBe(true);
  });

  it('has the bytes of what counts, of letters that are several tokens once', async () => {
    const text = 'x ü🎈 ox';
    const row = await rowOf(text, undefined);
    expect(row.ids.length).toBeGreaterThan(6);
    expect(row.bytes).toBe(Buffer.byteLength(text) - 1);
  });

  it('has no token that counts where it is empty', async () => {
    expect((await rowOf('', undefined)).counted).not.toContain(true);
    expect((await rowOf('a dog', '')).counted).not.toContain(true);
  });
});

describe('a prompt with its completion', () => {
  it('is learnt from the completion on', async () => {
    const [prompt, completion] = ['what is the colour of the sky?', ' it is blue'];
    const row = await rowOf(prompt, completion);
    const before = await idsOf(prompt);
    expect(row.ids.slice(0, before.length)).toEqual(before);
    expect(numbers(row.counted)).toBe('0'.repeat(before.length) + '1'.repeat(row.ids.length - before.length));
    expect(row.bytes).toBe(completion.length);
    const whole = await rowOf(prompt, completion, { wholeLoss: true });
    expect(numbers(whole.counted)).toBe(`0${'1'.repeat(row.ids.length - 1)}`);
  });

  it('keeps the tokens of the prompt where both together would have others', async () => {
    const [prompt, completion] = ['the qui', 'ck brown'];
    const together = await idsOf(prompt + completion);
    const before = await idsOf(prompt);
    expect(together.slice(0, before.length)).not.toEqual(before);
    const row = await rowOf(prompt, completion);
    expect(row.ids).toEqual([...before, ...(await idsOf(completion)), end]);
    expect(row.bytes).toBe(completion.length);
  });

  it('is cut at the end that is said', async () => {
    const [prompt, completion] = ['how many legs has a dog?', ' a dog has four legs'];
    const { ids } = await rowOf(prompt, completion);
    const start = await rowOf(prompt, completion, { maxLength: 8 });
    expect(start).toMatchObject({ ids: ids.slice(0, 8), truncated: true });
    const last = await rowOf(prompt, completion, { maxLength: 8, keep: 'end' });
    expect(last).toMatchObject({ ids: ids.slice(-8), truncated: true });
    expect(last.counted[0]).toBe(false);
  });

  it('goes on without an end where it is to be written', async () => {
    const row = await rowOf('the quick', undefined, { open: true });
    expect(row.ids).toEqual(await idsOf('the quick'));
  });
});

describe('blocks', () => {
  const texts = ['the quick brown fox', 'a small bird sings – ja 🎈', '', 'a dog'];
  const rows: RowOptions = { form: 'text', maxLength: 16, keep: 'start', wholeLoss: false };

  it('have all tokens of all texts, each text with its end, and the bytes of what is learnt', async () => {
    const [table] = await inBlocks({ ...encoding, rows }, [textTable(texts)]);
    const all: number[] = [];
    for (const text of texts) if (text !== '') all.push(...(await idsOf(text)), end);
    const members = Uint32Array.from({ length: table!.count }, (_, i) => i);
    const { slices, location } = samplesOf(table!, members, { index: 0 });
    const blocks = [...members].map((row) => madeRow(slices, row));
    expect(blocks.flatMap(({ ids }) => ids)).toEqual(all);
    expect(blocks.map(({ ids }) => ids.length)).toEqual([16, 16, all.length - 32]);
    expect(blocks.every(({ counted }) => !counted[0] && counted.slice(1).every(Boolean))).toBe(true);
    const learnt = blocks.reduce((sum, { bytes }) => sum + bytes, 0);
    const written = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    expect(written - learnt).toBeGreaterThan(0);
    expect(written - learnt).toBeLessThan(12);
    expect(location(0)).toBe('text:1');
    expect(location(2)).toBe('text:2');
  });

  it('are none where no text has two tokens', async () => {
    await expect(inBlocks({ ...encoding, rows }, [textTable([''])])).rejects.toThrow(/no two tokens/);
  });
});

describe('a survey before training', () => {
  const prompts = [
    { text: 'the quick', pair: ' brown fox' },
    { text: 'what is the colour of the sky? '.repeat(4), pair: ' blue' },
    { text: 'a dog', pair: '' },
  ];
  const rows: RowOptions = { form: 'prompt', maxLength: 32, keep: 'start', wholeLoss: false };

  it('leaves out samples of which no token counts, and says what is cut', async () => {
    const { kept, notes } = await surveyRows({ ...encoding, rows }, [textTable(prompts)]);
    expect(kept).toEqual([Uint32Array.of(1, 0, 0)]);
    expect(notes).toEqual([
      'text: 1 of 3 samples are longer than 32 tokens and are cut at their end',
      'text: 2 of 3 samples have no token that counts and are left out, the first at text:2: what is cut off is all of ' +
        'their completions. Raise maxLength, or set truncationSide left',
    ]);
    const fromEnd = await surveyRows({ ...encoding, rows: { ...rows, keep: 'end' } }, [textTable(prompts)]);
    expect(fromEnd.kept).toEqual([Uint32Array.of(1, 1, 0)]);
  });

  const user = JSON.stringify({ messages: [{ role: 'user', content: 'Hello' }] });
  it.each([
    ['text', [''], {}, 'none of its texts', 'Texts of one token or none teach nothing'],
    ['prompt', [prompts[2]!], {}, 'none of its samples', 'Their completions are empty'],
    ['chat', [user], {}, 'none of its samples', 'In none of the chats the assistant says anything'],
    [
      'prompt',
      [prompts[1]!, prompts[2]!],
      {},
      'none of its samples',
      '1 of them are longer than 32 tokens and lose at their end all that would count: raise maxLength, or set truncationSide left',
    ],
    [
      'prompt',
      [{ text: 'a', pair: ' fox'.repeat(60) }],
      { maxLength: 1, keep: 'end' },
      'none of its samples',
      '1 of them are longer than 1 tokens and lose at their beginning all that would count: raise maxLength',
    ],
  ] as const)('refuses data of form %s in which no token counts, and says why', async (form, data, more, none, why) => {
    const read = surveyRows({ ...encoding, rows: { ...rows, form, ...more } }, [textTable([...data])]);
    await expect(read).rejects.toThrow(
      `text: ${none} has a token that counts, so there is nothing to learn; the first of ${data.length} is at text:1. ${why}`,
    );
  });

  it('refuses chats that the template refuses, with the place', async () => {
    const chats = textTable([JSON.stringify({ messages: [{ role: 'user', content: 'Hello' }] })]);
    const withTemplate = async (template: string | undefined): Promise<unknown> => {
      const directory = writeDecoder(temporaryDirectory('template'), 'gpt2');
      const file = join(directory, 'tokenizer_config.json');
      const config = JSON.parse(readFileSync(file, 'utf8'));
      writeFileSync(file, JSON.stringify({ ...config, chat_template: template }));
      return surveyRows({ directory, maxLength: 64, rows: { ...rows, form: 'chat' } }, [chats]);
    };
    await expect(withTemplate("{{ raise_exception('no such role') }}")).rejects.toThrow(
      /text:1: the chat cannot be read: the model's chat template fails: no such role/,
    );
    await expect(withTemplate(undefined)).rejects.toThrow(/cannot be used: it names no chat template/);
  });
});
