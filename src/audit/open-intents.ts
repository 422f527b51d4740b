import type { IntentRecord, OpenIntent } from "../core/journal.ts";
import type { CarriedRecord } from "./line.ts";
import type { StoredLine } from "./stored-line.ts";

/** An intent whose outcome has not been read yet. */
interface Followed {
  /** The line or record it was read from, or what an earlier segment's writer made of it. */
  readonly seen: string | OpenIntent;
  readonly at: number;
  /** Present unless the token is the call's own id, or there is none. */
  readonly token: string | undefined;
}

/**
 * Follows which intents are without a clear outcome. Memory grows with those alone.
 * A call that resumes an earlier one has an id of its own and the earlier one's token: its clear
 * outcome settles both.
 */
export class OpenIntents {
  readonly #open = new Map<string, Followed>();
  /** Calls that carry a token other than their own id. */
  readonly #carriers = new Map<string, Set<string>>();

  get size(): number {
    return this.#open.size;
  }

  /** Oldest first. */
  list(): readonly OpenIntent[] {
    return [...this.#open.values()]
      .sort((a, b) => a.at - b.at)
      .map(({ seen }) => (typeof seen === "string" ? view(parsed<IntentRecord>(seen) as IntentRecord) : seen));
  }

  has(call: string): boolean {
    return this.#open.has(call);
  }

  /** Follows intents no longer that are older than a point in time, in Unix milliseconds. */
  forgetBefore(at: number): void {
    for (const [call, followed] of this.#open) if (followed.at < at) this.#close(call);
  }

  /** Takes notice of any line. */
  see(line: StoredLine): void {
    const { type, call, at, result } = line;
    if (type === "open") this.#carried(line.text);
    if (call === undefined) return;
    if (type === "intent" && at !== undefined) this.#follow(call, at, line.text, foreignToken(call, line.text));
    else if (type === "outcome") this.#outcome(call, result);
  }

  #carried(text: string): void {
    for (const intent of intentsIn(text)) {
      const { call, at, token } = intent;
      if (!this.#open.has(call)) this.#follow(call, at, intent, token === call ? undefined : token);
    }
  }

  #follow(call: string, at: number, seen: string | OpenIntent, token: string | undefined): void {
    this.#open.set(call, { seen, at, token });
    if (token === undefined) return;
    const carriers = this.#carriers.get(token);
    if (carriers === undefined) this.#carriers.set(token, new Set([call]));
    else carriers.add(call);
  }

  #outcome(call: string, result: string | undefined): void {
    if (result === "unknown") return;
    const token = this.#open.get(call)?.token;
    this.#close(call);
    if (result === "not-sent") return;
    // This call may have been resumed by others, or have resumed one.
    const shared = token ?? call;
    for (const carrier of [...(this.#carriers.get(shared) ?? [])]) this.#close(carrier);
    if (token !== undefined) this.#close(token);
  }

  #close(call: string): void {
    const token = this.#open.get(call)?.token;
    if (!this.#open.delete(call) || token === undefined) return;
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
function foreignToken(call: string, text: string): string | undefined {
  if (!text.includes('"token":"') || text.includes(`,"token":"${call}"`)) return undefined;
  const { token } = parsed<IntentRecord>(text);
  return token === call ? undefined : token;
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
