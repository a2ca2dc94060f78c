// A session for every mode and shapes of inputs met so far, the least recently used let go. All share the parameters in
// place, and write gradients, the loss of training and running averages to where the engine has them.

import type { Compiled, CompileRequest } from '../compile/protocol.js';
import { lossEntry } from '../optim/update.js';
import { type Arena, sharedTensor } from '../runtime/arena.js';
import { SessionCache, sessionsToKeep } from '../runtime/cache.js';
import type { Device, DeviceTensors, Session, TensorView } from '../runtime/session.js';
import type { RunningStatistics } from './running-statistics.js';

/** A session with what it was made from and the tensors its outputs go to. */
export interface CompiledSession {
  session: Session;
  /** It has not run yet: what it needs was not allocated. */
  fresh: boolean;
  compiled: Omit<Compiled, 'model'>;
  outputs: Map<string, TensorView>;
}

/** What sessions read where it is. */
interface State {
  parameters: Arena;
  averages: RunningStatistics;
}

export class SessionStore {
  readonly #device: Device;
  readonly #build: (request: CompileRequest) => Promise<Compiled>;
  readonly #state: State;
  readonly #placed: { parameters: DeviceTensors; gradients: DeviceTensors };
  readonly #sessions: SessionCache<CompiledSession>;

  constructor(
    device: Device,
    build: (request: CompileRequest) => Promise<Compiled>,
    state: State,
    placed: { parameters: DeviceTensors; gradients: DeviceTensors },
  ) {
    this.#device = device;
    this.#build = build;
    this.#state = state;
    this.#placed = placed;
    this.#sessions = new SessionCache(sessionsToKeep(device), (prepared) => prepared.session.release());
  }

  get(request: CompileRequest): Promise<CompiledSession> {
    const { mode, shapes, fields, cut } = request;
    return this.#sessions.get(JSON.stringify([mode, shapes, fields, cut]), () => this.#prepare(request));
  }

  clear(): Promise<void> {
    return this.#sessions.clear();
  }

  async #prepare(request: CompileRequest): Promise<CompiledSession> {
    const { model, ...compiled } = await this.#build(request);
    const { parameters: arena, averages } = this.#state;
    const { parameters, gradients } = this.#placed;
    const { constants, inPlace } = compiled;
    const bound = [...compiled.trained, ...compiled.statistics, ...compiled.held];
    const loss = compiled.gradients.size > 0 ? compiled.loss : undefined;
    const written = [
      ...(loss === undefined ? [] : [[loss, gradients.tensor(lossEntry)] as const]),
      ...[...compiled.gradients].map(([name, value]) => [value, gradients.tensor(name)] as const),
      ...[...compiled.updates].map(([name, value]) => [value, averages.written(name)] as const),
    ];
    const session = await this.#device.createSession({
      model,
      constants: new Map(constants.map((name) => [name, inPlace.get(name) ?? arena.view(name)])),
      bound: { inputs: new Map(bound.map((name) => [name, parameters.tensor(name)])), outputs: new Map(written) },
      inPlace: new Map([...inPlace].filter(([name]) => !constants.includes(name))),
    });
    const fetched = compiled.outputs.filter(({ name }) => name !== loss);
    const outputs = new Map(fetched.map((o) => [o.name, sharedTensor(o.dtype, o.shape)]));
    return { session, fresh: true, compiled, outputs };
  }
}
