/** The crash: how the provider is killed, and what is found of it before another process begins. */
import type { Provider } from "../../test/real/capi-provider/provider.ts";
import { namespace } from "./census.ts";
import { readJournal, type Verdict, verify } from "./journal.ts";
import type { Stage } from "./stage.ts";
import { until } from "./wait.ts";

/** What a killed process left behind. */
export interface Crash {
  /** Instances that the cloud had made. */
  readonly instances: number;
  /** Those that no AcmeMachine named. */
  readonly unrecorded: readonly string[];
  /** Of these, the ones whose tag names an intent in the audit log: the killed process had asked for them. */
  readonly intended: readonly string[];
  readonly openIntents: number;
  readonly audit: Verdict;
}

/** Waits until a provider leads. */
export async function elected({ signal }: Stage, provider: Provider): Promise<void> {
  const events = () => provider.log().map(({ event }) => event);
  await until(events, { what: "the provider to hold the Lease", isSo: (seen) => seen.includes("elected"), signal });
}

/** Ids of the instances that AcmeMachines name, of one cluster or of all. */
export async function recorded({ lab }: Stage, cluster?: string): Promise<Set<string>> {
  const found = await lab.acmeMachines(namespace);
  const machines = found.filter(
    ({ metadata }) => cluster === undefined || metadata.labels?.["cluster.x-k8s.io/cluster-name"] === cluster,
  );
  return new Set(machines.flatMap(({ spec }) => spec.providerID?.split("/").at(-1) ?? []));
}

/** Kills the provider when the cloud has answered so many launches, before anybody can read the last answer. */
export function killAtLaunch({ lab, signal }: Stage, provider: Provider, launches: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = launches;
    const end = lab.cloud.watch(async ({ operation }, answer) => {
      if (operation !== "RunInstances" || answer?.status !== 200 || --left > 0) return;
      end();
      provider.process.kill("SIGKILL");
      await provider.ended;
      lab.cloud.loseAnswers(operation, 1); // nobody is left to read it
    });
    provider.ended.then((how) => {
      if (left <= 0) resolve();
      else reject(new Error(`the provider ended by itself: ${how}`));
    });
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

export async function lookAtRemains({ lab, ...stage }: Stage, cli: string): Promise<Crash> {
  const { witness, auditDirectory, signal } = stage;
  const onTheWire = () => witness.open.size;
  await until(onTheWire, { what: "the cloud to end what it was asked for", isSo: (open) => open === 0, signal });
  const [instances, named] = await Promise.all([lab.instances("alive"), recorded({ lab, ...stage })]);
  const { intents, open } = await readJournal(auditDirectory);
  const unrecorded = instances.filter(({ InstanceId = "" }) => !named.has(InstanceId));
  const intended = unrecorded.filter(({ Tags = [] }) =>
    Tags.some(({ Key, Value = "" }) => Key === "provider-guard/intent" && intents.includes(Value)),
  );
  const idsOf = (found: typeof instances) => found.map(({ InstanceId = "" }) => InstanceId);
  return {
    instances: instances.length,
    unrecorded: idsOf(unrecorded),
    intended: idsOf(intended),
    openIntents: open.length,
    audit: await verify(cli, auditDirectory),
  };
}
