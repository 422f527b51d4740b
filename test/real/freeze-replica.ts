// A replica: tries to delete a server again and again, and prints how that ends whenever it changes.
// SIGUSR2 makes it set the emergency stop.
import { writeSync } from "node:fs";
import { createGuard, systemClock } from "provider-guard";
import { fileState } from "provider-guard/file";
import { object } from "provider-guard/object";
import { redisState } from "provider-guard/redis";

const [kind, place = ""] = process.argv.slice(2);
const state = kind === "redis" ? redisState({ url: place }) : fileState({ directory: place });
const guard = await createGuard({
  owner: { managementCluster: "b3f0a1de-kube-system", provider: "infrastructure-acme" },
  audit: false,
  rateLimit: false,
  state,
});
const servers = { async delete() {} };
const client = guard.wrap(servers, object({ cloud: "acme", operations: { delete: { kind: "delete" } } }));

let last = "";
async function attempt(): Promise<void> {
  const outcome = await client.delete().then(
    () => "sent",
    (error: { code: string }) => error.code,
  );
  if (outcome !== last) writeSync(1, `${outcome}\n`);
  last = outcome;
  systemClock.setTimeout(() => void attempt(), 20);
}

process.on("SIGUSR2", () => void guard.freeze({ reason: "incident 42", by: "alice" }));
setInterval(() => {}, 60_000); // nothing of the guard keeps a process alive
await attempt();
