// JSON with its whole numbers as they are written: JSON.parse makes doubles of them, of which there is one for several
// numbers beyond 2^53, so that classes with such ids would become one. A text without 16 digits in a row is parsed as
// it is.

const longDigits = /\d{16}/;
const textOrNumber = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
/** What a number is marked with on its way through JSON.parse. */
const mark = '\u0001exactly ';

/** As JSON.parse, but that whole numbers which a double does not hold are BigInts. @throws SyntaxError */
export function parseJson(text: string): unknown {
  if (!longDigits.test(text)) return JSON.parse(text);
  const exact = text.replace(textOrNumber, (token) =>
    /^-?\d{16,}$/.test(token) && !Number.isSafeInteger(Number(token)) ? JSON.stringify(mark + token) : token,
  );
  return JSON.parse(exact, (_, value) => {
    const isMarked = typeof value === 'string' && value.startsWith(mark) && /^-?\d+$/.test(value.slice(mark.length));
    return isMarked ? BigInt(value.slice(mark.length)) : value;
  });
}
