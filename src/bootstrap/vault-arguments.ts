import * as z from "zod";
import { GuardError } from "../core/errors.ts";
import { checkRef, identifier } from "../core/owner.ts";

const maxDataBytes = 1024 ** 2;
const version = z.string().regex(/^\d+(\.\d+)*/, "expected a version, such as 3.0.11");

export const sealSchema = z.strictObject({
  cluster: z.unknown(),
  machine: z.unknown(),
  data: z.union([z.string(), z.instanceof(Uint8Array)], "expected bytes or a string"),
  format: z.enum(["cloud-config", "ignition", "script"]),
  image: z
    .strictObject({
      opener: z.enum(["cloud-init", "ignition", "script"]).optional(),
      openssl: version.optional(),
      cloudInit: version.optional(),
      tools: z.array(z.string()).optional(),
    })
    .optional(),
  ttlMs: z.number().optional(),
  mode: z.enum(["pointer", "inline", "plain"]).optional(),
  signal: z.instanceof(AbortSignal).optional(),
});

export const cleanupSchema = z.strictObject({
  reason: z.enum(["node", "failed", "deadline", "deleted"]),
  signal: z.instanceof(AbortSignal).optional(),
});

const invalid = (message: string) => new GuardError("ERR_CONFIG_INVALID", message);

/** A copy: the caller may go on with his. */
export function bytesOf(data: Uint8Array | string): Uint8Array {
  const bytes = Uint8Array.from(typeof data === "string" ? Buffer.from(data) : data);
  if (bytes.length === 0) throw invalid("seal.data: empty");
  if (bytes.length > maxDataBytes) throw invalid(`seal.data: ${bytes.length} bytes, at most ${maxDataBytes}`);
  return bytes;
}

/** The machine's UID, and the sealing's id where a handle names one. */
export function targetOf(target: unknown): { readonly uid: string; readonly id?: string } {
  if (typeof target !== "string") return checkRef(target, "cleanup.target");
  const [uid = "", id = "", ...rest] = target.split("/");
  if (identifier.test(uid) && /^[0-9a-f]{32}$/.test(id) && rest.length === 0) return { uid, id };
  throw invalid("cleanup.target: expected the machine, or a handle of seal");
}
