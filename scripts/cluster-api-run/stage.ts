/** What every phase of the run works with. */
import { type Progress, timeOf } from "../../examples/quickstart/progress.ts";
import { standInForKubelets } from "../../test/real/capi-provider/kubelets.ts";
import type { Lab } from "../../test/real/capi-provider/lab.ts";
import type { Provider } from "../../test/real/capi-provider/provider.ts";
import { followCloud, type Witness } from "../../test/real/capi-provider/witness.ts";
import { type Census, namespace, sumOf, takeCensus, textOf } from "./census.ts";
import { until } from "./wait.ts";

/** The provider signs with a key of its own: the cloud's side can tell its calls from those that only look. */
const accessKeyId = "provider";

/** A phase that is over, and what there was at its end. */
export interface Phase extends Census {
  readonly name: string;
  readonly seconds: number;
}

export interface Stage {
  readonly lab: Lab;
  readonly clusters: readonly string[];
  readonly workers: number;
  readonly auditDirectory: string;
  readonly signal: AbortSignal;
  readonly witness: Witness;
  readonly phases: readonly Phase[];
  /** UIDs of the Machines that were seen to have their Node. */
  readonly joined: ReadonlySet<string>;
  /** Everything that processes of the provider printed, in their order. */
  readonly providers: readonly Provider[];
  tell(text: string): void;
  phase<T>(name: string, work: () => Promise<T>): Promise<T>;
  startProvider(): Promise<Provider>;
  /** Waits until as many Machines have their Node and run, and there is no other Machine or instance. */
  settled(machines: number): Promise<void>;
  /** What the provider asked of the cloud, as the proxy between them logged it. */
  asked(): Lab["cloud"]["log"];
  /** Ends the stand-in for the kubelets. */
  close(): Promise<void>;
}

export interface StageOptions extends Pick<Stage, "lab" | "clusters" | "workers" | "auditDirectory" | "signal"> {
  readonly progress: Progress;
  /** When the run began, in monotonic milliseconds. */
  readonly beganAt: number;
}

export const secondsSince = (at: number): number => Math.round((performance.now() - at) / 100) / 10;

/** Between two lines that only show that it goes on. */
const quietMs = 2_000;

export function setStage({ progress, beganAt, ...given }: StageOptions): Stage {
  const { lab, signal, auditDirectory } = given;
  const witness = followCloud(lab.cloud);
  const phases: Phase[] = [];
  const providers: Provider[] = [];
  const joined = new Set<string>();
  let last = { text: "", at: Number.NEGATIVE_INFINITY };
  // It goes on wherever an API server does not answer: those end first where the run is interrupted.
  const close = standInForKubelets(lab, { namespace, workload: lab.workload });

  function show(census: Census, wanted: number): void {
    const text = `Machines: ${textOf(census.machines)}; with Node: ${census.withNode}; instances: ${textOf(census.instances)}`;
    progress.bar(Math.min(census.withNode, wanted), Math.max(wanted, census.withNode, 1), text);
    if (text === last.text || performance.now() - last.at < quietMs) return;
    last = { text, at: performance.now() };
    stage.tell(text);
  }

  const stage: Stage = {
    ...given,
    witness,
    phases,
    joined,
    providers,
    tell: (text) => progress.event(performance.now() - beganAt, text),
    async phase(name, work) {
      progress.title(name);
      const at = performance.now();
      const result = await work();
      progress.end();
      const census = await takeCensus(lab);
      phases.push({ name, seconds: secondsSince(at), ...census });
      stage.tell(`done in ${timeOf(performance.now() - at)}: Machines: ${textOf(census.machines)}`);
      return result;
    },
    async startProvider() {
      const env = { AUDIT_DIRECTORY: auditDirectory, AWS_ACCESS_KEY_ID: accessKeyId };
      const provider = await lab.startProvider({ env });
      providers.push(provider);
      return provider;
    },
    async settled(wanted) {
      const look = async () => {
        const [census, running] = await Promise.all([takeCensus(lab), lab.running(namespace)]);
        for (const { metadata } of running) joined.add(metadata.uid);
        return { ...census, running: running.length };
      };
      await until(look, {
        what: `${wanted} Machines with a Node, and nothing else`,
        signal,
        onLook: (seen) => show(seen, wanted),
        isSo: ({ machines, instances, running }) =>
          running === wanted && sumOf(machines) === wanted && sumOf(instances) - (instances.terminated ?? 0) === wanted,
      });
    },
    close,
    asked: () => lab.cloud.log.filter((request) => request.accessKeyId === accessKeyId),
  };
  return stage;
}
