/** What the run came to, counted on the cloud, the API server, the proxy between, and the audit log. */
import { DescribeSecurityGroupsCommand } from "@aws-sdk/client-ec2";
import { acme, core } from "../../test/real/capi-provider/manifests.ts";
import { byMachine } from "../../test/real/capi-provider/witness.ts";
import type { LoggedRequest } from "../../test/real/cloud-proxy.ts";
import { type Counts, countBy, namespace } from "./census.ts";
import { readJournal, type Verdict, verify } from "./journal.ts";
import type { Phase, Stage } from "./stage.ts";
import type { Story } from "./story.ts";

/** An instance, and whose it was. */
type IdsByMachine = Readonly<Record<string, readonly string[]>>;

export interface Facts extends Story {
  readonly clusters: number;
  readonly workers: number;
  readonly phases: readonly Phase[];
  /** UIDs of the Machines that came to have a Node. */
  readonly joined: readonly string[];
  /** Ids of all instances that the cloud lists, alive or terminated, by the Machine UID in their tags. */
  readonly instances: IdsByMachine;
  /** The same as the proxy saw it in the answers to launches. */
  readonly answered: IdsByMachine;
  /** Calls of the provider by operation, and how each was answered. */
  readonly calls: Readonly<Record<string, Counts>>;
  /** Answers that said that the provider asked too fast. */
  readonly throttled: number;
  /** Calls that changed something on the cloud and have no intent in the audit log. */
  readonly unaudited: readonly string[];
  readonly audit: Verdict & { readonly refusals: Counts; readonly waitedForLimit: number };
  /** What there still is. */
  readonly left: { readonly objects: Counts; readonly instances: number; readonly securityGroups: number };
  /** What the provider's processes reported, by reason. */
  readonly errors: Counts;
}

const objectOf = (map: ReadonlyMap<string, Iterable<string>>): IdsByMachine =>
  Object.fromEntries([...map].map(([key, ids]) => [key, [...ids]]));

function byOperation(asked: readonly LoggedRequest[]): Record<string, Counts> {
  const operations = [...new Set(asked.map(({ operation }) => operation))].sort();
  const results = (operation: string) =>
    asked.filter((one) => one.operation === operation).map(({ result }) => String(result));
  return Object.fromEntries(operations.map((operation) => [operation, countBy(results(operation))]));
}

async function leftovers({ lab }: Stage): Promise<Facts["left"]> {
  const kinds = { Cluster: core, Machine: core, AcmeCluster: acme, AcmeMachine: acme };
  const objects: Record<string, number> = {};
  for (const [kind, group] of Object.entries(kinds)) {
    const version = group === core ? `${core}/v1beta2` : group;
    objects[kind] = (await lab.list(namespace, version, `${kind.toLowerCase()}s`)).length;
  }
  const { SecurityGroups = [] } = await lab.ec2.send(new DescribeSecurityGroupsCommand({}));
  return {
    objects,
    instances: (await lab.instances("alive")).length,
    securityGroups: SecurityGroups.filter(({ GroupName }) => GroupName !== "default").length,
  };
}

export async function gather(stage: Stage, story: Story, cli: string): Promise<Facts> {
  const { lab, clusters, workers, phases, joined, witness, auditDirectory, providers } = stage;
  const asked = stage.asked();
  const journal = await readJournal(auditDirectory);
  const logged = providers.flatMap((provider) => provider.log());
  return {
    ...story,
    clusters: clusters.length,
    workers,
    phases,
    joined: [...joined],
    instances: objectOf(byMachine(await lab.instances("all"))),
    answered: objectOf(witness.made),
    calls: byOperation(asked),
    throttled: asked.filter(({ result }) => result === 503).length,
    unaudited: [...witness.changes].filter((call) => !journal.intents.includes(call)),
    audit: {
      ...(await verify(cli, auditDirectory, story.crash.audit.head)),
      refusals: countBy(journal.refusals),
      waitedForLimit: journal.waited,
    },
    left: await leftovers(stage),
    errors: countBy(logged.filter(({ event }) => event === "error").map(({ reason }) => String(reason))),
  };
}
