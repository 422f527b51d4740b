import { GuardError } from "../core/errors.ts";

/** An item's name, taken apart. */
export interface ItemName {
  /** Of the sealing. */
  readonly id: string;
  readonly index: number;
}

const pattern = /^([0-9a-f]{32})\/(0|[1-9][0-9]{0,8})$/;

/**
 * Takes the name of an item apart: what else a name may hold never gets into a path or a request.
 *
 * @param name - `<id of the sealing>/<index>`.
 * @param root - What the store is called in the message.
 * @returns Its parts.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for anything else.
 */
export function parseItemName(name: string, root: string): ItemName {
  const [, id, index] = pattern.exec(name) ?? [];
  if (id !== undefined && index !== undefined) return { id, index: Number(index) };
  throw new GuardError("ERR_CONFIG_INVALID", `${root}: an item's name is <32 hexadecimal digits>/<number>`);
}

/** Whether a name is that of an item. */
export const isItemName = (name: string): boolean => pattern.test(name);

/** Names of a sealing's items. */
export const itemNames = (id: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${id}/${index}`);
