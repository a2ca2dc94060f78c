// What is measured of a masked language model, from sums and counts that grow batch by batch: no logits are kept.

/** What a model says of one batch. Sums are over the batch, each term times its weight. */
export interface MaskedScores {
  /** Σ weight · cross-entropy over the masked places, in nats. */
  loss: number;
  /** The likeliest token of each place. */
  predictions: ArrayLike<number | bigint>;
  /** The same of whole texts, by a head of their own. */
  texts?: { loss: number; predictions: ArrayLike<number | bigint> } | undefined;
}

/** What was to be found: the right answers, and their weights (0 for places that only fill up). */
export interface MaskedTargets {
  labels: ArrayLike<number | bigint>;
  weights: ArrayLike<number>;
  texts?: { labels: ArrayLike<number | bigint>; weights: ArrayLike<number> } | undefined;
}

export interface MaskedLmResult {
  samples: number;
  /** Masked places. */
  masked: number;
  /** Mean cross-entropy over the masked places, in nats. */
  loss: number;
  /** exp(loss): among so many equally likely tokens the model chooses, as it were. */
  perplexity: number;
  /** Share of the masked places whose token is the likeliest. */
  accuracy: number;
  /** With next sentences. */
  nextSentence?: { loss: number; accuracy: number };
}

/** Of one kind of answer. */
class Tally {
  loss = 0;
  hits = 0;
  count = 0;
  #weight = 0;

  add(
    loss: number,
    predictions: ArrayLike<number | bigint>,
    labels: ArrayLike<number | bigint>,
    weights: ArrayLike<number>,
  ): void {
    this.loss += loss;
    for (let i = 0; i < labels.length; i++) {
      if (weights[i] === 0) continue;
      this.#weight += weights[i]!;
      this.count++;
      if (Number(predictions[i]) === Number(labels[i])) this.hits++;
    }
  }

  get means(): { loss: number; accuracy: number } {
    return { loss: ratio(this.loss, this.#weight), accuracy: ratio(this.hits, this.count) };
  }
}

const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

export class MaskedLmMetrics {
  #samples = 0;
  #masked = new Tally();
  #texts = new Tally();

  /** Adds a batch of `samples` rows. */
  add(samples: number, { loss, predictions, texts }: MaskedScores, targets: MaskedTargets): void {
    this.#samples += samples;
    this.#masked.add(loss, predictions, targets.labels, targets.weights);
    if (texts && targets.texts)
      this.#texts.add(texts.loss, texts.predictions, targets.texts.labels, targets.texts.weights);
  }

  /** Of whole texts; undefined where there were none. */
  get texts(): { loss: number; accuracy: number } | undefined {
    return this.#texts.count > 0 ? this.#texts.means : undefined;
  }

  result(): Omit<MaskedLmResult, 'nextSentence'> {
    const { loss, accuracy } = this.#masked.means;
    return {
      samples: this.#samples,
      masked: this.#masked.count,
      loss,
      perplexity: Math.exp(loss),
      accuracy,
    };
  }
}
