import { watch } from "node:fs";
import { mkdir } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { SeededRandom } from "provider-guard/testing";
import type { CloudProxy } from "../cloud-proxy.ts";
import type { Provider } from "./provider.ts";

/** Kills when something of its own kind happens; its name says what. */
export interface Moment {
  readonly name: string;
  /** @returns What gives it up. */
  arm(provider: Provider, kill: () => void): () => void;
}

/** What becomes of a request whose sender is killed while it is on the wire. */
const fates = ["goes through", "is lost", "goes through late"] as const;

/** Later than a new process has looked at everything. */
const lateMs = 4_000;

const operations = [/^RunInstances$/, /^RunInstances$/, /^TerminateInstances$/, /SecurityGroup/, /^Describe/];

function atRequest(random: SeededRandom, cloud: CloudProxy): Moment {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const operation = pick(operations);
  const arrival = random() < 0.5;
  const fate = pick(fates);
  const afterMs = pick([0, Math.ceil(random() * 10), 10 + Math.ceil(random() * 40)]);
  let skipped = operation.test("Describe") ? Math.floor(random() * 20) : 0; // each start begins with some
  return {
    name: `${operation.source.replace(/\W/g, "")} ${arrival ? `arrives and ${fate}` : afterMs === 0 ? "is about to be answered" : "has been answered"}`,
    arm(_provider, kill) {
      const end = cloud.watch(async ({ operation: asked }, answer) => {
        if (!operation.test(asked) || (answer === undefined) !== arrival || skipped-- > 0) return;
        end();
        if (!arrival && afterMs > 0) return void setTimeout(kill, afterMs);
        kill();
        if (!arrival || fate === "is lost") throw new Error("cut");
        if (fate === "goes through late") await sleep(lateMs);
      });
      return end;
    },
  };
}

function atRecord(random: SeededRandom): Moment {
  const count = 1 + Math.floor(random() * 15);
  return {
    name: "a write to the journal",
    arm({ auditDirectory }, kill) {
      let left = count;
      const files = watch(auditDirectory, (_event, name) => {
        if (name?.endsWith(".jsonl") && --left === 0) kill();
      });
      return () => files.close();
    },
  };
}

function atTime(random: SeededRandom): Moment {
  const afterMs = Math.ceil(random() * 6_000);
  return {
    name: "some time after the start",
    arm(_provider, kill) {
      const timer = setTimeout(kill, afterMs);
      return () => clearTimeout(timer);
    },
  };
}

/** The next of the moments that a seed decides: of three in five a request is the reason. */
export function nextMoment(random: SeededRandom, cloud: CloudProxy): Moment {
  const which = random();
  if (which < 0.6) return atRequest(random, cloud);
  return which < 0.8 ? atRecord(random) : atTime(random);
}

/** Waits until a provider leads, or has ended. */
async function leads(provider: Provider): Promise<void> {
  const { exitCode, signalCode } = provider.process;
  if (exitCode !== null || signalCode !== null || provider.log().some(({ event }) => event === "elected")) return;
  await Promise.race([provider.printed(provider.lines.length + 1), provider.ended]);
  await leads(provider);
}

/**
 * Kills a provider at a moment, or once it has led for a while without that.
 *
 * @param onKill - Called at that moment, with what it was.
 * @returns once the process has ended.
 */
export async function killAt(
  moment: Moment,
  provider: Provider,
  { afterMs, onKill }: { readonly afterMs: number; readonly onKill: (cause: string) => void },
): Promise<void> {
  await mkdir(provider.auditDirectory, { recursive: true });
  const kill = (cause: string) => {
    if (provider.process.kill("SIGKILL")) onKill(cause);
  };
  const disarm = moment.arm(provider, () => kill(moment.name));
  await leads(provider);
  const timer = setTimeout(() => kill("nothing of that kind"), afterMs);
  const ended = await provider.ended;
  clearTimeout(timer);
  disarm();
  if (ended !== "SIGKILL") throw new Error(`the provider ended by itself: ${ended}\n${provider.lines.join("\n")}`);
}
