/**
 * The example provider under the real Cluster API: `npm run start:cluster-api`. Reads the command line,
 * starts what is needed, has the story played, says what it came to, and ends everything.
 */
import { once, setMaxListeners } from "node:events";
import { UsageError } from "../../examples/quickstart/options.ts";
import { progress as showProgress } from "../../examples/quickstart/progress.ts";
import { startLab } from "../../test/real/capi-provider/lab.ts";
import { check } from "./checks.ts";
import { gather } from "./facts.ts";
import { makeFolders, writeKubeConfig, writeLogs } from "./files.ts";
import { help, type Options, readOptions } from "./options.ts";
import { setStage } from "./stage.ts";
import { play } from "./story.ts";
import { summary } from "./summary.ts";
import { Complaint } from "./wait.ts";

/** What has to be there before anything can be started. */
export interface Prepared {
  /** A Python that has moto. */
  readonly python: string;
  readonly programs: { readonly kubernetes: string; readonly clusterApi: string };
  /** The example provider, built, and the folder of its manifests. */
  readonly provider: string;
  readonly manifests: string;
  /** The package's command. */
  readonly cli: string;
}

/** Builds and installs what is missing; rejects with one sentence that says what to do. */
type Prepare = (signal: AbortSignal) => Promise<Prepared>;

/** EC2's own limit of launches: "Request throttling for the Amazon EC2 API", read 2026-11. */
const launches = { ratePerSecond: 2, burst: 5 };

async function run(options: Options, prepare: Prepare, signal: AbortSignal): Promise<number> {
  const folders = makeFolders(options.out);
  const { cli, provider, ...rest } = await prepare(signal).catch((error) => {
    throw new Complaint(error.message, { cause: error });
  });
  const beganAt = performance.now();
  const progress = showProgress(options.json ? process.stderr : process.stdout, false);
  progress.title("Two Kubernetes API servers, Cluster API's controllers and moto start");
  const at = () => performance.now() - beganAt;
  const lab = await startLab({ ...rest, program: provider, signal });
  const clusters = Array.from({ length: options.clusters }, (_, index) => `cluster-${index + 1}`);
  const { workers } = options;
  const stage = setStage({ lab, clusters, workers, signal, progress, beganAt, auditDirectory: folders.audit });
  try {
    lab.cloud.throttle("RunInstances", launches.ratePerSecond, launches.burst);
    progress.event(at(), `management cluster ${lab.kubernetes.url}, workload cluster ${lab.workload.url}`);
    progress.event(at(), `moto behind a proxy ${lab.cloud.url}`);
    progress.event(at(), "no machine boots here: a stand-in for the kubelet registers the Nodes");
    const story = await play(stage, { cli, keep: options.keep });
    const facts = await gather(stage, story, cli);
    const checks = check(facts, options.keep);
    const failed = checks.filter(({ held }) => !held).map(({ name }) => name);
    const report = { ok: failed.length === 0, failed, seconds: Math.round(at() / 100) / 10, ...facts, checks };
    process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : `\n${summary(facts, checks)}`);
    for (const name of failed) process.stderr.write(`start:cluster-api: did not hold: ${name}\n`);
    if (options.keep) {
      const kubeConfig = await writeKubeConfig(lab.kubernetes, folders.temporary);
      process.stderr.write(`\nexport KUBECONFIG=${kubeConfig}\nkubectl get clusters,machines,acmemachines\n`);
      process.stderr.write("\nEverything goes on until Ctrl-C.\n");
      if (!signal.aborted) await once(signal, "abort");
    }
    return failed.length === 0 ? 0 : 1;
  } finally {
    progress.end();
    await stage.close();
    await writeLogs(stage, folders.logs).finally(() => lab.stop());
  }
}

/**
 * Runs the command.
 *
 * @returns Its exit code.
 */
export async function main(args: readonly string[], prepare: Prepare): Promise<number> {
  const interrupted = new AbortController();
  const { signal } = interrupted;
  setMaxListeners(0, signal);
  const interrupt = () => {
    // The first one has killed the servers already: whoever insists need not wait for the rest.
    if (signal.aborted) process.exit(130);
    interrupted.abort(new Error("interrupted"));
  };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(name, interrupt);
  process.stdout.on("error", interrupt); // whoever read this has seen enough
  const say = (text: string) => process.stderr.write(`start:cluster-api: ${text}\n`);
  try {
    const options = readOptions(args);
    if (!options.help) return await run(options, prepare, signal);
    process.stdout.write(help);
    return 0;
  } catch (error) {
    if (signal.aborted) {
      say("interrupted: everything that was started has ended");
      return 130;
    }
    if (error instanceof UsageError) {
      say(`${error.message}\nSee npm run start:cluster-api -- --help`);
      return 2;
    }
    say(error instanceof Complaint ? error.message : `${(error as Error).stack}`);
    return 1;
  }
}
