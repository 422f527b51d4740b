import type { Call } from "../core/call.ts";
import { dimensions, type QuotaDimension } from "./options.ts";

/** Names the bucket of a place, e.g. `cluster=0b9e9b1c`. The order in which the dimensions are given does not matter. */
export function bucketName(
  per: readonly QuotaDimension[],
  place: Readonly<Record<QuotaDimension, string | undefined>>,
): string {
  if (per.length === 0) return "all";
  return dimensions
    .filter((dimension) => per.includes(dimension))
    .map((dimension) => `${dimension}=${encodeURIComponent(place[dimension] ?? "-")}`) // a UID never is "-"
    .join(",");
}

/** Names the bucket of a call. */
export function bucketOf(per: readonly QuotaDimension[], { target, owner }: Call): string {
  const { account, region, service } = target;
  return bucketName(per, { cluster: owner.cluster?.uid, account, region, service });
}
