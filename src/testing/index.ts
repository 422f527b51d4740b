export type {
  Connection,
  ConnectionOptions,
  DescribeInput,
  IdInput,
  PageAnswer,
  RequestOptions,
  ResourceAnswer,
  SimulatedCloudClient,
} from "./cloud/client.ts";
export { CloudError, type CloudErrorCode, type CloudErrorDetails } from "./cloud/cloud-error.ts";
export type { Fault, FaultEffect } from "./cloud/fault.ts";
export type { Latency } from "./cloud/latency.ts";
export type { CloudOperation } from "./cloud/operation.ts";
export type { SimulatedCloudOptions } from "./cloud/options.ts";
export type {
  CloudResource,
  CreateLoadBalancerInput,
  CreateMachineInput,
  CreateNetworkInput,
  CreateVolumeInput,
  LoadBalancer,
  Machine,
  Network,
  ResourceOf,
  ResourceState,
  ResourceType,
  Volume,
} from "./cloud/resource.ts";
export type { ServerBucket, ServerLimits } from "./cloud/server-limits.ts";
export type { RequestRecord } from "./cloud/wire.ts";
export { type CloudInspection, type Placement, type SimulatedCloud, simulatedCloud } from "./cloud.ts";
export { type CloudDescription, type OperationDescription, simulatedCloudOperations } from "./cloud-operations.ts";
export type {
  ConformanceCapability,
  ConformanceCase,
  ConformanceSubject,
  FailureReply,
  InputExtras,
  SubjectCredential,
  SubjectOperation,
  Wire,
  WireReply,
  WireRequest,
} from "./conformance/subject.ts";
export { adapterConformance } from "./conformance.ts";
export { type SeededRandom, seededRandom } from "./seeded-random.ts";
export {
  type ClockScope,
  type RunOptions,
  type RunUntilOptions,
  type SimulatedClock,
  type SimulatedClockOptions,
  simulatedClock,
} from "./simulated-clock.ts";
export { simulatedCloudInventory } from "./simulated-cloud-inventory.ts";
