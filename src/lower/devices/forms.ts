// What a training graph goes through for a device that is not the CPU, once its gradients are there: fused operators
// and those that the device lacks become operators that it has, and integers 32 bits wide.

import { type Graph, prune } from '../../onnx/graph.js';
import type { Form } from '../form.js';
import { definitions, useForms } from '../lower.js';
import type { DeviceKind } from '../target.js';
import { cudaForms } from './cuda.js';
import { useInt32 } from './int32.js';
import { webgpuForms } from './webgpu.js';

/** By device: what replaces an operator there, standard ones included. */
const tables: Readonly<Record<DeviceKind, ReadonlyMap<string, Form>>> = {
  cpu: new Map(),
  webgpu: new Map<string, Form>([...definitions, ...webgpuForms]),
  cuda: new Map<string, Form>([...definitions, ...cudaForms]),
};

/** Rewrites a static graph in place; its int64 inputs and outputs are int32 then, under their names. */
export function lowerForDevice(graph: Graph, kind: Exclude<DeviceKind, 'cpu'>): void {
  useForms(graph, tables[kind]);
  useInt32(graph);
  prune(graph);
}
