import * as z from "zod";
import { parseOptions } from "../../core/config.ts";
import type { IgnitionSource } from "../contract.ts";

/** Options of {@link ignitionUserData}. */
export interface IgnitionUserDataOptions {
  /** Where Ignition fetches the config; from `BootstrapStore.ignition`. */
  readonly source: IgnitionSource;
  /** SHA-512 of the config, in hexadecimal: of what it is once it has been decompressed. */
  readonly sha512: string;
  /** Whether the source hands out the config as gzip. */
  readonly compressed: boolean;
  /**
   * Version of the specification that the user data is written in, 3.1.0 or later; the config has its own.
   * @defaultValue 3.1.0, the oldest one with headers and compression
   * @see https://coreos.github.io/ignition/migrating-configs/
   */
  readonly version?: string;
  /** Seconds after which Ignition gives up asking; the machine's next boot tries again. @defaultValue 600 */
  readonly timeoutSeconds?: number;
}

/** Printable ASCII without what could end a header. */
const headerValue = z.string().regex(/^[\x20-\x7e]*$/, "expected printable ASCII");

const options = z.strictObject({
  source: z.strictObject({
    source: z.url({ protocol: /^(https?|s3|arn|gs)$/ }),
    httpHeaders: z
      .array(
        z.strictObject({
          name: z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, "expected a header name"),
          value: headerValue,
        }),
      )
      .default([]),
    certificateAuthority: z.string().includes("-----BEGIN CERTIFICATE-----").optional(),
  }),
  sha512: z.string().regex(/^[0-9a-f]{128}$/, "expected 128 hexadecimal digits in lower case"),
  compressed: z.boolean(),
  version: z
    .string()
    .regex(/^3\.[1-9]\d{0,2}\.\d{1,3}$/, "expected a version of the specification from 3.1.0 on")
    .default("3.1.0"),
  timeoutSeconds: z.int().min(1).max(86_400).default(600),
});

const schema = options.refine(({ source, compressed }) => !compressed || !/^(s3|arn):/.test(source.source), {
  path: ["compressed"],
  message: "Ignition unzips nothing that comes from S3",
});

/**
 * Writes user data for Ignition that holds nothing of the config but where it is, and what it must be: Ignition
 * fetches it, compares its SHA-512, and goes on with it instead. It asks again while the server is away or answers
 * 5xx, until `timeoutSeconds` have passed; any other refusal and a wrong digest end the boot. Ignition writes the
 * source's address into the machine's journal, not its headers.
 *
 * @param options - See {@link IgnitionUserDataOptions}.
 * @returns JSON, about 500 bytes and what the source's address and headers need.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path.
 * @see https://coreos.github.io/ignition/configuration-v3_1/
 */
export function ignitionUserData(options: IgnitionUserDataOptions): Uint8Array {
  const { source, sha512, compressed, version, timeoutSeconds } = parseOptions(schema, options, "ignitionUserData");
  const { certificateAuthority: authority, httpHeaders } = source;
  const config = {
    ignition: {
      version,
      config: {
        replace: {
          source: source.source,
          ...(compressed && { compression: "gzip" }),
          ...(httpHeaders.length > 0 && { httpHeaders }),
          verification: { hash: `sha512-${sha512}` },
        },
      },
      timeouts: { httpResponseHeaders: 20, httpTotal: timeoutSeconds },
      ...(authority !== undefined && {
        security: { tls: { certificateAuthorities: [{ source: dataUrl(authority) }] } },
      }),
    },
  };
  return Buffer.from(JSON.stringify(config));
}

const dataUrl = (text: string) => `data:;base64,${Buffer.from(text).toString("base64")}`;
