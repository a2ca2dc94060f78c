// How deep a parameter lies: 0 for what comes before the first layer, one more with every layer, and the head on top.
// Layers show in the indices of readable names (encoder.layer.3.…, stages.1.blocks.0.…, features.4.…), which say what
// belongs together; which comes first is taken from the graph, and so is the place of what is in no layer. For networks
// of timm this gives the layers of its `group_parameters`; ELECTRA's (Clark et al., 2020) differ by one more step below
// the head.

import type { Graph } from '../onnx/graph.js';

/** A parameter as layers are told from. */
interface Placed {
  name: string;
  alias: string;
  head: boolean;
}

/** Words that layers stand behind. A number may follow at once (layer1.0), and a second one behind the first. */
const counted =
  /^(?:.*?[._])??(?:(?:layers?|h|blocks?|stages?|features|levels?)\.\d+|(?:layer|block|stage|denseblock)\d+)(?=\.)/;
/** Layers within a stage; a single operator (features.0.1.weight) is none. */
const within = /^\.(?:(?:layers|blocks)\.)?\d+(?=\.[^.]+\.)/;
/** Modules beside the head's own weights, such as a normalisation before them. */
const besideHead = /^(?:heads?|classifier)\./;

/** In a path of TorchScript each module has the name of those around it: features.features.1.features.1.0.attn. */
const repeated = /(^|\.)([^.\d][^.]*(?:\.\d+)*)\.(?=\2\.)/;

function plain(alias: string): string {
  let name = alias.replaceAll('/', '.');
  for (let before = ''; before !== name; ) {
    before = name;
    name = name.replace(repeated, '$1');
  }
  return name;
}

/** What a name shows, outermost first: its stage and its layer, or one of them. */
function stacked(alias: string): string[] {
  const name = plain(alias);
  const [outer] = counted.exec(name) ?? [];
  if (outer === undefined) return [];
  const [inner] = within.exec(name.slice(outer.length)) ?? [];
  return inner === undefined ? [outer] : [outer, outer + inner];
}

/** Layer, and where the first of its weights is used. */
type Starts = readonly (readonly [layer: string, place: number])[];

/** The last that begins before a place, or the first of all. */
const layerAt = (starts: Starts, place: number): string | undefined =>
  (starts.findLast(([, start]) => start <= place) ?? starts[0])?.[0];

/** The depth of every parameter by its name; undefined where no names show layers. */
export function depthsOf(graph: Graph, parameters: readonly Placed[]): Map<string, number> | undefined {
  const places = new Map<string, number>();
  for (const [place, { inputs }] of graph.nodes.entries())
    for (const input of inputs) if (!places.has(input)) places.set(input, place);
  const inHead = ({ alias, head }: Placed): boolean => head || besideHead.test(plain(alias));
  const trunk = parameters
    .filter((parameter) => !inHead(parameter))
    .map(({ name, alias }) => ({ name, stack: stacked(alias), place: places.get(name) ?? 0 }));
  const stages = new Set(trunk.flatMap(({ stack }) => (stack.length === 2 ? [stack[0]!] : [])));
  const first = new Map<string, number>();
  for (const { stack, place } of trunk) {
    const layer = stack.at(-1);
    if (layer === undefined || stages.has(layer)) continue;
    first.set(layer, Math.min(first.get(layer) ?? place, place));
  }
  if (first.size === 0) return undefined;
  const starts = [...first].sort(([, a], [, b]) => a - b);
  const order = new Map(starts.map(([layer], i) => [layer, i + 1]));
  const depthOf = ({ stack, place }: (typeof trunk)[number]): number => {
    const layer = stack.at(-1);
    if (layer !== undefined && order.has(layer)) return order.get(layer)!;
    if (layer === undefined && place < starts[0]![1]) return 0;
    // Of a stage, but of none of its layers; or between layers, as a last normalisation and a pooler.
    const among = layer === undefined ? starts : starts.filter(([name]) => name.startsWith(`${layer}.`));
    return order.get(layerAt(among, place)!)!;
  };
  const depths = new Map(trunk.map((parameter) => [parameter.name, depthOf(parameter)]));
  for (const parameter of parameters) if (inHead(parameter)) depths.set(parameter.name, starts.length + 1);
  return depths;
}
