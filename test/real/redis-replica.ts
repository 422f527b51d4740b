// A replica that calls as often as its guard lets it, and prints when each call left: nanoseconds of
// a clock that all processes of this machine share.
import { writeSync } from "node:fs";
import { createGuard } from "provider-guard";
import { object } from "provider-guard/object";
import { redisState } from "provider-guard/redis";

const [url = "", rate = "1", burst = "1", leaseMs = "2000"] = process.argv.slice(2);

const guard = await createGuard({
  owner: { managementCluster: "mc-uid", provider: "infrastructure-acme" },
  audit: false,
  circuitBreaker: false,
  state: redisState({ url, leaseMs: Number(leaseMs), timeoutMs: 200 }),
  rateLimit: { rules: [{ name: "shared", ratePerSecond: Number(rate), burst: Number(burst) }] },
});
const client = {
  async work(): Promise<void> {
    writeSync(1, `${process.hrtime.bigint()}\n`);
  },
};
const guarded = guard.wrap(client, object({ cloud: "acme", operations: { work: { kind: "read" } } }));

setInterval(() => {}, 60_000); // neither a wait nor an idle connection keeps a process alive

async function lane(): Promise<void> {
  for (;;) await guarded.work();
}
await Promise.all([0, 1, 2, 3].map(lane));
