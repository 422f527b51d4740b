import type { SeenResource } from "../../src/core/adapter.ts";
import type { Answer } from "../../src/core/call.ts";
import type { ErrorInfo } from "../../src/core/errors.ts";
import type { LimitRule } from "../../src/core/limit-rule.ts";
import type { TagCodec, Tags } from "../../src/core/tags.ts";
import type { CallKind } from "../../src/core/target.ts";

/** What one method of the object does. Paths are dotted and start at the first argument; `$` is the argument itself. */
export interface ObjectOperation {
  readonly kind: CallKind;
  readonly resourceType?: string;
  /**
   * Whether it does nothing but take away access or a secret, so that it goes on during an emergency
   * stop. Not for what also ends a machine or deletes data.
   * @defaultValue false
   */
  readonly revokes?: boolean;
  /** Where a create takes tags, as an object of strings. */
  readonly tags?: string;
  /** Where a create takes an idempotency token. */
  readonly token?: string;
  /** Where an update or delete names the resources it touches: an id, or a list of them. */
  readonly targets?: readonly string[];
  /** Keys of the input whose values may be recorded; everything else is recorded by shape. */
  readonly record?: readonly string[];
}

/** Options of {@link object}. */
export interface ObjectAdapterOptions {
  /** Which cloud the object speaks to; part of every limit's key. */
  readonly cloud: string;
  /** @defaultValue the cloud's name */
  readonly service?: string;
  /** @defaultValue `"default"` */
  readonly account?: string;
  /** @defaultValue `"default"` */
  readonly region?: string;
  /** What the methods do. A method that is not listed is guessed from its name, and counts as mutating in doubt. */
  readonly operations: Readonly<Record<string, ObjectOperation>>;
  /** Methods that are not calls to the cloud and stay as they are. @defaultValue `[]` */
  readonly passThrough?: readonly string[];
  /** Reads resources and their tags out of an answer. */
  readonly seen?: (operation: string, result: unknown) => Iterable<SeenResource>;
  /** Reads one resource's tags, with the unguarded object; `undefined` if there is no such resource. */
  readonly read?: (id: string, client: object) => Promise<Tags | undefined>;
  /** Reads the object's errors. @defaultValue by HTTP status, error name and code */
  readonly errors?: (error: unknown) => ErrorInfo;
  /** Reads the object's answers. */
  readonly answer?: (result: unknown) => Answer;
  /** The cloud's published limits. */
  readonly limits?: readonly LimitRule[];
  /** @defaultValue {@link plainTags} */
  readonly codec?: TagCodec;
  /** Finds the abort signal of a call. @defaultValue the last argument, or its `signal` */
  readonly signal?: (args: readonly unknown[]) => AbortSignal | undefined;
}
