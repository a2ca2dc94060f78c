// The values that training starts from, in one arena: parameters as the file has them, or drawn, and running averages.

import type { Graph } from '../onnx/graph.js';
import { Arena } from '../runtime/arena.js';
import type { Statistic } from '../transfer/batch-norm.js';
import { depthsOf } from '../transfer/depth.js';
import { type DrawOptions, drawParameters, resetStatistics } from '../transfer/init.js';
import type { Parameter, ParameterChoice } from '../transfer/parameters.js';
import { unitAxis } from '../transfer/units.js';
import type { OpenedModel, ParameterInfo, StatisticInfo } from './protocol.js';
import { inArena } from './refusals.js';

/**
 * The arena with the value of every float32 parameter, trained and frozen ones alike, and of the statistics that are
 * not as the file has them or will not stay so; the graph's, or drawn ones.
 */
export function loadParameters(
  graph: Graph,
  choice: ParameterChoice,
  { updated, kept }: Record<'updated' | 'kept', readonly Statistic[]>,
  drawn: DrawOptions | undefined,
): Pick<OpenedModel, 'parameters' | 'statistics' | 'arena'> {
  const trainable = new Set<Parameter>(choice.trainable);
  const chosen = [...choice.trainable, ...choice.frozen].filter(inArena);
  const measured = drawn ? [...updated, ...kept] : updated;
  const arena = Arena.create(Arena.layout([...chosen, ...measured]));
  const arrayOf = (name: string): Float32Array => arena.array(name);
  if (drawn) {
    drawParameters(chosen, drawn, arrayOf);
    resetStatistics(measured, arrayOf);
  } else
    for (const { name } of [...chosen, ...measured])
      arena.array(name).set(graph.initializers.get(name)!.data() as Float32Array);
  const consumers = graph.consumers();
  const depths = depthsOf(graph, chosen);
  const parameters = chosen.map((parameter, i): ParameterInfo => {
    const { name, alias, head } = parameter;
    const axis = unitAxis(graph, consumers, name);
    const depth = depths?.get(name);
    return { ...arena.entries[i]!, alias, head, depth, trainable: trainable.has(parameter), unitAxis: axis };
  });
  const statistics = measured.map(({ kind }, i): StatisticInfo => {
    return { ...arena.entries[chosen.length + i]!, kind, updated: i < updated.length };
  });
  return { parameters, statistics, arena: arena.buffer };
}
