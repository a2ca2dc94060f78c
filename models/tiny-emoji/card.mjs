// The card of tiny-emoji, README.md: what it is, what it was made from and under which terms, how to make it again, and
// its figures, which come from the run.

const whole = (n) => Math.round(n).toLocaleString('en-US');
const percent = (x) => `${(100 * x).toFixed(1)} %`;

/** README.md from what provenance.json holds. */
export function card({ madeBy, command, packages, pictures, classes, network, training, figures }) {
  const [{ name, version }] = packages;
  const widths = network.depths.map((_, stage) => network.width * 2 ** stage).join(', ');
  return `# tiny-emoji

A small residual network to start from where there are few pictures: stages of ${network.depths.join(', ')} blocks, ${widths} channels wide, for
pictures of ${training.imageSize} x ${training.imageSize} pixels. It was pre-trained from nothing by ${madeBy} to tell ${whole(pictures)} drawings of
emoji by one vendor (Google's Noto) apart by the ${classes} sub-categories of Unicode's list, such as animal-mammal and food-sweet.

It knows drawings on white and nothing else: it is for tests, examples and as a start for classifiers of icons and simple drawings.

## Figures

| | |
| --- | --- |
| steps | ${whole(figures.steps)} of ${training.batchSize} pictures |
| held-out pictures | ${figures.heldOut} |
| of these rightly classified | ${percent(figures.accuracy)}; among the first five ${percent(figures.top5Accuracy)} |

The held-out pictures are other emoji of the same vendor. The course of the loss is in \`loss-curve.csv\`; versions, options, counts and
hashes are in \`provenance.json\`.

\`npm run quickstart:images\` takes it to another vendor's drawings, of which it has seen none. They are drawings of the same emoji in
another style, so what the quickstart shows is the gain of pre-training on the same things drawn differently.

## Licences

The weights are under the project's licence, Apache-2.0, as far as they are the project's to license. They were learnt from the pictures
of Google's Noto Emoji in \`${name}\` ${version}, which are under the Apache License 2.0; the list of names and categories in that package is
under the MIT licence. No picture is reproduced here.

## Make it again

\`\`\`sh
npm ci && npm run build
${command}
\`\`\`

The result depends on the number of threads and on the kind of processor in the last bits of each sum; on the same ones it is the
same file.
`;
}
