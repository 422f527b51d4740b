// A controller that creates as much as its budgets let it, and prints what leaves it.
import { writeSync } from "node:fs";
import { createGuard, isGuardError } from "provider-guard";
import { fileState } from "provider-guard/file";
import { object } from "provider-guard/object";
import { redisState } from "provider-guard/redis";

const [kind = "", place = "", limit = "0", answers = ""] = process.argv.slice(2);
const say = (line: string) => writeSync(1, `${line}\n`);
const state = kind === "file" ? fileState({ directory: place }) : redisState({ url: place });

const guard = await createGuard({
  owner: { managementCluster: "mc-uid", provider: "infrastructure-acme" },
  audit: false,
  state,
  ownership: false,
  rateLimit: false,
  quota: {
    budgets: [
      { name: "creates", kinds: ["create"], windowMs: 3_600_000, limit: Number(limit), afterCrash: "count" },
      { name: "servers", inventory: true, limit: Number(limit) },
    ],
    reservationMs: 1_000,
  },
});
const client = {
  async createServer(): Promise<void> {
    say("sent");
    if (answers === "never") await new Promise(() => {});
    await new Promise(setImmediate);
  },
};
const operations = { createServer: { kind: "create", resourceType: "server" } } as const;
const guarded = guard.wrap(client, object({ cloud: "acme", operations }));

setInterval(() => {}, 60_000); // neither a wait nor an idle connection keeps a process alive
say("ready");
while ((await state.get("go")) === undefined) await new Promise(setImmediate);

/** Creates until there is no room left. */
async function lane(): Promise<void> {
  for (;;) {
    try {
      await guarded.createServer();
    } catch (error) {
      if (isGuardError(error) && error.code === "ERR_QUOTA_EXCEEDED") return;
      if (!isGuardError(error) || error.code !== "ERR_STATE_UNAVAILABLE") throw error;
    }
  }
}
await Promise.all(Array.from({ length: 8 }, lane));
await guard.close();
await state.close();
say("done");
process.exit(0);
