import { OpenIntents } from "../../../audit/open-intents.ts";
import { CallJoiner } from "../call-joiner.ts";
import type { CallEntry, Entry, Facts, NoticeEntry } from "../entries.ts";
import { refText } from "../entry-line.ts";
import { type Fields, fieldsIn, numberIn, textIn, timeIn } from "../fields.ts";
import type { JournalLine } from "../journal-reader.ts";
import { Groups } from "./groups.ts";
import { TimeBuckets } from "./time-buckets.ts";

/** How calls ended, in the order of the chart. */
export const endings = ["ok", "failed", "unknown", "not-sent", "refused"] as const;
export type Ending = (typeof endings)[number];

const zero = { ok: 0, failed: 0, unknown: 0, "not-sent": 0, refused: 0 };

const endingOf = (result: string): Ending =>
  (endings as readonly string[]).includes(result) ? (result as Ending) : "unknown";

const mostListed = 100;

/** The last items of a list, and how many there were. */
class Latest<T> {
  items: T[] = [];
  count = 0;
  add(item: T): void {
    this.count++;
    this.items.push(item);
    if (this.items.length > 2 * mostListed) this.items = this.last();
  }
  last(): T[] {
    return this.items.slice(-mostListed);
  }
}

/** An event that everybody writes at every start tells nothing by itself. */
const everyday = new Set(["opened"]);

/** An intent without a clear outcome. */
export interface Unfinished {
  readonly at: number | undefined;
  readonly call: string;
  readonly operation: string;
  readonly owner: string;
}

/** What a report says, added up while the journal is read once. Memory does not grow with the journal. */
export class Tally {
  readonly timeline = new TimeBuckets(endings);
  readonly changes = { ...zero };
  readonly reads = { ...zero };
  readonly refusals = new Groups<{ phase: string; code: string }, { refused: number; observed: number }>({
    refused: 0,
    observed: 0,
  });
  readonly throttling = new Groups<
    { service: string; region: string; operation: string },
    { attempts: number; throttled: number; waits: number; waitedMs: number }
  >({ attempts: 0, throttled: 0, waits: 0, waitedMs: 0 });
  readonly clusters = new Groups<{ cluster: string; operation: string }, typeof zero>(zero);
  readonly machines = new Groups<{ cluster: string; machine: string; operation: string }, typeof zero>(zero);
  readonly events = new Groups<{ event: string }, { count: number }>({ count: 0 });
  readonly notices = new Latest<NoticeEntry>();
  readonly manual = new Latest<CallEntry>();
  from = Number.POSITIVE_INFINITY;
  to = Number.NEGATIVE_INFINITY;
  readonly #joiner = new CallJoiner();
  readonly #intents = new OpenIntents();

  see(line: JournalLine): void {
    this.#follow(line);
    const entry = this.#joiner.see(line);
    if (entry !== undefined) this.#count(entry);
  }

  /** Intents without a clear outcome, the oldest first, as many as are listed; and how many there are. */
  unfinished(): { readonly count: number; readonly oldest: readonly Unfinished[] } {
    const oldest = this.#intents
      .list()
      .slice(0, mostListed)
      .map(({ call, at, operation, owner }) => {
        const { cluster, machine } = fieldsIn(owner);
        return { call: String(call), at: timeIn(at), operation: String(operation), owner: nameOf(cluster, machine) };
      });
    return { count: this.#intents.size, oldest };
  }

  #follow({ record, text }: JournalLine): void {
    const type = textIn(record.type) ?? "";
    const call = textIn(record.call);
    const at = numberIn(record.at);
    const result = textIn(record.result);
    if (type === "intent" && textIn(fieldsIn(record.target).service) === undefined) return; // nothing a guard wrote
    this.#intents.see({
      text,
      type,
      ...(call === undefined ? {} : { call }),
      ...(at === undefined ? {} : { at }),
      ...(result === undefined ? {} : { result }),
    });
  }

  #count(entry: Entry): void {
    if (entry.at !== undefined) {
      this.from = Math.min(this.from, entry.at);
      this.to = Math.max(this.to, entry.at);
    }
    if (entry.kind === "call") this.#call(entry);
    else {
      this.events.at({ event: entry.event }).count++;
      if (!everyday.has(entry.event)) this.notices.add(entry);
    }
  }

  #call(entry: CallEntry): void {
    const { facts, at, decisions, attempts } = entry;
    const ending = endingOf(entry.result);
    const operation = facts?.operation ?? "(unknown)";
    (facts?.kind === "read" ? this.reads : this.changes)[ending]++;
    if (at !== undefined) this.timeline.add(at, ending);
    const cluster = refText(facts?.cluster);
    const machine = facts?.machine;
    this.clusters.at({ cluster, operation })[ending]++;
    if (machine !== undefined) this.machines.at({ cluster, machine: machine.name || machine.uid, operation })[ending]++;
    if (facts !== undefined && facts.operator !== "") this.manual.add(entry);

    let explained = false;
    for (const { phase, verdict, code } of decisions) {
      if (verdict !== "refuse" && verdict !== "would-refuse") continue;
      const counts = this.refusals.at({ phase, code: code ?? "" });
      if (verdict === "refuse") counts.refused++;
      else counts.observed++;
      explained ||= verdict === "refuse";
    }
    if (ending === "refused" && !explained) this.refusals.at({ phase: "", code: entry.code ?? "" }).refused++;

    if (attempts.length === 0) return;
    const place = {
      service: serviceOf(facts),
      region: facts?.region ?? "",
      operation,
    };
    const counts = this.throttling.at(place);
    for (const { result, waitedMs } of attempts) {
      counts.attempts++;
      if (result === "throttled") counts.throttled++;
      if (waitedMs <= 0) continue;
      counts.waits++;
      counts.waitedMs += waitedMs;
    }
  }
}

function serviceOf(facts: Facts | undefined): string {
  const { cloud = "", service = "" } = facts ?? {};
  return cloud === service ? service : `${cloud} ${service}`.trim();
}

function nameOf(cluster: unknown, machine: unknown): string {
  const text = (value: Fields) => textIn(value.name) ?? textIn(value.uid);
  return [text(fieldsIn(cluster)), text(fieldsIn(machine))].filter(Boolean).join(" ") || "-";
}
