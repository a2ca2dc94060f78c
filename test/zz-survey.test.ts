import { appendFileSync } from 'node:fs';
import { it } from 'vitest';
import { openDevice } from '#ortune/runtime/session.js';
import { sharedTensor } from '#ortune/runtime/arena.js';
import { encodeGraph } from '#ortune/onnx/encode.js';
import { compileGolden, feedsOf, fixtures, gradientErrors, maskedFixtures, readGolden, relativeError } from './golden.js';
import { compileVision, readVisionGolden, visionFixtures } from './vision-golden.js';
const log=(s:string)=>appendFileSync('/tmp/survey.txt', s+'\n');
it('survey', async () => {
  const device = await openDevice('webgpu');
  for (const f of [...fixtures, ...maskedFixtures]) {
    const label=`${f.kind} ${f.family} ${f.exporter}`;
    try {
      if(!/roberta/.test(f.family) && f.exporter==='torchscript') continue; const golden = readGolden(f);
      const { graph, compiled } = compileGolden(golden, 'train', new Set(), 'webgpu');
      let t=performance.now();
      const session = await device.createSession({ model: compiled.model });
      const made=performance.now()-t;
      const given = feedsOf(golden);
      const inputs = new Map<string, any>(compiled.trained.map((n) => { const v=sharedTensor('float32', graph.initializers.get(n)!.shape); v.data.set(graph.initializers.get(n)!.data() as never); return [n,v]; }));
      for (const { name, dtype } of compiled.inputs) { const { shape, values } = given[name]!; const v=sharedTensor(dtype, shape); v.data.set(values as never); inputs.set(name,v); }
      const outputs=new Map<string, any>(compiled.outputs.map((o)=>[o.name, sharedTensor(o.dtype,o.shape)]));
      const grads=new Map<string, any>();
      for (const [n,v] of compiled.gradients) { const g=sharedTensor('float32', graph.initializers.get(n)!.shape); grads.set(n,g); outputs.set(v,g); }
      t=performance.now(); await session.run(inputs, outputs); const first=performance.now()-t;
      t=performance.now(); await session.run(inputs, outputs); const second=performance.now()-t;
      const errors=gradientErrors(golden,(n)=>grads.get(n)?.data).sort((a,b)=>b.error-a.error);
      log(`${label}: session ${made|0} run ${first|0} ${second|0} loss ${relativeError([Number(outputs.get(compiled.loss!).data[0])],[golden.loss])} worst ${errors[0]!.parameter} ${errors[0]!.error}`);
      await session.release();
    } catch (e: any) { log(`${label}: ${e.message.slice(0,500)}`); }
  }
  for (const name of visionFixtures) {
    try {
      if(!/swin-torch|densenet-opset9/.test(name)) continue; const golden=readVisionGolden(name);
      const { graph, loss, gradients } = compileVision(golden, new Set(), 'frozen', 'webgpu');
      const trained=[...gradients.keys()];
      const inputs=new Map<string, any>();
      for (const n of trained) { const ten=graph.initializers.get(n)!; const v=sharedTensor('float32', ten.shape); v.data.set(ten.data() as never); inputs.set(n,v); graph.initializers.delete(n); graph.inputs.push({name:n,dtype:'float32',shape:[...ten.shape]}); }
      const im=sharedTensor('float32', golden.images.tensor.shape); im.data.set(golden.images.tensor.data() as never); inputs.set(golden.images.name, im);
      let t=performance.now();
      const session=await device.createSession({ model: encodeGraph(graph) }); const made=performance.now()-t;
      const outputs=new Map<string, any>(graph.outputs.map((o)=>[o.name, sharedTensor(o.dtype,o.shape as number[])]));
      t=performance.now(); await session.run(inputs, outputs); const first=performance.now()-t;
      t=performance.now(); await session.run(inputs, outputs); const second=performance.now()-t;
      const errors=gradientErrors(golden,(n)=>gradients.has(n)?outputs.get(gradients.get(n)!).data:undefined).sort((a,b)=>b.error-a.error);
      log(`${name}: ${graph.nodes.length} nodes session ${made|0} run ${first|0} ${second|0} loss ${relativeError([Number(outputs.get(loss).data[0])],[golden.loss])} worst ${errors[0]!.parameter} ${errors[0]!.error}`);
      await session.release();
    } catch (e: any) { log(`${name}: ${e.message.slice(0,500)}`); }
  }
}, 600000);
