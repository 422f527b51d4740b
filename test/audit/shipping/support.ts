import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock, Gauges, Random } from "provider-guard";
import type { ShippedObject, ShippingOptions, ShippingSink } from "provider-guard/audit";
import { shipping } from "provider-guard/audit";
import { type SimulatedClock, seededRandom, simulatedClock } from "provider-guard/testing";
import type { FileJournal, FileJournalOptions } from "../../../src/audit/file-journal.ts";
import { fileJournal } from "../../../src/audit/file-journal.ts";
import { cleanup, intent, outcome, principal } from "../support.ts";

/** A sink in memory that does as it is told. */
export interface FakeSink extends ShippingSink {
  /** What arrived, by name. */
  readonly objects: Map<string, Buffer>;
  /** Names in the order in which they came. */
  readonly asked: string[];
  /** Does something before the object is taken; what it throws, the sink throws. */
  before: (object: ShippedObject, signal: AbortSignal) => unknown;
  /** The same after it was taken. */
  after: (object: ShippedObject) => unknown;
}

export function fakeSink(name = "fake"): FakeSink {
  const sink: FakeSink = {
    name,
    objects: new Map(),
    asked: [],
    before() {},
    after() {},
    async put(object, { signal }) {
      sink.asked.push(object.name);
      await sink.before(object, signal);
      const known = sink.objects.get(object.name);
      if (known !== undefined && !known.equals(object.bytes)) throw new Error(`${object.name} came with other bytes`);
      sink.objects.set(object.name, Buffer.from(object.bytes));
      await sink.after(object);
    },
  };
  return sink;
}

/** The files that a sink can put together again: objects of each file in the order of their names, without a gap. */
export function shippedFiles(sink: FakeSink): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const name of [...sink.objects.keys()].sort()) {
    const [, file = "", range = ""] = name.split("/");
    const [start, end] = range.split("-").map(Number);
    const before = files.get(file) ?? Buffer.alloc(0);
    if (before.length !== start) throw new Error(`${name}: a gap or an overlap after byte ${before.length}`);
    files.set(file, Buffer.concat([before, sink.objects.get(name) as Buffer]));
    if (files.get(file)?.length !== end) throw new Error(`${name}: not as many bytes as it says`);
  }
  return files;
}

/** Segments and checkpoints of a directory. */
export function journalFiles(directory: string): Map<string, Buffer> {
  const names = readdirSync(directory).filter((name) => name.endsWith(".jsonl"));
  return new Map(names.sort().map((name) => [name, readFileSync(join(directory, name))]));
}

export interface ShippingJournal {
  readonly journal: FileJournal;
  readonly clock: SimulatedClock;
  /** Records so many calls, durably. */
  record(calls: number): Promise<void>;
}

let calls = 0;

/** A journal on a real directory and virtual time, which ships. */
export async function shippingJournal(
  directory: string,
  options: ShippingOptions,
  {
    clock = simulatedClock(),
    on = clock,
    random = seededRandom(3),
    telemetry,
    ...more
  }: {
    clock?: SimulatedClock;
    /** The clock of this process alone. */
    on?: Clock;
    random?: Random;
    telemetry?: Gauges;
  } & Partial<FileJournalOptions> = {},
): Promise<ShippingJournal> {
  const source = fileJournal({ directory, ...more, followers: [...(more.followers ?? []), shipping(options)] });
  const journal = await clock.runUntil(source.open({ clock: on, random, principal, ...(telemetry && { telemetry }) }));
  cleanup(() => journal.abandon());
  return {
    journal,
    clock,
    async record(count) {
      const appended = Array.from({ length: count }, async () => {
        const call = `c${++calls}`;
        await journal.append(intent(call));
        journal.enqueue(outcome(call));
      });
      await clock.runUntil(Promise.all(appended).then(() => journal.flush()));
    },
  };
}
