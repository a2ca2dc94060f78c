// What an adapter is made of: the options of a run, and what a directory of PEFT says.

/** An adapter at chosen layers. */
export interface AdapterShape {
  /** With a magnitude for each output (DoRA); default LoRA alone. */
  dora: boolean;
  /** Rank of its matrices. */
  rank: number;
  alpha: number;
  /** Divide alpha by √rank and not by rank. */
  rslora: boolean;
}

/** As a run asks for it. */
export interface AdapterOptions extends AdapterShape {
  /** A directory in PEFT's form whose adapter is trained further; shape and layers are its own then. */
  from?: string | undefined;
  /** On what the adapter reads, while training. */
  dropout: number;
  /** Patterns over layers, or `all-linear`, or `default`: those of the family. */
  targets: readonly string[];
  /** Patterns of parameters that are trained as they are; default a head that is no language model's. */
  modulesToSave?: readonly string[] | undefined;
}

/** What the product of both matrices is multiplied by. */
export const scalingOf = ({ alpha, rank, rslora }: AdapterShape): number => alpha / (rslora ? Math.sqrt(rank) : rank);

/** The alpha of a layer of this rank and scaling. */
export const alphaOf = (scaling: number, rank: number, rslora: boolean): number =>
  scaling * (rslora ? Math.sqrt(rank) : rank);

const kinds = ['lora', 'dora'];

/** Whether the option `adapter` says what to make, and is no directory. */
export const isAdapterKind = (adapter: string): boolean => kinds.includes(adapter);

/** The options of a run that are of adapters. */
export interface AdapterFields {
  adapter?: string | undefined;
  loraRank?: number | undefined;
  loraAlpha?: number | undefined;
  rslora?: boolean | undefined;
  loraDropout?: number | undefined;
  loraTargets?: readonly string[] | undefined;
  modulesToSave?: readonly string[] | undefined;
}

/** What they come to; undefined: no adapter. */
export function adapterOf(fields: AdapterFields): AdapterOptions | undefined {
  const { adapter, loraRank: rank = 8, loraAlpha: alpha = 2 * rank, rslora = false } = fields;
  if (adapter === undefined) return undefined;
  const { loraDropout: dropout = 0, loraTargets: targets = ['default'], modulesToSave } = fields;
  const from = isAdapterKind(adapter) ? undefined : adapter;
  return { from, dora: adapter === 'dora', rank, alpha, rslora, dropout, targets, modulesToSave };
}
