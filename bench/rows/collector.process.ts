// One pass over so many resources, a twentieth of them orphans, with marks on disk; then the plan. Prints
// the seconds it took without the inventory's own, and the most megabytes that were resident.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { plainTags } from "provider-guard";
import { fileState } from "provider-guard/file";
import { type GarbageInventory, type GarbageItem, garbageCollector, stateMarks } from "provider-guard/garbage";

const [who = "ours", text = "1000000"] = process.argv.slice(2);
const count = Number(text);
const pageSize = 1000;
const managementCluster = "bench";
const createdAt = Date.UTC(2026, 0);

function item(index: number): GarbageItem {
  const uid = index % 20 === 7 ? "cluster-gone" : `cluster-${index % 100}`;
  const owner = { managementCluster, provider: "bench", cluster: { namespace: "default", name: uid, uid } };
  return {
    id: `vm-${String(index).padStart(9, "0")}`,
    type: "vm",
    createdAt,
    tags: plainTags.encode(owner, createdAt, "call"),
  };
}

/** Milliseconds that making up the pages took: a cloud's answer costs something, too, but not the collector. */
let makingMs = 0;

function page(at: number): readonly GarbageItem[] {
  const from = performance.now();
  const items = Array.from({ length: Math.min(pageSize, count - at) }, (_, index) => item(at + index));
  makingMs += performance.now() - from;
  return items;
}

let peak = 0;
const watch = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss());
}, 20);

const inventory: GarbageInventory = {
  scope: "bench",
  codec: plainTags,
  types: [{ name: "vm", holdsData: false }],
  async *list() {
    for (let at = 0; at < count; at += pageSize) {
      yield { items: page(at), ...(at + pageSize < count && { next: String(at + pageSize) }) };
      await new Promise((resolve) => setImmediate(resolve));
    }
  },
  read: async () => undefined,
  delete: async () => "gone",
};

const clusters = new Set(Array.from({ length: 100 }, (_, index) => `cluster-${index}`));

/** What one would wire by hand: everything in memory, compared at the end. */
async function byHand(): Promise<number> {
  const all: GarbageItem[] = [];
  for await (const { items } of inventory.list("vm", { signal: new AbortController().signal })) all.push(...items);
  const since = new Map<string, number>();
  for (const { id, tags } of all) {
    const owner = tags === "unknown" ? undefined : plainTags.decode(tags);
    if (owner?.clusterUid !== undefined && !clusters.has(owner.clusterUid)) since.set(id, Date.now());
  }
  return since.size;
}

async function ours(directory: string): Promise<number> {
  const state = await fileState({ directory });
  const live = { managementCluster, clusters, machines: new Set<string>() };
  const collector = garbageCollector({
    owner: { provider: "bench" },
    inventory,
    owners: { read: async () => ({ ...live, beganAt: Date.now() }) },
    marks: stateMarks({ state }),
    policy: { default: { graceMs: 3_600_000, action: "delete" } },
  });
  await collector.scan();
  let planned = 0;
  for await (const _ of collector.decisions()) planned++;
  collector.close();
  await state.close();
  return planned;
}

const directory = await mkdtemp(join(tmpdir(), "provider-guard-bench-"));
const from = performance.now();
const found = await (who === "ours" ? ours(directory) : byHand());
const seconds = (performance.now() - from - makingMs) / 1000;
clearInterval(watch);
await rm(directory, { recursive: true, force: true });
if (found !== count / 20) throw new Error(`found ${found} orphans`);
process.stdout.write(`${JSON.stringify({ seconds, peakMb: Math.max(peak, process.memoryUsage.rss()) / 1e6 })}\n`);
process.exit(0);
