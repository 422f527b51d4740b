import type { Answer } from "./call.ts";
import type { HeaderReader } from "./header-reader.ts";

interface Left {
  readonly remaining: number;
  readonly resetMs?: number;
}

/** A vendor's header for the requests left, and the one for its reset where there is one. */
const plain: readonly (readonly [remaining: string, reset?: string])[] = [
  ["ratelimit-remaining", "ratelimit-reset"],
  ["x-ratelimit-remaining", "x-ratelimit-reset"],
  ...["subscription", "subscription-global", "tenant"].flatMap((scope) =>
    ["reads", "writes", "deletes", "resource-requests", "resource-entities-read"].map(
      (what) => [`x-ms-ratelimit-remaining-${scope}-${what}`] as const,
    ),
  ),
];

const count = (text: string | undefined) => (text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined);

/**
 * Seconds until a window begins anew. What is longer than a day is a point in time, such as Hetzner's
 * and GitHub's: it says when everything is free again, not how long nothing is.
 */
function resetMs(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d+(?:\.\d+)?$/.test(text)) return undefined;
  const ms = Math.ceil(Number(text) * 1000);
  return ms <= 86_400_000 ? ms : undefined;
}

function readingOf(remaining: string | undefined, reset: string | undefined): Left | undefined {
  const left = count(remaining);
  if (left === undefined) return undefined;
  const ms = resetMs(reset);
  return { remaining: left, ...(ms === undefined ? {} : { resetMs: ms }) };
}

/** `Policy;238,Policy;1190`, as Azure's Compute provider lists what is left. */
const listed = (text: string) => text.split(",").map((item) => readingOf(item.split(";").at(-1)?.trim(), undefined));

const remainingMember = /(?:^|[,\s])remaining=([^,;\s]+)/;
const resetMember = /(?:^|[,\s])reset=([^,;\s]+)/;
const remainingParameter = /;\s*r=([^;\s]+)/;
const resetParameter = /;\s*t=([^;\s]+)/;

/** `"default";r=50;t=30, "day";r=900` of the IETF's draft; until its seventh edition `remaining=50, reset=30`. */
function structured(text: string): (Left | undefined)[] {
  const unquoted = text.replace(/"(?:[^"\\]|\\.)*(?:"|$)/g, "policy"); // a policy's name may hold anything
  const remaining = remainingMember.exec(unquoted)?.[1];
  if (remaining !== undefined) return [readingOf(remaining, resetMember.exec(unquoted)?.[1])];
  return unquoted
    .split(",")
    .map((policy) => readingOf(remainingParameter.exec(policy)?.[1], resetParameter.exec(policy)?.[1]));
}

/**
 * Reads how much of its own limit the cloud says is left: `RateLimit-*`, `X-RateLimit-*`, the IETF's
 * `RateLimit`, Azure's `x-ms-ratelimit-remaining-*`. Of several limits the tightest counts; what
 * cannot be read is left out.
 */
export function readQuotaHeaders(header: HeaderReader): Pick<Answer, "remaining" | "resetMs"> {
  let tightest: Left | undefined;
  const consider = (left: Left | undefined) => {
    if (left !== undefined && left.remaining < (tightest?.remaining ?? Number.POSITIVE_INFINITY)) tightest = left;
  };
  for (const [remaining, reset] of plain) consider(readingOf(header(remaining), reset && header(reset)));
  for (const left of listed(header("x-ms-ratelimit-remaining-resource") ?? "")) consider(left);
  for (const left of structured(header("ratelimit") ?? "")) consider(left);
  return tightest ?? {};
}
