/** Version of the schema that events are made for. */
export const ocsfVersion = "1.8.0";

/** A person or service. */
export interface OcsfUser {
  readonly name: string;
  readonly uid?: string;
  /** 1 user, 4 service. */
  readonly type_id: 1 | 4;
}

/** Something that a call was about. */
export interface OcsfResource {
  readonly uid: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly type?: string;
  /** 1 target, 3 affected, 4 related. */
  readonly role_id: 1 | 3 | 4;
}

/**
 * One event of the class API Activity, with the profile `cloud`, as far as a journal fills it in.
 * @see OCSF 1.8.0, schema.ocsf.io/1.8.0/classes/api_activity, read 2026-11
 */
export interface OcsfApiActivity {
  readonly category_uid: 6;
  readonly class_uid: 6003;
  /** 0 unknown, 1 create, 2 read, 3 update, 4 delete. */
  readonly activity_id: 0 | 1 | 2 | 3 | 4;
  readonly type_uid: number;
  /** 1 informational, 2 low, 3 medium. */
  readonly severity_id: 1 | 2 | 3;
  /** 0 unknown, 1 success, 2 failure. */
  readonly status_id: 0 | 1 | 2;
  readonly status_code?: string;
  readonly status_detail: string;
  /** Unix milliseconds: when the call began. */
  readonly time: number;
  readonly start_time: number;
  readonly end_time?: number;
  /** Milliseconds. */
  readonly duration?: number;
  readonly message: string;
  readonly metadata: {
    readonly version: typeof ocsfVersion;
    readonly product: { readonly name: string; readonly vendor_name: string };
    readonly profiles: readonly ["cloud"];
    readonly uid: string;
    readonly sequence: number;
    readonly log_name: string;
    readonly is_truncated?: true;
  };
  readonly actor: { readonly app_name: string; readonly app_uid?: string; readonly user: OcsfUser };
  readonly api: {
    readonly operation: string;
    readonly service?: { readonly name: string };
    readonly request: { readonly uid: string; readonly data?: unknown };
    readonly response?: { readonly code?: number; readonly error?: string };
  };
  readonly src_endpoint: { readonly svc_name: string; readonly uid?: string };
  readonly cloud: { readonly provider: string; readonly region?: string; readonly account?: { readonly uid: string } };
  readonly resources?: readonly OcsfResource[];
  /** What OCSF has no place for: the hash chain, attempts, decisions, token, reason and ticket. */
  readonly unmapped: Readonly<Record<string, unknown>>;
}
