import * as z from "zod";
import { parseOptions } from "../core/config.ts";
import type { Entry } from "../core/ledger.ts";
import type { DocumentPlace } from "../core/shared-document.ts";
import { type LedgerChange, type SharedLedger, saying, sharedLedger } from "../core/shared-ledger.ts";
import { type FreezeScope, scopeKey, scopeOf, scopeSchema } from "./scope.ts";

/** One emergency stop that is in force: what it stops, why, by whom and since when. */
export interface Freeze {
  readonly scope: FreezeScope;
  readonly reason: string;
  readonly by: string;
  /** Unix milliseconds. */
  readonly since: number;
  /** Whether the state store has it; until then other replicas go on. */
  readonly kept: boolean;
}

/** What is said when the emergency stop is set. */
export interface FreezeOptions {
  /** For the people who will find it frozen. */
  readonly reason: string;
  /** Who sets it. */
  readonly by: string;
  /** @defaultValue `"all"` */
  readonly scope?: FreezeScope;
  readonly signal?: AbortSignal;
}

/** What is said when the emergency stop is ended. */
export interface ThawOptions {
  /** Who ends it. */
  readonly by: string;
  /** The scope that was frozen; other stops stay in force. @defaultValue `"all"` */
  readonly scope?: FreezeScope;
  readonly reason?: string;
  readonly signal?: AbortSignal;
}

/** Emergency stops, as they are kept in a state store. */
export interface Stops {
  readonly ledger: SharedLedger;
  inForce(): readonly Freeze[];
  freeze(options: FreezeOptions): Promise<void>;
  thaw(options: ThawOptions): Promise<boolean>;
}

const freezeSchema = z.strictObject({ ...saying, scope: scopeSchema.default("all") });
const thawSchema = freezeSchema.extend({ reason: saying.reason.optional() });

/** Somebody meant to stop something. */
const unreadable: Entry = {
  id: "unreadable",
  key: scopeKey("all"),
  by: "unknown",
  reason: "the stop that was kept in the state store cannot be read",
  at: 0,
};

/** Reads and writes the stops of a state store. */
export function stopsIn(place: Omit<DocumentPlace, "key">, changed?: (change: LedgerChange) => void): Stops {
  const ledger = sharedLedger({ ...place, key: "emergency-stop", unreadable, ...(changed && { changed }) });
  return {
    ledger,
    inForce: () =>
      [...ledger.standing.values()].map((entry) => {
        const { key, reason, by, at } = entry;
        return { scope: scopeOf(key), reason, by, since: at, kept: ledger.kept(entry) };
      }),
    async freeze(options) {
      const { reason, by, scope, signal } = parseOptions(freezeSchema, options, "freeze");
      await ledger.set({ key: scopeKey(scope), by, reason }, signal);
    },
    async thaw(options) {
      const { by, scope, reason, signal } = parseOptions(thawSchema, options, "thaw");
      return ledger.end(scopeKey(scope), by, { reason, signal });
    },
  };
}
