// What the rest of ortune uses of the runtime: opening a device, and the types of devices, sessions and their tensors.

export type { Device, Optimization, Session, SessionSpec, Traffic } from './device.js';
export { openDevice } from './devices.js';
export type { BoundTensor, DeviceTensor, DeviceTensors, TensorView } from './tensors.js';
