import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Instance } from "@aws-sdk/client-ec2";
import type { AwsRequest } from "../aws-request.ts";
import type { CloudProxy } from "../cloud-proxy.ts";

/** What the cloud's side saw, told without asking the provider. */
export interface Witness {
  /** Ids of the instances that the cloud said it made, by the UID of the Machine that they were made for. */
  readonly made: ReadonlyMap<string, ReadonlySet<string>>;
  /** What has arrived and is not answered yet: to be cleared when its sender is dead. */
  readonly open: Set<AwsRequest>;
  /** Calls of which a change has arrived, as the user agent names them. */
  readonly changes: ReadonlySet<string>;
}

const machineTag = "provider-guard/machine-uid";

/** For which Machine a request makes something. */
function machineOf({ form }: AwsRequest): string {
  const [key] = [...form].find(([, value]) => value === machineTag) ?? [""];
  return form.get(key.replace(/Key$/, "Value")) ?? "";
}

/** Whether a request changes nothing, whatever service it is for. */
export const isRead = ({ operation }: Pick<AwsRequest, "operation">): boolean =>
  /^(?:\w+\.)?(?:Describe|Get|List|Encrypt)/.test(operation);

/** Follows what goes through the proxy from now on. */
export function followCloud(cloud: CloudProxy): Witness {
  const made = new Map<string, Set<string>>();
  const open = new Set<AwsRequest>();
  const changes = new Set<string>();
  cloud.watch((request, answer) => {
    if (answer === undefined) {
      open.add(request);
      if (!isRead(request) && request.intent !== undefined) changes.add(request.intent);
      return;
    }
    setImmediate(() => open.delete(request)); // who kills at the answer finds it open
    if (request.operation !== "RunInstances" || answer.status !== 200) return;
    const machine = machineOf(request);
    const ids = made.get(machine) ?? new Set();
    made.set(machine, ids);
    for (const [, id = ""] of answer.body.toString().matchAll(/<instanceId>([^<]+)/g)) ids.add(id);
  });
  return { made, open, changes };
}

/** Ids of instances by the UID of the Machine in their tags, as the cloud lists them: those that are gone, too. */
export function byMachine(instances: readonly Instance[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { InstanceId = "", Tags = [] } of instances) {
    const machine = Tags.find(({ Key }) => Key === machineTag)?.Value ?? "";
    found.set(machine, [...(found.get(machine) ?? []), InstanceId]);
  }
  return found;
}

/** A record of a change in a journal, as far as it is looked at. */
export interface Recorded {
  readonly type: string;
  readonly call: string;
  readonly operation?: string;
  readonly code?: string;
  readonly result?: string;
  readonly error?: string;
}

/** Records of changes in a journal, in their order; a line that a crash has torn is none. */
export async function readChanges(directory: string): Promise<Recorded[]> {
  const names = (await readdir(directory).catch(() => [])).filter((name) => name.endsWith(".jsonl")).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(directory, name), "utf8")));
  const lines = texts.flatMap((text) => text.split("\n").filter((line) => line.endsWith("}")));
  return lines.map((line) => JSON.parse(line)).filter(({ call }) => call !== undefined);
}
