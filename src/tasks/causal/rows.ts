// Samples as rows of tokens, of which some count: those of a text of the completion of a prompt, or of what an
// assistant says in a chat. What a row is made of does not depend on its batch.

import { type Slices, type TextSlice, textAt } from '../../data/columns.js';
import type { WholeText } from '../../data/tokenizer/encoded.js';
import { TokenizerEnded, type TokenizerProcess } from '../../data/tokenizer/process.js';
import type { Failed } from '../../data/tokenizer/protocol.js';

/** What the samples are. */
export type Form = 'text' | 'prompt' | 'chat';

export interface RowOptions {
  form: Form;
  /** Most tokens of a row. */
  maxLength: number;
  /** Which end of a row that is too long is kept. */
  keep: 'start' | 'end';
  /** Whether prompts count too. */
  wholeLoss: boolean;
  /** Rows are prompts to be gone on with. Default no. */
  open?: boolean;
}

export interface CausalRow {
  ids: number[];
  /** Whether each token is one that the model learns to write. The first never is: nothing stands before it. */
  counted: boolean[];
  /** UTF-8 bytes of the text of each token. */
  sizes: number[];
  /** Of the counted tokens. */
  bytes: number;
  /** Of each token its place in its sample, where the row is of several; a sample begins at 0. */
  places?: readonly number[];
  truncated: boolean;
}

/** Text whose tokens are made together, with the parts of it that count, from UTF-16 place to place. */
export interface Passage {
  text: string;
  /** Whether the tokenizer puts its special tokens around it. */
  special: boolean;
  counted: readonly (readonly [from: number, to: number])[];
  /** Whether it goes on: no end of text is put behind it. */
  open?: boolean;
  /** Text at its beginning whose tokens must be as those of it alone, as where a model goes on from it. */
  prompt?: string | undefined;
}

/**
 * Passages of samples: texts, prompts with their completions, or chats as the model's template makes them texts; where
 * rows are open, what is to be gone on with.
 * @param rows of the slices
 * @throws TokenizerEnded
 */
export async function passagesOf(
  process: TokenizerProcess,
  slices: Slices,
  rows: readonly number[],
  options: RowOptions,
): Promise<(Passage | Failed)[]> {
  const { form, wholeLoss, open = false } = options;
  const texts = rows.map((row) => textAt(slices.text as TextSlice, row));
  if (form === 'chat') {
    const chats = open ? texts.map(asChat) : texts;
    const rendered = await process.request({ kind: 'chats', texts: chats, prompts: open });
    return rendered.map((chat) => {
      if ('error' in chat) return chat;
      const { text, spoken } = chat;
      return { text, special: false, counted: wholeLoss ? [[0, text.length]] : spoken, ...(open && { open }) };
    });
  }
  if (open) return texts.map((text) => ({ text, special: true, counted: [], open }));
  if (form === 'text') return texts.map((text) => ({ text, special: true, counted: [[0, text.length]] }));
  return texts.map((prompt, i) => {
    const text = prompt + textAt(slices.pair as TextSlice, rows[i]!);
    return { text, special: true, counted: [[wholeLoss ? 0 : prompt.length, text.length]], prompt };
  });
}

/** A chat as data files have it, or of a text, which is what a user says. */
const asChat = (text: string): string =>
  text.startsWith('{"messages":[') ? text : JSON.stringify({ messages: [{ role: 'user', content: text }] });

/** Rows of samples, or why there is none. @param rows of the slices @throws TokenizerEnded */
export async function readRows(
  process: TokenizerProcess,
  slices: Slices,
  rows: readonly number[],
  options: RowOptions,
): Promise<(CausalRow | Failed)[]> {
  return rowsOf(process, await passagesOf(process, slices, rows, options), options);
}

/** Why a sample cannot be read. */
export const cannotRead = ({ form }: RowOptions, why: string): string =>
  `the ${form === 'chat' ? 'chat cannot be read' : 'text cannot be tokenised'}: ${why}`;

