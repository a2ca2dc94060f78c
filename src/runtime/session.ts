// The door of the runtime for everything outside this folder: what a device, a session and their tensors are, and opening one.

export type { Device, Optimization, Session, SessionSpec, Traffic } from './device.js';
export { openDevice } from './devices.js';
export type { BoundTensor, DeviceTensor, DeviceTensors, TensorView } from './tensors.js';
