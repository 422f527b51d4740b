// Counts on a shared counter until its bound, and prints how often it did; with a third argument it
// goes on for ever, taking and giving back, until somebody kills it.
import { writeSync } from "node:fs";
import { redisState } from "provider-guard/redis";

const [url = "", bound = "0", forever] = process.argv.slice(2);
const store = redisState({ url });
const max = Number(bound);

if (forever !== undefined) {
  writeSync(1, "ready\n");
  for (;;) if (!(await store.increment("n", 1, { max })).applied) await store.increment("n", -1, { min: 0 });
}

let applied = 0;
async function lane(): Promise<void> {
  while ((await store.increment("n", 1, { max })).applied) applied++;
}
await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(lane));
writeSync(1, `${applied}\n`);
// Ends here without close(): an idle connection keeps no process alive.
