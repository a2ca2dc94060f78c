// What is measured of a language model that writes token after token, from sums and counts that grow batch by batch.

/** What a model says of one batch. */
export interface TokenScores {
  /** Σ weight · cross-entropy over the counted tokens, in nats. */
  loss: number;
  /** The likeliest token of each place. */
  predictions: ArrayLike<number | bigint>;
}

export interface TokenTargets {
  labels: ArrayLike<number | bigint>;
  /** 0 of places that only fill up. */
  weights: ArrayLike<number>;
  /** UTF-8 bytes of the text that a row's counted tokens stand for, times the row's weight. */
  bytes: ArrayLike<number>;
}

export interface LanguageModelResult {
  /** Rows: texts, or blocks of them. */
  samples: number;
  /** Tokens that count. */
  tokens: number;
  /** Mean cross-entropy over the counted tokens, in nats. */
  loss: number;
  /** exp(loss). */
  perplexity: number;
  /** Share of the counted tokens that are the likeliest at their place. */
  accuracy: number;
  /** Cross-entropy in bits for each byte of the text, which compares models of different tokenizers. */
  bitsPerByte: number;
}

const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

export class LanguageModelMetrics {
  #samples = 0;
  #tokens = 0;
  #hits = 0;
  #loss = 0;
  #weight = 0;
  #bytes = 0;

  /** Adds a batch of `samples` rows. */
  add(samples: number, { loss, predictions }: TokenScores, { labels, weights, bytes }: TokenTargets): void {
    this.#samples += samples;
    this.#loss += loss;
    for (let i = 0; i < labels.length; i++) {
      if (weights[i] === 0) continue;
      this.#weight += weights[i]!;
      this.#tokens++;
      if (Number(predictions[i]) === Number(labels[i])) this.#hits++;
    }
    for (let row = 0; row < samples; row++) this.#bytes += bytes[row]!;
  }

  result(): LanguageModelResult {
    const loss = ratio(this.#loss, this.#weight);
    return {
      samples: this.#samples,
      tokens: this.#tokens,
      loss,
      perplexity: Math.exp(loss),
      accuracy: ratio(this.#hits, this.#tokens),
      bitsPerByte: ratio(this.#loss, this.#bytes * Math.LN2),
    };
  }
}
