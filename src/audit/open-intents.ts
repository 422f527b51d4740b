import type { IntentRecord, OpenIntent } from "../core/journal.ts";
import type { CarriedRecord } from "./line.ts";
import type { StoredLine } from "./stored-line.ts";

/** The line or record it was read from, or what an earlier segment's writer made of it. */
type Followed = StoredLine | OpenIntent;

/**
 * Follows which intents are without a clear outcome. Memory grows with those alone.
 * A call that resumes an earlier one has an id of its own and the earlier one's token: its clear
 * outcome settles both.
 */
export class OpenIntents {
  readonly #open = new Map<string, Followed>();
  /** Tokens of calls that carry another one than their own id. */
  readonly #tokens = new Map<string, string>();
  /** The same calls, by what they carry. */
  readonly #carriers = new Map<string, Set<string>>();

  get size(): number {
    return this.#open.size;
  }

  /** Oldest first. */
  list(): readonly OpenIntent[] {
    return [...this.#open.values()]
      .sort((a, b) => Number(a.at) - Number(b.at))
      .map((seen) => ("text" in seen ? view(parsed<IntentRecord>(seen.text) as IntentRecord) : seen));
  }

  has(call: string): boolean {
    return this.#open.has(call);
  }

  /** Follows intents no longer that are older than a point in time, in Unix milliseconds. */
  forgetBefore(time: number): void {
    for (const [call, { at }] of this.#open) if (Number(at) < time) this.#close(call);
  }

  /** Takes notice of any line. */
  see(line: StoredLine): void {
    const { type, call, at } = line;
    if (type === "open") this.#carried(line.text);
    if (call === undefined) return;
    if (type === "intent" && at !== undefined) this.#follow(call, line, tokenOf(line));
    else if (type === "outcome") this.#outcome(call, line.result);
  }

  #carried(text: string): void {
    for (const intent of intentsIn(text)) {
      if (!this.#open.has(intent.call)) this.#follow(intent.call, intent, intent.token);
    }
  }

  #follow(call: string, seen: Followed, token: string | undefined): void {
    this.#open.set(call, seen);
    if (token === undefined || token === call) return;
    this.#tokens.set(call, token);
    const carriers = this.#carriers.get(token);
    if (carriers === undefined) this.#carriers.set(token, new Set([call]));
    else carriers.add(call);
  }

  #outcome(call: string, result: string | undefined): void {
    if (result === "unknown") return;
    const token = this.#tokens.get(call);
    this.#close(call);
    if (result === "not-sent") return;
    // This call may have been resumed by others, or have resumed one.
    for (const carrier of this.#carriers.get(token ?? call) ?? []) this.#close(carrier);
    if (token !== undefined) this.#close(token);
  }

  #close(call: string): void {
    this.#open.delete(call);
    const token = this.#tokens.get(call);
    if (token === undefined) return;
    this.#tokens.delete(call);
    const carriers = this.#carriers.get(token);
    carriers?.delete(call);
    if (carriers?.size === 0) this.#carriers.delete(token);
  }
}

/** What a line says that takes open intents over; whoever forged it may have written anything. */
function intentsIn(text: string): readonly OpenIntent[] {
  const { intents } = parsed<CarriedRecord>(text);
  return Array.isArray(intents) ? intents.filter((intent) => typeof intent?.call === "string") : [];
}

/** A line that was changed is found by the next one's `prev`, and need not be JSON until then. */
function parsed<T extends object>(text: string): Partial<T> {
  try {
    return JSON.parse(text) as Partial<T>;
  } catch {
    return {};
  }
}

/** Nearly all tokens are the call's own id; only the others are worth parsing a line. */
function tokenOf({ call, text, token }: StoredLine): string | undefined {
  if (token !== undefined) return token ?? undefined;
  if (text.includes(`,"token":"${call}"`) || !text.includes('"token":"')) return undefined;
  return parsed<IntentRecord>(text).token;
}

const view = ({ call, at, operation, target, owner, token, fingerprint }: IntentRecord): OpenIntent => ({
  call,
  at,
  operation,
  service: String(target?.service), // whoever forged a line may have left it out
  owner,
  ...(token === undefined ? {} : { token }),
  ...(fingerprint === undefined ? {} : { fingerprint }),
});
