import type { Clock } from "../../src/core/clock.ts";
import { GuardError } from "../../src/core/errors.ts";
import { type OwnClient, type RedisClient, serverOf } from "./client.ts";
import { plainError, reasonOf } from "./plain-error.ts";

/** Sends one command. Rejects without sending it when the operation it belongs to is over. */
export type Send = (command: string, args: readonly (string | number)[], node?: RedisClient) => Promise<unknown>;

/** A client on which nothing ever hangs. */
export interface Connection {
  readonly client: RedisClient;
  /**
   * Runs an operation of one or more commands, once there is a connection. A command of an operation
   * that was given up before it could be sent is never sent.
   *
   * @throws {@link GuardError} `ERR_STATE_UNAVAILABLE` after `timeoutMs`, and at once while Redis is known to be away.
   */
  run<T>(work: (send: Send) => Promise<T>, signal?: AbortSignal): Promise<T>;
  close(): void;
}

interface Operation {
  go(): void;
  fail(error: GuardError): void;
}

interface ConnectionOptions {
  readonly client: RedisClient;
  /** The same client, where it is the store's to close. */
  readonly own: OwnClient | undefined;
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Must have succeeded on each connection before anything else is sent. */
  readonly prepare: ((send: Send) => Promise<void>) | undefined;
}

/** Bounds everything that is sent through a client. */
export function connect({ client, own, clock, timeoutMs, prepare }: ConnectionOptions): Connection {
  const server = serverOf(client);
  const running = new Set<Operation>();
  const waiting = new Set<Operation>(); // for a connection
  let wasReady = client.status === "ready";
  let away = false; // the latest attempt to connect failed
  let closed = false;
  let prepared = prepare === undefined;
  let lastError: Error | undefined;

  function unavailable(reason: string, cause?: Error): GuardError {
    return new GuardError("ERR_STATE_UNAVAILABLE", `${server}: ${reason}`, {
      cause,
      retryable: !closed,
      requeueAfterMs: 5_000,
    });
  }
  const disconnected = () => unavailable(lastError ? reasonOf(lastError) : "not connected", lastError);

  function failure(error: unknown): GuardError {
    if (error instanceof GuardError) return error;
    const cause = plainError(error);
    return unavailable(reasonOf(cause), cause);
  }

  /** The process may end while nobody waits for an answer, and only then. */
  function hold(): void {
    for (const handle of [own?.stream, own?.reconnectTimeout]) {
      if (handle?.connecting || handle?.destroyed) continue; // a socket that is not open would gather listeners
      if (running.size > 0) handle?.ref?.();
      else handle?.unref?.();
    }
  }

  async function prepareAndRun<T>(send: Send, work: (send: Send) => Promise<T>): Promise<T> {
    if (!prepared) {
      await prepare?.(send);
      prepared = true;
    }
    return work(send);
  }

  const listeners = {
    ready() {
      wasReady = true;
      away = false;
      lastError = undefined;
      for (const { go } of waiting) go();
      waiting.clear();
    },
    close() {
      away = !wasReady;
      wasReady = false;
      prepared = prepare === undefined;
      if (!away) return;
      for (const { fail } of waiting) fail(disconnected());
      waiting.clear();
    },
    end() {
      wasReady = false;
      listeners.close();
    },
    ...(own && {
      connect: hold,
      reconnecting: hold,
      error(error: Error) {
        lastError = plainError(error);
      },
    }),
  };
  for (const [event, listener] of Object.entries(listeners)) client.on(event, listener);

  return {
    client,
    run: (work, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        if (closed) return reject(unavailable("this store is closed"));
        let over = false;
        const timer = clock.setTimeout(() => {
          fail(unavailable(`no answer within ${timeoutMs} ms`, lastError));
        }, timeoutMs);
        const onAbort = () => fail(signal?.reason);
        signal?.addEventListener("abort", onAbort, { once: true });
        function end(): boolean {
          if (over) return false;
          over = true;
          timer.cancel();
          signal?.removeEventListener("abort", onAbort);
          waiting.delete(operation);
          running.delete(operation);
          if (running.size === 0) hold();
          return true;
        }
        function fail(error: unknown): void {
          if (end()) reject(error);
        }
        function go(): void {
          const send: Send = async (command, args, node = client) => {
            if (over || client.status !== "ready") throw new Error("the connection was lost before it was sent");
            return node.call(command, ...args);
          };
          prepareAndRun(send, work).then(
            (value) => end() && resolve(value),
            (error) => fail(failure(error)),
          );
        }

        const operation = { go, fail };
        running.add(operation);
        if (running.size === 1) hold();
        if (client.status === "ready") return go();
        if (away || client.status === "end") return fail(disconnected());
        waiting.add(operation);
        if (client.status === "wait")
          client.connect().catch((error) => {
            lastError ??= plainError(error); // of a client of the store's own there is an event that says more
          });
      }),
    close() {
      closed = true;
      for (const { fail } of [...running]) fail(unavailable("this store is closed"));
      for (const [event, listener] of Object.entries(listeners)) if (event !== "error") client.off(event, listener);
      own?.disconnect();
    },
  };
}
