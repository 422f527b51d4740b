import * as z from "zod";
import { parseOptions } from "../../core/config.ts";
import { GuardError } from "../../core/errors.ts";
import type { JournalFollower } from "../feed.ts";
import { signsFor } from "./checkpoint-note.ts";
import { CheckpointWriter } from "./checkpoint-writer.ts";
import type { CheckpointKey } from "./keys.ts";
import { parseVerifierKey } from "./verifier-key.ts";
import type { Witness } from "./witness.ts";

/** Options of {@link checkpoints}. */
export interface CheckpointOptions {
  /** Signs: {@link fileKey}, {@link environmentKey} or {@link signer}. */
  readonly key: CheckpointKey;
  /**
   * A checkpoint is due after so many new lines, or
   * @defaultValue 10000
   */
  readonly everyRecords?: number;
  /**
   * after so many milliseconds, even if nothing was recorded: it then is a sign of life.
   * @defaultValue 60000
   */
  readonly everyMs?: number;
  /**
   * First line of the checkpoints: which log they are about. The key's name, or that and more after a slash.
   * Must differ between journals; a witness knows the journal by it.
   * @defaultValue the key's name, a slash, and the journal's own id
   */
  readonly origin?: string;
  /**
   * Public keys (`name+id+base64`) that signed before `key`: with one of them it goes on from their checkpoints.
   * @defaultValue none
   */
  readonly formerKeys?: readonly string[];
  /**
   * Who is asked to cosign each checkpoint: {@link witness}.
   * @defaultValue nobody
   */
  readonly witnesses?: readonly Witness[];
  /**
   * How long a signer may take, in milliseconds.
   * @defaultValue 10000
   */
  readonly signTimeoutMs?: number;
  /** Told of each checkpoint once it is durable, and again once a witness has cosigned it. Must not throw. */
  readonly onCheckpoint?: (note: string) => void;
  /** Told why a checkpoint failed, at the first of several failures in a row. Must not throw. */
  readonly onProblem?: (error: GuardError) => void;
}

const milliseconds = z
  .number()
  .min(1)
  .max(2 ** 31 - 1);
const isKey = (value: unknown): boolean =>
  typeof value === "object" && value !== null && "publicKey" in value && "sign" in value;
const isWitness = (value: unknown): boolean => typeof value === "object" && value !== null && "addCheckpoint" in value;
const schema = z.strictObject({
  key: z.custom<CheckpointKey>(isKey, "expected fileKey(…), environmentKey(…) or signer(…)"),
  everyRecords: z.int().min(1).default(10_000),
  everyMs: milliseconds.default(60_000),
  origin: z
    .string()
    .regex(/^[^\p{White_Space}\p{Cc}\p{Cs}+]+$/u, "must hold no white space and no plus")
    .optional(),
  formerKeys: z.array(z.string()).default([]),
  witnesses: z.array(z.custom<Witness>(isWitness, "expected witness(…)")).default([]),
  signTimeoutMs: milliseconds.default(10_000),
  onCheckpoint: z.custom<(note: string) => void>((value) => typeof value === "function").optional(),
  onProblem: z.custom<(error: GuardError) => void>((value) => typeof value === "function").optional(),
});

/**
 * Signs the journal while it is written: each checkpoint says which lines there are, by the root of a Merkle
 * tree over all of them (RFC 6962), in the form that C2SP's tools and witnesses read. It is kept beside the
 * segments, durably; whoever has a copy can tell later whether anything before it was changed or cut off.
 * The journal never waits for it. A signer, disk or witness that fails is tried again, and a notice says so.
 * Where the journal is not the one that was signed before, nothing is signed any more
 * (`ERR_CHECKPOINT_INCONSISTENT`, to `onProblem` and as a notice).
 *
 * @param options - See {@link CheckpointOptions}.
 * @returns A follower of a journal.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID` for a wrong option, naming its path.
 * @example
 * import { checkpoints, fileKey } from "provider-guard/audit";
 * const follower = () => checkpoints({ key: fileKey({ path: "/etc/acme/checkpoint.key" }), everyMs: 10_000 });
 * @see C2SP tlog-checkpoint, read 2026-11
 */
export function checkpoints(options: CheckpointOptions): JournalFollower {
  const settings = parseOptions(schema, options, "checkpoints");
  const { key, origin } = settings;
  const verifierKey = parseVerifierKey(key.publicKey, "checkpoints.key.publicKey");
  const formerKeys = settings.formerKeys.map((text, index) =>
    parseVerifierKey(text, `checkpoints.formerKeys[${index}]`),
  );
  if (origin !== undefined && !signsFor(verifierKey.name, origin)) {
    throw new GuardError(
      "ERR_CONFIG_INVALID",
      `checkpoints.origin: expected ${verifierKey.name}, or that with more after a slash`,
    );
  }
  return {
    start: (feed, journal, context) =>
      new CheckpointWriter(
        { ...settings, verifierKey, formerKeys, origin: origin ?? `${verifierKey.name}/${feed.chain}` },
        feed,
        journal,
        context,
      ),
  };
}
