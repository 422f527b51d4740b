import { hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { createDurably } from "../directory.ts";
import { guarded } from "../unavailable.ts";

/** How far a sink is in one row of files. */
export interface Place {
  /** Number of the file's segment. */
  readonly segment: number;
  /** Bytes of the file that the sink has acknowledged. */
  readonly offset: number;
  /** End of the part that is being sent: after a crash the same bytes go out under the same name. */
  readonly sending?: number | undefined;
  /** Hash of the last line before; unknown where shipping began in the middle of a journal. */
  readonly hash?: string | undefined;
}

/** How far a sink is. */
export interface Cursor {
  readonly chain: string;
  readonly journal: Place;
  readonly checkpoints: Place;
  /** The file of checkpoints before: a witness that is late may still cosign one of them. */
  readonly earlier?: Place | undefined;
}

const slotBytes = 512;
const blank = Buffer.alloc(2 * slotBytes, " ");

const place = z.strictObject({
  segment: z.int().min(1),
  offset: z.int().min(0),
  sending: z.int().min(1).optional(),
  hash: z.string().length(43).optional(),
});
const schema = z.strictObject({
  n: z.int().min(1),
  chain: z.string().regex(/^[\w-]{1,64}$/),
  journal: place,
  checkpoints: place,
  earlier: place.optional(),
});

const checkOf = (text: string): string => hash("sha256", text, "base64url").slice(0, 16);

/** A slot holds its own digest in front of the text: one that a crash left half written does not count. */
function readSlot(bytes: Buffer): z.infer<typeof schema> | undefined {
  const line = bytes.toString("utf8").trimEnd();
  const text = line.slice(17);
  if (line.slice(0, 17) !== `${checkOf(text)} `) return undefined;
  return schema.safeParse(JSON.parse(text)).data;
}

/**
 * Keeps a cursor durably in two slots that are written in turn, in place: no write can lose the one
 * before it, and none needs room on the disk. A disk that the journal filled can so be freed by shipping.
 */
export class CursorFile {
  readonly path: string;
  readonly #handle: FileHandle;
  #n: number;
  #value: Cursor | undefined;

  private constructor(path: string, handle: FileHandle, n: number, value: Cursor | undefined) {
    this.path = path;
    this.#handle = handle;
    this.#n = n;
    this.#value = value;
  }

  /**
   * Opens the cursor of a sink. One that cannot be read counts as none.
   * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE`, naming the file.
   */
  static async open(directory: string, sink: string): Promise<CursorFile> {
    const name = `shipping.${sink}.cursor`;
    const path = join(directory, name);
    return guarded(path, async () => {
      const handle = await open(path, "r+").catch(async (error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT") throw error;
        await createDurably(directory, name, blank);
        return open(path, "r+");
      });
      const bytes = Buffer.from(blank);
      await handle.read(bytes, 0, bytes.length, 0);
      const slots = [bytes.subarray(0, slotBytes), bytes.subarray(slotBytes)].flatMap((slot) => readSlot(slot) ?? []);
      const newest = slots.sort((a, b) => b.n - a.n)[0];
      if (newest === undefined) return new CursorFile(path, handle, 0, undefined);
      const { n, ...value } = newest;
      return new CursorFile(path, handle, n, value);
    });
  }

  get value(): Cursor | undefined {
    return this.#value;
  }

  /** Resolves once the cursor is durable. @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE`. */
  async save(value: Cursor): Promise<void> {
    const n = this.#n + 1;
    const text = JSON.stringify({ n, ...value });
    const slot = Buffer.alloc(slotBytes, " ");
    slot.write(`${checkOf(text)} ${text}`);
    slot.write("\n", slotBytes - 1);
    await guarded(this.path, async () => {
      await this.#handle.write(slot, 0, slotBytes, (n % 2) * slotBytes);
      await this.#handle.datasync();
    });
    this.#n = n;
    this.#value = value;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
