import type { KeyObject } from "node:crypto";
import { posix } from "node:path";
import * as z from "zod";
import { parseOptions } from "../../core/config.ts";
import type { KeyWrap } from "../contract.ts";
import { readPublicKey } from "../envelope/recipient.ts";
import { pemOrKey } from "../key-option.ts";

/** Options of {@link localKeyWrap}. */
export interface LocalKeyWrapOptions {
  /** Public key of P-256, or of RSA with 2048 bits or more: SubjectPublicKeyInfo in PEM, or a key object. */
  readonly publicKey: string | KeyObject;
  /** Where the image holds the private key, unencrypted: an absolute path of letters, digits and `._@+-`. */
  readonly path: string;
}

const plainPath = /^(?:\/[A-Za-z0-9._@+-]+)+$/;
const maxPathBytes = 1024;

const schema = z.strictObject({
  publicKey: pemOrKey,
  path: z
    .string()
    .max(maxPathBytes)
    .refine(
      (path) => plainPath.test(path) && posix.normalize(path) === path,
      "expected an absolute path of letters, digits and ._@+-",
    ),
});

/** `ls` is what every image has: `stat` takes other options in each. */
const script = `pg_unwrap() {
  pg_key_ls=$(LC_ALL=C ls -ldn "$pg_key_path" 2>/dev/null) || return 1
  # shellcheck disable=SC2086 # to be split
  set -- "$1" $pg_key_ls
  case $2 in -r[w-][x-]------*) ;; *) return 2 ;; esac
  case $4 in 0 | "$(id -u)") ;; *) return 2 ;; esac
  (umask 077 && cat "$pg_key_path" >"$1") && return 0
  rm -f "$1"
  return 1
}
`;

/**
 * Seals to a key pair whose private half the image holds, in a file that nobody but root can read. The same
 * key opens the data of every machine of that image: who reads the file on one of them reads the user data of all.
 *
 * On the machine a file that group or others may read, a symbolic link, or one of another user is
 * refused for good; where there is none, the next boot tries again.
 *
 * @param options - See {@link LocalKeyWrapOptions}.
 * @returns The wrap, for {@link bootstrapVault}.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for another kind of key, a private key, or another path.
 * @example
 * import { readFile } from "node:fs/promises";
 * import { localKeyWrap } from "provider-guard/bootstrap";
 * const publicKey = await readFile("/etc/acme/image.pub.pem", "utf8");
 * const wrap = localKeyWrap({ publicKey, path: "/etc/acme/image.key" });
 */
export function localKeyWrap(options: LocalKeyWrapOptions): KeyWrap {
  const { publicKey, path } = parseOptions(schema, options, "localKeyWrap");
  return {
    name: "local-key",
    recipient: readPublicKey(publicKey, "localKeyWrap.publicKey"),
    opener: () => ({ script, settings: { pg_key_path: path } }),
  };
}
