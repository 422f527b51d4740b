// One of several replicas that share a limit through Redis: calls as often as its guard lets it from
// a given moment on, and prints when each call left, on a clock that all processes of a machine share.
import { createGuard } from "provider-guard";
import { object } from "provider-guard/object";
import { redisState } from "provider-guard/redis";

const [url = "", rate = "1", burst = "1", startAt = "0", seconds = "1"] = process.argv.slice(2);
setInterval(() => {}, 1000); // waiting for a limit alone keeps no process alive
const sharedNow = () => Number(process.hrtime.bigint()) / 1e6;
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const state = redisState({ url });
const guard = await createGuard({
  owner: { managementCluster: "bench", provider: "infrastructure-bench" },
  audit: false,
  state,
  rateLimit: { rules: [{ name: "shared", ratePerSecond: Number(rate), burst: Number(burst) }] },
});
const sent: number[] = [];
const client = {
  async work(): Promise<void> {
    sent.push(sharedNow());
  },
};
const guarded = guard.wrap(client, object({ cloud: "bench", operations: { work: { kind: "read" } } }));

await wait(Number(startAt) - sharedNow());
const endAt = Number(startAt) + Number(seconds) * 1000;
const ended = AbortSignal.timeout(Number(seconds) * 1000);
const cluster = { namespace: "default", name: "bench", uid: "0b9e9b1c-2f6e-4a54-9d8e-3f8d3c2b1a00" };
await guard.reconcile(
  { cluster },
  async () => {
    const lane = async () => {
      while (!ended.aborted) await guarded.work();
    };
    await Promise.allSettled(Array.from({ length: 100 }, lane));
  },
  { signal: ended },
);
process.stdout.write(`${JSON.stringify(sent.filter((at) => at <= endAt))}\n`);
await guard.close();
await state.close();
process.exit(0);
