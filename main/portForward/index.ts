/**
 * Ports of this computer that lead into pods, for as long as the engine runs. They outlive pods, not the engine: when
 * the pod of a Service or workload goes, the next connection leads to another one.
 */
export { PortForwards, type PortForwardsOptions } from './portForwards.ts';
