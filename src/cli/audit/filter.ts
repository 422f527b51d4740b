import { UsageError } from "../command.ts";
import { type Entry, type RefView, results } from "./entries.ts";

/** Options of every command that shows some of a journal's calls. */
export const filterOptions = {
  cluster: { type: "string" },
  operation: { type: "string" },
  result: { type: "string" },
  since: { type: "string" },
  until: { type: "string" },
} as const;

/** How they are explained. */
export const filterHelp = `  --cluster C     calls for this cluster: its name, NAMESPACE/NAME or UID
  --operation OP  calls of this operation; * stands for anything, as in "Delete*"
  --result R      calls that ended so: ${results.join(", ")}
  --since T       from then on: 2026-01-31, 2026-01-31T12:00:00Z, or 90s, 15m, 24h, 7d ago
  --until T       before then`;

/** Whether an entry is wanted. */
export interface Filter {
  readonly matches: (entry: Entry) => boolean;
  /** Whether nothing but a call may match. */
  readonly callsOnly: boolean;
  /** Whether a result was asked for. */
  readonly byResult: boolean;
}

type FilterValues = { readonly [name in keyof typeof filterOptions]?: string | undefined };

/**
 * Reads the filter from the command line.
 *
 * @param now - Unix milliseconds, for times that are given as an age.
 * @throws {@link UsageError}
 */
export function readFilter({ cluster, operation, result, since, until }: FilterValues, now: number): Filter {
  if (result !== undefined && !(results as readonly string[]).includes(result)) {
    throw new UsageError(`--result: expected one of ${results.join(", ")}, got "${result}"`);
  }
  const from = since === undefined ? Number.NEGATIVE_INFINITY : readTime("--since", since, now);
  const to = until === undefined ? Number.POSITIVE_INFINITY : readTime("--until", until, now);
  const isOperation = operation === undefined ? undefined : pattern(operation);
  const callsOnly = cluster !== undefined || operation !== undefined || result !== undefined;
  return {
    callsOnly,
    byResult: result !== undefined,
    matches(entry) {
      // A time that cannot be read hides nothing.
      if (entry.at !== undefined && (entry.at < from || entry.at >= to)) return false;
      if (entry.kind === "notice") return !callsOnly;
      if (result !== undefined && entry.result !== result) return false;
      if (cluster !== undefined && !names(entry.facts?.cluster, cluster)) return false;
      return isOperation === undefined || isOperation(entry.facts?.operation ?? "");
    },
  };
}

const names = (ref: RefView | undefined, text: string): boolean =>
  ref !== undefined && (ref.name === text || ref.uid === text || `${ref.namespace}/${ref.name}` === text);

/** Without a regular expression: one with many `*` could take for ever. */
function pattern(glob: string): (text: string) => boolean {
  const [first = "", ...rest] = glob.split("*");
  const last = rest.pop();
  if (last === undefined) return (text) => text === glob;
  return (text) => {
    if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false;
    let at = first.length;
    for (const part of rest) {
      const found = text.indexOf(part, at);
      if (found === -1) return false;
      at = found + part.length;
    }
    return at <= text.length - last.length;
  };
}

const unitsMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function readTime(option: string, text: string, now: number): number {
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  if (count !== undefined && unit !== undefined) return now - Number(count) * (unitsMs[unit] ?? 0);
  const at = /^\d{4}-\d\d-\d\d(T|$)/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at)) {
    throw new UsageError(
      `${option}: expected a time as 2026-01-31T12:00:00Z or an age as 90s, 15m, 24h, 7d, got "${text}"`,
    );
  }
  return at;
}
