import * as z from "zod";
import { parseOptions } from "../../core/config.ts";
import type { Finding } from "./finding.ts";
import { searchData } from "./search.ts";

/** Options of {@link findSecrets}. */
export interface FindSecretsOptions {
  /** Whether strings that look random are findings. @defaultValue true */
  readonly entropy?: boolean;
}

const schema = z.strictObject({ entropy: z.boolean().default(true) });

/**
 * Finds what looks like a secret in user data, through base64, gzip, zlib, MIME, cloud-config, Ignition configs and
 * scripts, in any nesting. What cannot be searched is itself a finding, `unreadable`: broken or other compression,
 * unknown binary data, more than 4 MiB in all layers or more than 12 of them. Never throws for what the data is.
 *
 * @param data - User data as it would be sent, or before.
 * @param options - See {@link FindSecretsOptions}.
 * @returns Up to 50 findings, each naming kind and place, and nothing of the secret; empty where nothing was found.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for unknown options.
 * @example
 * import { findSecrets } from "provider-guard/bootstrap";
 * findSecrets("#cloud-config\nchpasswd:\n  list: |\n    root:hunter22\n");
 * // [{ kind: "password", where: "chpasswd.list" }]
 */
export function findSecrets(data: Uint8Array | string, options: FindSecretsOptions = {}): readonly Finding[] {
  return searchData(data, parseOptions(schema, options, "findSecrets")).findings;
}
