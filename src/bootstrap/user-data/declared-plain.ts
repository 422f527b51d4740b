import { hash } from "node:crypto";
import { LRUCache } from "lru-cache";

/** Digests of what was declared lately: it is sent soon after, or declared again. */
const declared = new LRUCache<string, true>({ max: 4096 });

const digestOf = (data: Uint8Array) => hash("sha256", data);

/**
 * Declares that the vault made this user data without protection, knowing that it did (mode `plain`). Only its digest
 * is kept, in this process. It tells a guard nothing else than that: whether such data may pass is `plain` of
 * {@link userDataGuard}'s options.
 *
 * @param userData - The bytes as the vault hands them out, before any encoding for the cloud.
 */
export function declarePlain(userData: Uint8Array): void {
  declared.set(digestOf(userData), true);
}

/** Whether exactly these bytes were declared. */
export const isDeclaredPlain = (data: Uint8Array): boolean => declared.size > 0 && declared.has(digestOf(data));
