// An interpolated Kneser-Ney model of five tokens: the plain baseline of a language model, over the same tokens.
// Source: Kneser and Ney, Improved Backing-Off for M-gram Language Modeling (1995); Chen and Goodman (1999),
// interpolated.

const order = 5;
const gram = (ids, from, to) => String.fromCharCode(...ids.slice(from, to));

/** How often each context occurs, and with how many different next tokens; one discount for each length. */
function contextsOf(counts) {
  const contexts = new Map();
  const rare = [0, 0, 0];
  for (const [key, count] of counts) {
    const context = key.slice(0, -1);
    const known = contexts.get(context);
    if (known) {
      known.sum += count;
      known.types++;
    } else contexts.set(context, { sum: count, types: 1 });
    if (count <= 2) rare[count]++;
  }
  return { counts, contexts, discount: rare[1] / (rare[1] + 2 * rare[2]) };
}

/**
 * @param {readonly number[][]} texts token ids below 65,536, each text closed by its end
 * @param {number} vocabulary
 * @param {number} end the token that closes a text, and stands before it
 * @returns {(text: readonly number[]) => number} nats of a text's tokens
 */
export function tokenGrams(texts, vocabulary, end) {
  const padded = (text) => [...Array(order - 1).fill(end), ...text];
  let counts = new Map();
  for (const text of texts.map(padded))
    for (let at = order; at <= text.length; at++) {
      const key = gram(text, at - order, at);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  const levels = [contextsOf(counts)];
  // Shorter ones count in how many different places they stand.
  for (let length = order - 1; length >= 1; length--) {
    const shorter = new Map();
    for (const key of counts.keys()) shorter.set(key.slice(1), (shorter.get(key.slice(1)) ?? 0) + 1);
    counts = shorter;
    levels.unshift(contextsOf(counts));
  }
  const chance = (text, at) => {
    let p = 1 / vocabulary;
    for (const [k, { counts, contexts, discount }] of levels.entries()) {
      const known = contexts.get(gram(text, at - k, at));
      if (!known) break;
      const count = counts.get(gram(text, at - k, at + 1)) ?? 0;
      p = (Math.max(count - discount, 0) + discount * known.types * p) / known.sum;
    }
    return p;
  };
  return (text) => {
    const all = padded(text);
    let nats = 0;
    for (let at = order - 1; at < all.length; at++) nats -= Math.log(chance(all, at));
    return nats;
  };
}
