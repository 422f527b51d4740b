import { GuardError } from "../core/errors.ts";
import { identifier } from "../core/owner.ts";
import type { Binding } from "./contract.ts";

/** None of them lets a space or the end of a line through: they are words of the manifest. */
const words = {
  identifier,
  id: /^[0-9a-f]{32}$/,
  format: /^(?:cloud-config|ignition|script)$/,
  /** What is `plain` is not sealed. */
  mode: /^(?:pointer|inline)$/,
  sha256: /^[0-9a-f]{64}$/,
  wrap: /^[a-z0-9][a-z0-9-]{0,62}$/,
} as const;

const expected: Readonly<Record<keyof typeof words, string>> = {
  identifier: "a Kubernetes name or UID",
  id: "32 hexadecimal digits in lower case",
  format: "cloud-config, ignition or script",
  mode: "pointer or inline",
  sha256: "a SHA-256 in hexadecimal",
  wrap: "a short name of a-z, 0-9 and hyphens",
};

/** Seconds with twelve digits reach to the year 33658. */
const secondsEnd = 1e12;

/** @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path and nothing of the value. */
export function checkWord(value: unknown, kind: keyof typeof words, path: string): void {
  if (typeof value === "string" && words[kind].test(value)) return;
  throw new GuardError("ERR_CONFIG_INVALID", `${path}: expected ${expected[kind]}`);
}

function checkTime(value: unknown, path: string): void {
  if (Number.isInteger(value) && (value as number) % 1000 === 0) {
    if ((value as number) >= 0 && (value as number) < secondsEnd * 1000) return;
  }
  throw new GuardError("ERR_CONFIG_INVALID", `${path}: expected Unix milliseconds, whole seconds`);
}

/**
 * Checks that each part of a binding is one word of the manifest.
 *
 * @param path - What the binding is called in messages.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the first wrong field.
 */
export function checkBinding(binding: Binding, path: string): void {
  if (typeof binding !== "object" || binding === null) throw new GuardError("ERR_CONFIG_INVALID", `${path}: missing`);
  const { machine } = binding;
  checkWord(machine?.managementCluster, "identifier", `${path}.machine.managementCluster`);
  for (const object of ["machine", "cluster"] as const) {
    for (const field of ["namespace", "name", "uid"] as const) {
      checkWord(machine[object]?.[field], "identifier", `${path}.machine.${object}.${field}`);
    }
  }
  checkWord(binding.id, "id", `${path}.id`);
  checkWord(binding.format, "format", `${path}.format`);
  checkWord(binding.mode, "mode", `${path}.mode`);
  checkTime(binding.sealedAt, `${path}.sealedAt`);
  checkTime(binding.expiresAt, `${path}.expiresAt`);
  if (binding.expiresAt > binding.sealedAt) return;
  throw new GuardError("ERR_CONFIG_INVALID", `${path}.expiresAt: not after sealedAt`);
}
