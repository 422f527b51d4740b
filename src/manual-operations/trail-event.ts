/** Who made a request, by every name that the trail has for them. */
export interface TrailPrincipal {
  /** The name that stays: a role's ARN, an application's client id, a service account's address, a user's id. */
  readonly id: string;
  /** The cloud's own word for what it is, e.g. `AssumedRole`. */
  readonly type: string;
  readonly name?: string | undefined;
  /** Name of the session, where the credential is a temporary one. */
  readonly session?: string | undefined;
  /** Every identifier by which `principals` may name them, `id` included. */
  readonly ids: readonly string[];
}

/** One request as the cloud's own trail tells of it, the same for every cloud. Texts are cut at 512 characters. */
export interface TrailEvent {
  /** As adapters name it, e.g. `aws`. */
  readonly cloud: string;
  /** The same for the same request, however often the trail tells of it. */
  readonly id: string;
  /** Unix milliseconds. */
  readonly at: number;
  readonly service: string;
  readonly operation: string;
  readonly readOnly: boolean;
  readonly account?: string | undefined;
  readonly region?: string | undefined;
  /** Every identifier of the request that a client may have seen in its answer. */
  readonly requestIds: readonly string[];
  readonly principal?: TrailPrincipal | undefined;
  readonly userAgent?: string | undefined;
  /** Identifiers of what the request was about. */
  readonly resources: readonly string[];
  /** The cloud's code of the failure. */
  readonly error?: string | undefined;
  /** Whether it came from the cloud's web console: by identity where the trail says so, else by user agent. */
  readonly console: boolean;
  /** The cloud's own service that made the request, for itself or on somebody's behalf. */
  readonly byService?: string | undefined;
  readonly sourceIp?: string | undefined;
  /** A guard's call id that the request carried. Anybody can copy one: it is believed only where it fits. */
  readonly intent?: string | undefined;
}

const id = "[0-9a-hjkmnp-tv-z]{26}";
const whole = new RegExp(`^${id}$`);
const marked = new RegExp(`provider-guard-intent[#=:/-](${id})(?![0-9a-z])`);

/** The call id in a user agent, a request's reason, a correlation id or a session's name. */
export function intentIn(...texts: readonly (string | undefined)[]): string | undefined {
  for (const text of texts) {
    if (text === undefined) continue;
    const found = whole.test(text) ? text : marked.exec(text)?.[1];
    if (found !== undefined) return found;
  }
  return undefined;
}
