import type { IntentRecord, OpenIntent } from "../core/journal.ts";
import type { StoredLine } from "./stored-line.ts";

/** An intent whose outcome has not been read yet. */
interface Followed {
  readonly text: string;
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
  readonly #since: number;

  /** @param since - Unix milliseconds; older intents are not followed. */
  constructor(since = Number.NEGATIVE_INFINITY) {
    this.#since = since;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Oldest first. */
  list(): readonly OpenIntent[] {
    return [...this.#open.values()].sort((a, b) => a.at - b.at).map(({ text }) => view(JSON.parse(text)));
  }

  /** Takes notice of any line. */
  see(line: StoredLine): void {
    const { type, call, at, result } = line;
    if (call === undefined) return;
    if (type === "intent" && at !== undefined && at >= this.#since) this.#intent(call, at, line.text);
    else if (type === "outcome") this.#outcome(call, result);
  }

  #intent(call: string, at: number, text: string): void {
    const token = foreignToken(call, text);
    this.#open.set(call, { text, at, token });
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

/** Nearly all tokens are the call's own id; only the others are worth parsing a line. */
function foreignToken(call: string, text: string): string | undefined {
  if (!text.includes('"token":"') || text.includes(`,"token":"${call}"`)) return undefined;
  const { token } = JSON.parse(text) as Partial<IntentRecord>;
  return token === call ? undefined : token;
}

const view = ({ call, at, operation, target, owner, token, fingerprint }: IntentRecord): OpenIntent => ({
  call,
  at,
  operation,
  service: target.service,
  owner,
  ...(token === undefined ? {} : { token }),
  ...(fingerprint === undefined ? {} : { fingerprint }),
});
