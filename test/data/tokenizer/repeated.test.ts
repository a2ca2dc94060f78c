import { expect, test } from 'vitest';
import { RepeatedTexts } from '#ortune/data/tokenizer/repeated.js';

const long = (letter: string, length = 5000) => [letter.repeat(length), ''] as const;
const raise = (error: unknown): never => {
  throw error;
};

/** Asks for each text's first letter; `asked` has how many texts each call had. */
function letters() {
  const asked: number[] = [];
  const repeated = new RepeatedTexts();
  const each = (texts: (readonly [string, string])[]) =>
    repeated.each(
      texts,
      async (some) => {
        asked.push(some.length);
        return some.map(([text]) => ({ ids: [text.charCodeAt(0)], types: [0], truncated: true }));
      },
      raise,
    );
  const ids = async (texts: (readonly [string, string])[]) =>
    (await each(texts)).map((one) => String.fromCharCode('ids' in one ? one.ids[0]! : 0)).join('');
  return { asked, ids };
}

test('a long text is tokenised once, and everything comes in the order of the texts', async () => {
  const { asked, ids } = letters();
  expect(await ids([long('a'), ['x', ''], long('b'), long('a'), ['x', ''], long('a', 6000)])).toBe('axbaxa');
  expect(await ids([long('b'), long('c'), long('b'), ['y', '']])).toBe('bcby');
  expect(asked).toEqual([5, 2]);
});

test('a pair is another text than its parts', async () => {
  const { asked, ids } = letters();
  const half = 'a'.repeat(5000);
  await ids([
    [half, 'b'],
    [half, ''],
    [half, 'b'],
    ['a', half],
    [half, '\0'],
    [`${half}\0`, ''],
  ]);
  expect(asked).toEqual([5]);
});

test('the results of the last four million characters are kept', async () => {
  const { asked, ids } = letters();
  const large = (letter: string) => long(letter, 2 ** 21);
  expect(await ids([large('a'), large('b'), large('a')])).toBe('aba');
  expect(await ids([large('b'), large('a')])).toBe('ba');
  expect(asked).toEqual([2, 1]);
});

test('what fails names its place among all texts', async () => {
  const places: number[] = [];
  const failing = new RepeatedTexts().each(
    [long('a'), long('a'), long('b')],
    () => Promise.reject(new Error('text 1')),
    (error, place) => {
      places.push(place(0), place(1));
      throw error;
    },
  );
  await expect(failing).rejects.toThrow('text 1');
  expect(places).toEqual([0, 2]);
});
