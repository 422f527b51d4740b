import type { Call } from "../../core/call.ts";

/** Operations of AWS that take user data, or a part of a request that holds some. */
const awsService = /^(?:ec2|auto ?scaling|lightsail|image-?builder)$/i;
const awsOperation = /Instance|LaunchTemplate|LaunchConfiguration|Spot|Fleet|AutoScalingGroup|Recipe/;

/** Whether a call is one that user data go by: none that only reads, and of AWS only operations that are known to. */
export function mayCarryUserData({ kind, target, operation }: Call): boolean {
  if (kind === "read" || target.cloud === "kubernetes") return false;
  return target.cloud !== "aws" || (awsService.test(target.service) && awsOperation.test(operation));
}
