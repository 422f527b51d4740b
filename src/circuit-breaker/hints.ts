import * as z from "zod";
import { newId } from "../core/id.ts";
import type { Runtime } from "../core/runtime.ts";
import type { LedgerExtra } from "../core/shared-ledger.ts";
import type { CircuitNews } from "./circuit.ts";
import { keySchema } from "./circuit-key.ts";

const maxHints = 100;
const closedForMs = 60_000; // how long it is worth knowing that a circuit has closed
const aboutTheSameMs = 1_000;

const milliseconds = z.number().min(0);
const schema = z.object({
  key: keySchema,
  state: z.enum(["open", "closed"]),
  pauseMs: milliseconds,
  restMs: milliseconds,
  /** Unix milliseconds, by the clock of whoever wrote it. */
  at: z.number(),
  replica: z.string(),
});

type Hint = z.infer<typeof schema>;

/** What replicas tell each other of circuits that opened or closed by themselves. */
export interface Hints extends LedgerExtra {
  /** Tells the others, with whatever is written next. */
  announce(news: CircuitNews): void;
}

/** Reads what it can of what is in the store. */
function read(extra: unknown): Hint[] {
  if (!Array.isArray(extra)) return [];
  return extra.slice(0, maxHints).flatMap((item) => schema.safeParse(item).data ?? []);
}

const endOf = ({ state, at, restMs }: Hint) => at + (state === "open" ? restMs : closedForMs);
const nameOf = ({ replica, key, at }: Hint) => `${replica} ${key} ${at}`;

/**
 * Makes this replica's share of the hints. Each is heeded once, and by others only. A clock that is
 * ahead makes hints of others look older, at worst over; one that is behind makes them look new.
 *
 * @param heed - Is given each hint of another replica, with the rest of its pause, and its age in milliseconds.
 */
export function hints(
  { clock, random }: Pick<Runtime, "clock" | "random">,
  heed: (news: CircuitNews, ageMs: number) => void,
): Hints {
  const replica = newId(clock, random);
  const untold = new Map<string, Hint>();
  let heeded: ReadonlySet<string> = new Set();

  return {
    announce(news) {
      untold.delete(news.key); // the newest are the last
      untold.set(news.key, { ...news, at: clock.now(), replica });
      if (untold.size > maxHints) untold.delete(untold.keys().next().value as string);
    },
    seen(extra) {
      const found = read(extra);
      for (const hint of found) {
        if (hint.replica === replica) {
          if (untold.get(hint.key)?.at === hint.at) untold.delete(hint.key);
        } else if (!heeded.has(nameOf(hint))) {
          const ageMs = Math.max(0, clock.now() - hint.at);
          const restMs = hint.restMs - ageMs;
          if (hint.state === "closed" || restMs > 0) heed({ ...hint, restMs }, ageMs);
        }
      }
      heeded = new Set(found.map(nameOf));
    },
    owed(extra) {
      const now = clock.now();
      const told = new Map(read(extra).flatMap((hint) => (endOf(hint) > now ? [[hint.key, hint] as const] : [])));
      for (const [key, hint] of untold) {
        const other = told.get(key);
        const same = other?.state === hint.state && endOf(other) >= endOf(hint) - aboutTheSameMs;
        if (same || endOf(hint) <= now) untold.delete(key); // the others know, or need not
      }
      if (untold.size === 0) return undefined;
      const all = [...told, ...untold].sort(([, a], [, b]) => a.at - b.at);
      return [...new Map(all).values()].slice(-maxHints);
    },
  };
}
