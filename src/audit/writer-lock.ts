import { randomBytes } from "node:crypto";
import { closeSync, openSync, unlinkSync } from "node:fs";
import { readdir, rename, unlink } from "node:fs/promises";
import { createServer, type Server, Socket } from "node:net";
import { join } from "node:path";
import { sleep, systemClock } from "../core/clock.ts";
import { GuardError } from "../core/errors.ts";
import { systemRandom } from "../core/id.ts";
import { refused, unavailable } from "./unavailable.ts";

/** A directory that is held by this writer and no other. */
export interface WriterLock {
  /** Lets go, at once. Safe to call twice. */
  release(): void;
}

const lockPattern = /^lock\.[\w-]+\.sock$/;
const temporaryPattern = /^lock\.[\w-]+\.new$/;

/** Longest path a socket may be bound to, in bytes: 104 with the final zero on BSD and macOS, 108 on Linux. */
const maxSocketPath = 103;
/** How often a writer looks for others before it gives up, with 10 to 50 ms between two looks. */
const rounds = 16;

/**
 * Takes the directory, or fails if another writer has it.
 *
 * Every writer listens on a Unix socket of its own in the directory, and then looks for others that
 * answer: of two writers, the one that looks last finds the other, so that never both think they are
 * alone. Whether a writer lives is thus answered by the kernel, not by a process id (which means nothing
 * in another container that shares the volume), a time stamp or a heartbeat: a killed process's socket
 * refuses connections from that moment on, and a stopped one's still accepts them. A socket gets its
 * `.sock` name by a rename once it listens, so that one which refuses is dead for certain; and as names
 * are never used twice, removing a dead one cannot hit a living writer. All writers must run on one
 * kernel: a network file system, or a volume shared between virtual machines, shows sockets that only
 * their own machine can reach, and is not supported.
 *
 * @param directory - Exists, and is writable.
 * @throws {@link GuardError} `ERR_AUDIT_LOCKED` when another writer holds it, in this process or elsewhere.
 * @throws {@link GuardError} `ERR_AUDIT_UNAVAILABLE` when no socket can be made there.
 */
export async function lockDirectory(directory: string): Promise<WriterLock> {
  if (process.platform === "win32") throw refused(directory, "is locked by Unix sockets, which Windows lacks", false);
  let fd: number | undefined;
  try {
    const long = Buffer.byteLength(join(directory, `${newName()}.sock`)) - maxSocketPath;
    if (long > 0 && process.platform !== "linux") {
      throw refused(directory, `the path is ${long} bytes too long for a socket in it`, false);
    }
    // A long path is reached through the directory's descriptor, which stays open as long as the lock.
    if (long > 0) fd = openSync(directory, "r");
    const claim = await compete(directory, fd === undefined ? directory : `/proc/self/fd/${fd}`);
    let held = true;
    return {
      release() {
        if (!held) return;
        held = false;
        claim.release();
        if (fd !== undefined) closeSync(fd);
      },
    };
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    throw unavailable(directory, error);
  }
}

// Not the guard's own randomness: two processes may run with the same seed.
const newName = () => `lock.${randomBytes(12).toString("base64url")}`;

async function compete(directory: string, folder: string): Promise<Claim> {
  let claim: Claim | undefined;
  try {
    for (let round = 0; round < rounds; round++) {
      const others = await living(folder, claim?.name);
      try {
        const [first] = others;
        if (first === undefined) {
          if (claim !== undefined) {
            const won = claim.keep();
            claim = undefined;
            await removeLeftovers(folder).catch(() => {});
            return won;
          }
          claim = await Claim.make(folder); // and look again, now that others see this one
          continue;
        }
        // Of several that start together the first by name stays and looks again. The others make way,
        // and do not stand in it again before that one is gone.
        if (claim !== undefined && first.name < claim.name) {
          claim.release();
          claim = undefined;
        }
        const sockets = others.flatMap(({ socket }) => socket ?? []);
        if (sockets.length < others.length) break;
        await leave(sockets, 10 + systemRandom() * 40);
      } finally {
        for (const { socket } of others) socket?.destroy();
      }
    }
  } finally {
    claim?.release();
  }
  throw new GuardError(
    "ERR_AUDIT_LOCKED",
    `audit journal ${directory}: another writer holds the directory; give every controller process a directory of its own`,
  );
}

