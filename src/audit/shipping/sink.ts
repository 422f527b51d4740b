import type { Clock } from "../../core/clock.ts";

/** Bytes of a journal that leave the host together: whole lines of one of its files. */
export interface ShippedObject {
  /**
   * Unique, and the same whenever these bytes are sent again: `<chain>/<file>/<first byte>-<end>`, as in
   * `01kd…/00000001.jsonl/000000000000-000000004096`. In the order of their names, the objects of a file are the file.
   */
  readonly name: string;
  /** Names the journal: letters, digits, `-` and `_`. */
  readonly chain: string;
  /** A segment, `00000001.jsonl`, or the checkpoints in it, `00000001.checkpoints.jsonl`. */
  readonly file: string;
  /** Where in the file the bytes begin. */
  readonly offset: number;
  /** Lines of JSON, each with its newline: `application/x-ndjson`. */
  readonly bytes: Uint8Array;
  /** SHA-256 of the bytes, in base64. */
  readonly sha256: string;
}

/** Media type of everything that is shipped. */
export const ndjson = "application/x-ndjson";

/** What a sink is given beside the object. */
export interface ShippingContext {
  /** Aborts once nobody waits any more. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/** Where a journal is shipped to; implement it to ship to anything else. */
export interface ShippingSink {
  /**
   * Unique among the sinks of a journal: lower-case letters, digits and `-`. How far a sink is, is
   * remembered by its name.
   */
  readonly name: string;
  /**
   * Takes an object; resolves only once it is durable there. Objects come in order, one at a time. One
   * comes again, with the same bytes, where a crash or a lost answer left open whether it arrived.
   *
   * @throws Anything: the object comes again later. A `GuardError`'s `requeueAfterMs` is heeded.
   */
  put(object: ShippedObject, context: ShippingContext): Promise<void>;
}