/** Rows of passages, or why there is none. @throws TokenizerEnded */
export async function rowsOf(
  process: TokenizerProcess,
  passages: readonly (Passage | Failed)[],
  options: RowOptions,
): Promise<(CausalRow | Failed)[]> {
  const { endId } = await process.facts();
  const whole = await tokensOf(process, passages, ({ text, special }) => ({ text, special }));
  const prompts = await tokensOf(process, passages, ({ prompt, special }) =>
    prompt === undefined ? undefined : { text: prompt, special },
  );
  const rests = await tokensOf(process, passages, ({ prompt, text }) =>
    prompt === undefined ? undefined : { text: text.slice(prompt.length), special: false },
  );
  return passages.map((passage, i) => {
    if ('error' in passage) return passage;
    const [all, prompt, rest] = [whole[i]!, prompts[i], rests[i]];
    for (const part of [all, prompt, rest]) if (part && 'error' in part) return part;
    const tokens = prompt
      ? joined(passage, all as WholeText, prompt as WholeText, rest as WholeText)
      : (all as WholeText);
    return cut(rowOf(passage, tokens, passage.open ? undefined : endId), options);
  });
}

/** Of each passage the tokens of what `textOf` says; undefined where that is nothing. */
async function tokensOf(
  process: TokenizerProcess,
  passages: readonly (Passage | Failed)[],
  textOf: (passage: Passage) => { text: string; special: boolean } | undefined,
): Promise<(WholeText | Failed | undefined)[]> {
  const found: (WholeText | Failed | undefined)[] = passages.map(() => undefined);
  const asked = passages.map((passage) => ('error' in passage ? undefined : textOf(passage)));
  for (const special of [true, false]) {
    const own = [...asked.keys()].filter((i) => asked[i]?.special === special);
    if (own.length === 0) continue;
    const texts = own.map((i) => asked[i]!.text);
    const some = await process.request({ kind: 'whole', texts, special }).catch((error) => {
      if (error instanceof TokenizerEnded && error.item !== undefined)
        throw new TokenizerEnded(error.message, own[error.item]);
      throw error;
    });
    for (const [k, i] of own.entries()) found[i] = some[k]!;
  }
  return found;
}

/**
 * The tokens of a prompt and its completion. Where the prompt's own are not the first of both together, the
 * completion's own follow them: a model is given the prompt by itself, and goes on from there.
 */
function joined({ prompt }: Passage, all: WholeText, before: WholeText, rest: WholeText): WholeText {
  const own = withoutEnd(before);
  const isPrefix = own.ids.every((id, i) => all.ids[i] === id);
  if (isPrefix && (all.places[2 * own.ids.length] ?? prompt!.length) >= prompt!.length) return all;
  const moved = rest.places.map((place) => place + prompt!.length);
  return { ids: [...own.ids, ...rest.ids], places: [...own.places, ...moved] };
}

/** Without special tokens that the tokenizer puts behind a text. */
function withoutEnd({ ids, places }: WholeText): WholeText {
  let count = ids.length;
  while (count > 0 && places[2 * count - 1] === 0) count--;
  // A text of nothing but special tokens keeps those before it.
  if (count === 0) return { ids, places };
  return { ids: ids.slice(0, count), places: places.slice(0, 2 * count) };
}

function rowOf({ text, counted: ranges }: Passage, { ids, places }: WholeText, end: number | undefined): CausalRow {
  const row = { ids: [...ids], counted: [] as boolean[], bytes: 0, truncated: false, sizes: [] as number[] };
  let seen = 0;
  for (let i = 0; i < ids.length; i++) {
    const [from, to] = [places[2 * i]!, places[2 * i + 1]!];
    const isPut = from === 0 && to === 0;
    row.counted.push(i > 0 && !isPut && ranges.some((range) => from >= range[0] && from < range[1]));
    // A character may be several tokens, all of which are at its place.
    row.sizes.push(isPut ? 0 : Buffer.byteLength(text.slice(seen, Math.max(seen, to))));
    seen = Math.max(seen, to);
  }
  // An empty text has no end to be learnt either.
  const last = ranges.at(-1);
  const ends = end !== undefined && last && last[0] < last[1] && last[1] === text.length;
  if (ends && row.ids.at(-1) === end) row.counted[row.ids.length - 1] = row.ids.length > 1;
  else if (ends) {
    row.ids.push(end);
    row.counted.push(true);
    row.sizes.push(0);
  }
  return row;
}

function cut(row: CausalRow, { maxLength, keep }: RowOptions): CausalRow {
  const { ids, counted, sizes } = row;
  const beyond = ids.length - maxLength;
  const [from, to] = beyond <= 0 ? [0, ids.length] : keep === 'start' ? [0, maxLength] : [beyond, ids.length];
  const kept = counted.slice(from, to);
  if (kept.length > 0) kept[0] = false;
  const own = sizes.slice(from, to);
  const bytes = own.reduce((sum, size, i) => sum + (kept[i] ? size : 0), 0);
  return { ids: ids.slice(from, to), counted: kept, sizes: own, bytes, truncated: beyond > 0 };
}