/** Waits until all others have gone, or so long. In real time: it concerns other processes. */
async function leave(sockets: readonly Socket[], ms: number): Promise<void> {
  const waited = new AbortController();
  const gone = sockets.map(
    (socket) => new Promise((resolve) => (socket.closed ? resolve(0) : socket.once("close", resolve))),
  );
  // The open connections keep this process alive meanwhile; the timer does not.
  const timer = sleep(systemClock, ms, waited.signal).catch(() => {});
  await Promise.race([timer, Promise.all(gone)]);
  waited.abort();
}

/** A writer that answers; no socket where this user may not connect to it. */
interface Living {
  readonly name: string;
  readonly socket: Socket | undefined;
}

/** The other writers that answer, by name. */
async function living(folder: string, own: string | undefined): Promise<readonly Living[]> {
  const names = (await readdir(folder)).filter((name) => lockPattern.test(name) && name !== own).sort();
  const found = await Promise.all(names.map((name) => probe(folder, name)));
  return found.filter((other) => other !== undefined);
}

function probe(folder: string, name: string): Promise<Living | undefined> {
  const path = join(folder, name);
  return new Promise((resolve) => {
    const socket = new Socket();
    socket.once("connect", () => resolve({ name, socket }));
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED") unlink(path).then(gone, gone);
      else if (error.code === "ENOENT") gone();
      // It lived when it was asked, and let go before it answered: worth another look.
      else if (error.code === "ECONNRESET") resolve({ name, socket });
      // Whoever cannot be asked (no permission, too many waiting) is taken for alive.
      else resolve({ name, socket: undefined });
    });
    const gone = () => resolve(undefined);
    socket.connect(path);
  });
}

/** Sockets of processes that died between binding and listening. Nobody else holds the directory now. */
async function removeLeftovers(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => temporaryPattern.test(name));
  // One that is about to be renamed fails to be, and its process tries again.
  await Promise.all(names.map((name) => unlink(join(folder, name)).catch(() => {})));
}

/** A socket that listens in the directory. */
class Claim {
  readonly name: string;
  readonly #path: string;
  readonly #server: Server;
  readonly #visitors = new Set<Socket>();

  private constructor(folder: string, name: string) {
    this.name = `${name}.sock`;
    this.#path = join(folder, this.name);
    this.#server = createServer((socket) => {
      this.#visitors.add(socket.unref());
      socket.on("error", () => {}).once("close", () => this.#visitors.delete(socket));
      socket.resume();
    });
    this.#server.on("error", () => {}); // a connection that could not be accepted concerns nobody here
  }

  static async make(folder: string): Promise<Claim> {
    const name = newName();
    const claim = new Claim(folder, name);
    const temporary = join(folder, `${name}.new`);
    await new Promise<void>((resolve, reject) => {
      claim.#server.once("error", reject);
      // Exclusive: in a cluster's worker the primary would listen instead, and outlive it.
      claim.#server.listen({ path: temporary, exclusive: true }, resolve);
    });
    try {
      await rename(temporary, claim.#path);
    } catch (error) {
      claim.release();
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      return Claim.make(folder);
    }
    return claim;
  }

  /** The process may end while it holds the directory. */
  keep(): this {
    this.#server.unref();
    return this;
  }

  release(): void {
    try {
      unlinkSync(this.#path);
    } catch {
      // Never had its name, or the directory is gone: a socket that nobody finds is free.
    }
    this.#server.close();
    for (const visitor of this.#visitors) visitor.destroy();
  }
}
