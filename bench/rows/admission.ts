import Bottleneck from "bottleneck";
import type { Attempt } from "provider-guard";
import { systemClock } from "provider-guard";
import type { Runtime } from "../../src/core/runtime.ts";
import { noTelemetry } from "../../src/core/telemetry.ts";
import { rateLimit } from "../../src/rate-limit/rate-limit.ts";
import { inTurns, microsPerCall, type Row } from "../row.ts";

const runtime: Runtime = {
  clock: systemClock,
  random: Math.random,
  telemetry: noTelemetry,
  modeOf: () => "enforce",
};

function attempt(): Attempt {
  const target = { cloud: "bench", service: "bench", account: "default", region: "default" };
  const call = {
    target,
    operation: "createServer",
    kind: "create",
    owner: { managementCluster: "bench", provider: "bench" },
    decisions: [],
    signal: undefined,
    binding: { adapter: { limits: [] } },
  };
  return { call, number: 1, sent: true, waitedMs: 0, answer: { class: "ok" } } as unknown as Attempt;
}

/** A call that need not wait: what the limit costs when nothing is limited. */
export const admission: Row = {
  id: "admission",
  what: "rate-limit admission of a call that need not wait",
  unit: "µs",
  better: "lower",
  goal: 2,
  async run() {
    const limit = rateLimit({ rules: [{ name: "wide", ratePerSecond: 1e9, burst: 1e9 }] }, runtime);
    if (limit.ring !== "attempt") throw new Error("the rate limit left its ring");
    const one = attempt();
    const next = () => Promise.resolve();
    const unlimited = new Bottleneck();
    const reservoir = new Bottleneck({ reservoir: 1e9, reservoirRefreshAmount: 1e9, reservoirRefreshInterval: 250 });
    const ours = (count: number) => microsPerCall(count, () => limit.intercept(one, next));
    try {
      await ours(100_000);
      const [value = 0, plain = 0, full = 0] = await inTurns(7, [
        () => ours(50_000),
        () => microsPerCall(100, () => unlimited.schedule(next)),
        () => microsPerCall(100, () => reservoir.schedule(next)),
      ]);
      return {
        value,
        alternatives: [
          { name: "Bottleneck without a limit", value: plain },
          { name: "Bottleneck with a reservoir", value: full },
        ],
      };
    } finally {
      await limit.close?.();
      await Promise.all([unlimited.disconnect(), reservoir.disconnect()]);
    }
  },
};
