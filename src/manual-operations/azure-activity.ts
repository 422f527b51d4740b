import * as z from "zod";
import { type Clock, systemClock } from "../core/clock.ts";
import { parseOptions } from "../core/config.ts";
import { fieldsOf, textOf, textsOf, timeOf } from "./fields.ts";
import { readingOf, type Trail, type TrailSpan } from "./trail.ts";
import { intentIn, type TrailEvent, type TrailPrincipal } from "./trail-event.ts";

/** Options of {@link azureActivity}. */
export interface AzureActivityOptions {
  readonly subscriptionId: string;
  /** Gets one page with a credential of yours, and resolves to its parsed JSON; rejects unless the answer is 200. */
  readonly page: (url: string, options: { readonly signal?: AbortSignal | undefined }) => Promise<unknown>;
  /** @defaultValue `https://management.azure.com` */
  readonly endpoint?: string;
  /** Milliseconds after which a record has certainly been delivered. @defaultValue 1200000 */
  readonly deliveryDelayMs?: number;
  /** @defaultValue 10000 */
  readonly maxPages?: number;
  /** @defaultValue the machine's clock */
  readonly clock?: Clock;
}

const schema = z.strictObject({
  subscriptionId: z.string().regex(/^[0-9a-fA-F-]{36}$/, "expected a subscription's id"),
  page: z.function(),
  endpoint: z.url({ protocol: /^https?$/ }).default("https://management.azure.com"),
  deliveryDelayMs: z.number().min(0).default(1_200_000),
  maxPages: z.int().positive().default(10_000),
  clock: z.looseObject({ now: z.function() }).optional(),
});

const upn = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn";
const objectId = "http://schemas.microsoft.com/identity/claims/objectidentifier";

/** The portal's own application: a token was made for it, which a user agent only says. */
const portal = "c44b4083-3bb0-49c1-b47d-974e53cbdf3c";

function principalOf(caller: unknown, claims: Readonly<Record<string, unknown>>): TrailPrincipal | undefined {
  const client = textOf(claims.appid) ?? textOf(claims.azp);
  const person = textOf(claims[upn]);
  const ids = textsOf(person === undefined ? [client, claims[objectId], caller] : [person, claims[objectId], caller]);
  const [id] = ids;
  if (id === undefined) return undefined;
  return { id, type: person === undefined ? "Application" : "User", name: textOf(claims.name) ?? textOf(caller), ids };
}

const valueIn = (field: unknown): string | undefined => textOf(fieldsOf(field).value) ?? textOf(field);

/**
 * Reads one event of the activity log. Beginning and end of an operation have the same `id`.
 * @returns `undefined` if it is none; `"other"` for what is no operation of anybody, e.g. service health.
 * @see Azure Monitor, "Azure activity log event schema", read 2026-11
 */
function azureActivityEvent(value: unknown): TrailEvent | "other" | undefined {
  const record = fieldsOf(value);
  const category = valueIn(record.category);
  if (category !== undefined && category !== "Administrative") return "other";
  const at = timeOf(record.eventTimestamp);
  const operation = valueIn(record.operationName);
  const id = textOf(record.operationId) ?? textOf(record.eventDataId);
  if (at === undefined || operation === undefined || id === undefined) return undefined;
  const http = fieldsOf(record.httpRequest);
  const claims = fieldsOf(record.claims);
  const [provider = "azure"] = operation.split("/");
  const status = valueIn(record.subStatus);
  return {
    cloud: "azure",
    id,
    at,
    service: provider,
    operation,
    readOnly: /\/read$/i.test(operation),
    account: textOf(record.subscriptionId),
    requestIds: textsOf([record.correlationId, http.clientRequestId, record.operationId]),
    principal: principalOf(record.caller, claims),
    resources: textsOf([record.resourceId]),
    error: valueIn(record.status) === "Failed" ? (status ?? "Failed") : undefined,
    console: claims.appid === portal,
    sourceIp: textOf(http.clientIpAddress) ?? textOf(claims.ipaddr),
    intent: intentIn(textOf(record.correlationId), textOf(http.clientRequestId)),
  };
}

/**
 * Reads a subscription's activity log, which Azure keeps for 90 days, page by page. A page that
 * cannot be had fails the iteration, and so does a link that leads to another host: your credential
 * would follow it.
 *
 * @param options - See {@link AzureActivityOptions}.
 * @returns A trail of one subscription.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 * @example
 * import { azureActivity } from "provider-guard/manual-operations";
 * declare function token(): Promise<string>;
 * const trail = azureActivity({
 *   subscriptionId: "089bd33f-d4ec-47fe-8ba5-0753aa5c5b33",
 *   async page(url, { signal = null }) {
 *     const answer = await fetch(url, { signal, headers: { authorization: `Bearer ${await token()}` } });
 *     if (!answer.ok) throw new Error(`activity log: ${answer.status}`);
 *     return answer.json();
 *   },
 * });
 * @see Azure Monitor REST API, "Activity Logs - List", read 2026-11
 */
export function azureActivity(options: AzureActivityOptions): Trail {
  const { subscriptionId, endpoint, deliveryDelayMs, maxPages } = parseOptions(schema, options, "azureActivity");
  const { origin } = new URL(endpoint);
  const { page, clock = systemClock } = options;

  function first({ from, to }: TrailSpan): string {
    const times = `eventTimestamp ge '${new Date(from).toISOString()}' and eventTimestamp le '${new Date(to).toISOString()}'`;
    const path = `/subscriptions/${subscriptionId}/providers/Microsoft.Insights/eventtypes/management/values`;
    return `${origin}${path}?api-version=2015-04-01&$filter=${encodeURIComponent(times)}`;
  }

  return {
    cloud: "azure",
    deliveryDelayMs,
    account: subscriptionId,
    read: (span, { signal } = {}) =>
      readingOf(span, async function* (notes) {
        const askedAt = clock.now();
        let url: string | undefined = first(span);
        for (let pages = 0; url !== undefined; pages++) {
          signal?.throwIfAborted();
          if (pages === maxPages) throw new Error("activity log: more pages than maxPages");
          const answer = fieldsOf(await page(url, { signal }));
          if (!Array.isArray(answer.value)) throw new Error("activity log: not a page");
          for (const item of answer.value) {
            const event = azureActivityEvent(item);
            if (event === undefined) notes.malformed++;
            else if (event !== "other") yield event;
          }
          const next: string | undefined = typeof answer.nextLink === "string" ? answer.nextLink : undefined;
          if (next !== undefined && new URL(next).origin !== origin)
            throw new Error("activity log: a link to elsewhere");
          url = next;
        }
        notes.deliveredTo = Math.min(span.to, askedAt - deliveryDelayMs);
      }),
  };
}
