import { writeFileSync, appendFileSync } from 'node:fs';
import { fromBinary } from '@bufbuild/protobuf';
import { describe, it, beforeAll } from 'vitest';
import { ModelProtoSchema } from '#ortune/onnx/onnx_pb.js';
import { openDevice } from '#ortune/runtime/session.js';
import { useInt32 } from '#ortune/lower/devices/int32.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import { compileGolden, fixtures, maskedFixtures, readGolden } from './golden.js';
import { toGraph, openModel, readGraph } from '#ortune/onnx/load.js';
import { compileVision, readVisionGolden, visionFixtures } from './vision-golden.js';
const all=new Map<string,string[]>();
it('survey', async () => {
  const device = await openDevice('webgpu');
  const tryOne = async (label: string, graph: any) => {
    useInt32(graph);
    const t=performance.now();
    try { const s = await device.createSession({ model: encodeGraph(graph) }); appendFileSync('/tmp/survey.txt', `${label}: ok ${graph.nodes.length} nodes ${(performance.now()-t)|0}ms\n`); await s.release(); }
    catch (e: any) { const ops=[...e.message.matchAll(/\((\w+)\)/g)].map((m:any)=>m[1]); const c: any={}; for (const o of ops) c[o]=(c[o]??0)+1; appendFileSync('/tmp/survey.txt', `${label}: ${graph.nodes.length} nodes ${(performance.now()-t)|0}ms ${e.message.startsWith('WebGPU has')?JSON.stringify(c):e.message.slice(0,300)}\n`); }
  };
  for (const name of visionFixtures) { const { graph } = compileVision(readVisionGolden(name), new Set()); await tryOne(name, graph); }
}, 600000);
