/**
 * How an input carries tags: EC2's `TagSpecifications` by resource type, a list of pairs named by
 * their key member, a map, or S3's query string.
 */
export type TagStyle = "specifications" | "Key" | "key" | "TagKey" | "map" | "query";

/** Where an input carries tags. */
export interface TagPlace {
  readonly path: readonly string[];
  readonly style: TagStyle;
}

/** What the guard wants to know of one operation's input. */
export interface OperationFacts {
  readonly tags: TagPlace | undefined;
  /** Member for the idempotency token. */
  readonly token: string | undefined;
  /** Names of members with the sensitive trait, at any depth. */
  readonly sensitive: readonly string[];
  /** Names of members that may be recorded; `undefined` where nobody has seen the whole input. */
  readonly plain: readonly string[] | undefined;
}
