import { CreateTagsCommand, type EC2Client } from "@aws-sdk/client-ec2";
import type { CloudProxy } from "./cloud-proxy.ts";

/** What the cloud allows, and how hard it is asked. */
export interface ThrottledRunOptions {
  /** What the calls put tags on. */
  readonly resource: string;
  readonly ratePerSecond: number;
  readonly burst: number;
  readonly seconds: number;
  /** Callers that each send the next call once the last one has ended. */
  readonly workers: number;
  /** Runs a worker's call on behalf of one of the clusters. */
  readonly onBehalf?: (worker: number, call: () => Promise<unknown>) => Promise<unknown>;
}

/** What the cloud saw. */
export interface ThrottledRun {
  readonly served: number;
  readonly throttled: number;
  /** Throttled answers after the first second. */
  readonly throttledLater: number;
  /** Served calls as a share of what the cloud allows in that time: burst + rate × time. */
  readonly used: number;
}

/** Calls an API for a while, more often than it allows. */
export async function throttledRun(
  client: EC2Client,
  proxy: CloudProxy,
  { resource, ratePerSecond, burst, seconds, workers, onBehalf = (_worker, call) => call() }: ThrottledRunOptions,
): Promise<ThrottledRun> {
  proxy.reset();
  proxy.throttle("CreateTags", ratePerSecond, burst);
  const work = async (worker: number) => {
    const Tags = [{ Key: "worker", Value: `${worker}` }];
    const ended = AbortSignal.timeout(seconds * 1000);
    while (!ended.aborted) {
      const command = new CreateTagsCommand({ Resources: [resource], Tags });
      await onBehalf(worker, () => client.send(command, { abortSignal: ended })).catch(() => {});
    }
  };
  await Promise.all(Array.from({ length: workers }, (_, worker) => work(worker)));
  const log = proxy.log.filter(({ operation }) => operation === "CreateTags").sort((a, b) => a.at - b.at);
  const from = log[0]?.at ?? 0;
  const throttled = log.filter(({ result }) => result === 503);
  const served = log.filter(({ result }) => result === 200).length;
  return {
    served,
    throttled: throttled.length,
    throttledLater: throttled.filter(({ at }) => at > from + 1000).length,
    used: served / (burst + ratePerSecond * seconds),
  };
}
