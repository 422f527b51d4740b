/** What an operation does to the cloud. Whatever is not known to be a read counts as mutating. */
export type CallKind = "read" | "create" | "update" | "delete";

/** Which account, region and service a call goes to: limits and breakers are kept apart by it. */
export interface Target {
  /** The adapter's cloud, e.g. `aws`. */
  readonly cloud: string;
  readonly service: string;
  readonly account: string;
  readonly region: string;
}
