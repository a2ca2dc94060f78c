// Where the exported graphs of the tests lie.

import { join } from 'node:path';

export const families = ['bert', 'distilbert', 'roberta', 'albert', 'electra', 'mpnet'] as const;
export const exporters = ['torchscript', 'dynamo'] as const;
export type Family = (typeof families)[number];
export type Exporter = (typeof exporters)[number];

export const encoders = families.flatMap((family) =>
  exporters.map((exporter): [Family, Exporter] => [family, exporter]),
);

/** `encoders`: with a head for three classes; `headless`: as AutoModel exports them. */
export const fixture = (kind: 'encoders' | 'headless', family: Family, exporter: Exporter): string =>
  join(import.meta.dirname, '../fixtures', kind, `${family}-${exporter}.onnx`);
