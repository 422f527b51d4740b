// A provider that works at full speed until somebody kills it: creates, deletes and lists servers
// of one cluster through a guarded fetch, and prints a line once its journal is open.
import { writeSync } from "node:fs";
import { createGuard, fileJournal } from "provider-guard";
import { fetchAdapter } from "provider-guard/fetch";

const [directory = "", url = ""] = process.argv.slice(2);

const guard = await createGuard({
  owner: { managementCluster: "mc-uid", provider: "infrastructure-acme" },
  audit: fileJournal({ directory, segmentBytes: 64 * 1024 }), // small: kills are to hit rotations, too
  rateLimit: { rules: [{ name: "wide", ratePerSecond: 1e6, burst: 1e6 }] },
});
const fetch = guard.wrap(
  globalThis.fetch,
  fetchAdapter({
    cloud: "acme",
    basePath: new URL(url).pathname,
    intentHeader: "x-intent",
    routes: [
      {
        operation: "CreateServer",
        method: "POST",
        path: "/servers",
        kind: "create",
        tags: "labels",
        token: { header: "idempotency-key" },
      },
      { operation: "DeleteServer", method: "DELETE", path: "/servers/{id}", kind: "delete", targets: ["id"] },
      { operation: "ListServers", method: "GET", path: "/servers", kind: "read" },
    ],
  }),
);
writeSync(1, "ready\n");

let number = 0;
async function work(lane: number): Promise<void> {
  for (;;) {
    const name = `m-${lane}-${number++}`;
    await fetch(`${url}/servers`, { method: "POST", body: JSON.stringify({ name }) });
    await fetch(`${url}/servers`);
    await fetch(`${url}/servers/${name}`, { method: "DELETE" });
  }
}

const cluster = { namespace: "default", name: "a", uid: "uid-a" };
await guard.reconcile({ cluster }, () => Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(work)));
