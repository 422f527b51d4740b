import { GuardError } from "../../src/core/errors.ts";
import type { Send } from "./connection.ts";

/**
 * Refuses a Redis that throws keys away when its memory is full: counters would begin at zero again,
 * and buckets be full. A user who may not ask passes.
 *
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` where keys may be evicted.
 */
export async function refuseEviction(send: Send): Promise<void> {
  let info: string;
  try {
    info = String(await send("info", ["memory"]));
  } catch (error) {
    if (error instanceof Error && error.name === "ReplyError") return;
    throw error;
  }
  const limit = Number(/^maxmemory:(\d+)/m.exec(info)?.[1] ?? 0);
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? "noeviction";
  if (limit === 0 || policy === "noeviction") return;
  throw new GuardError(
    "ERR_CONFIG_INVALID",
    `redis: maxmemory-policy is ${policy}, so that counters and buckets may be evicted: set noeviction, or allowEviction: true`,
  );
}
