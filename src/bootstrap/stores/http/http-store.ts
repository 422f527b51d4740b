import { randomBytes } from "node:crypto";
import type { ServerOptions } from "node:http";
import { systemClock } from "../../../core/clock.ts";
import { GuardError } from "../../../core/errors.ts";
import type { Abortable, Binding, BootstrapStore, IgnitionSource, OpenerReport } from "../../contract.ts";
import { parseItemName } from "../../item-name.ts";
import { httpAnswers } from "./answers.ts";
import type { HttpStoreEvent } from "./events.ts";
import { type HttpHandler, httpHandler } from "./handler.ts";
import { digestOf, itemCipher, itemOverheadBytes, tokenFor } from "./item-cipher.ts";
import { httpOpener } from "./opener.ts";
import { type HttpStoreOptions, httpStoreOptions } from "./options.ts";
import { sealingRecords } from "./sealing-records.ts";

/** A store that hands its items out itself, by HTTP. */
export interface HttpStore extends BootstrapStore {
  /** Listener of a server of `node:http` or `node:https`, for `url` and what is below it. It never rejects. */
  readonly handler: HttpHandler;
  /**
   * Options for that server, where it has nothing else to do: headers of at most 8 KB, within 10 s; bodies none.
   * Without them a client may hold a connection open for minutes before the handler knows of it.
   */
  readonly serverOptions: ServerOptions;
  ignition(binding: Binding): IgnitionSource;
  /** @returns What the machine's opener said last; `undefined` where it said nothing. */
  report(id: string, options?: Abortable): Promise<OpenerReport | undefined>;
}

/**
 * Hands sealed data out by HTTP: a machine fetches with a bearer token that stands in its user data. The token is
 * bound at its first use to a claim that the opener has made and keeps; whoever comes with another claim is refused,
 * and `onEvent` hears `misused`: somebody else has the user data. So a machine that lost the answer may ask again,
 * until it has opened the data and deletes it, the controller deletes it, or it has expired.
 *
 * Ignition can make no claim: its token is bound to the first address that it comes from, for `ignitionWindowMs`.
 * Whoever else has that address (other processes of the machine, other machines behind one NAT) can fetch the
 * config in that time, if they have the token; nothing but the controller's clean-up deletes it.
 *
 * The backing store holds ciphertext under keys that follow from the token, the state store the token's digest:
 * neither opens anything, not even for the handler, before a machine comes. Unknown, wrong, deleted and expired look
 * the same to whoever asks. Where the state store or the backing store fails, requests are answered with 503, and
 * openers try again.
 *
 * @param options - See {@link HttpStoreOptions}.
 * @returns A store whose `handler` a provider mounts in a server of its own.
 * @throws {@link GuardError} `ERR_CONFIG_INVALID`, naming the path of the option; per operation for a name that is
 *   none of an item, one that is too large, or another one under a name that is taken.
 * @throws {@link GuardError} `ERR_BOOTSTRAP_STORE_UNAVAILABLE` (per operation, retryable): the state store failed, or
 *   what the backing store throws.
 * @example
 * import { createServer } from "node:https";
 * import { memoryState } from "provider-guard";
 * import { directoryStore, httpStore } from "provider-guard/bootstrap";
 * const store = httpStore({
 *   url: "https://bootstrap.acme.example:8443/machines",
 *   backing: directoryStore({ path: "/srv/bootstrap" }),
 *   state: memoryState(), // of several replicas: one that they share
 *   onEvent: (event) => {
 *     if (event.type === "misused") console.error("bootstrap token misused", event.reason, event.machine.machine.name);
 *   },
 * });
 * createServer({ ...store.serverOptions, cert: "...", key: "..." }, store.handler).listen(8443);
 */
export function httpStore(options: HttpStoreOptions): HttpStore {
  const settings = httpStoreOptions(options);
  const { url, backing, state, certificateAuthority, onEvent, clock = systemClock } = settings;
  const root = settings.key ?? randomBytes(32);
  const records = sealingRecords(state, clock);
  const maxItemBytes = backing.maxItemBytes - itemOverheadBytes;

  function tell(event: HttpStoreEvent): void {
    try {
      onEvent?.(event);
    } catch {
      // whoever listens must not decide what a machine gets
    }
  }

  return {
    name: "http",
    maxItemBytes,
    maxItems: backing.maxItems,
    expires: backing.expires,
    handler: httpHandler(httpAnswers(settings, records, tell), tell, settings.timeoutMs, clock),
    serverOptions: {
      headersTimeout: 10_000,
      requestTimeout: 15_000,
      connectionsCheckingInterval: 5_000, // both are looked at so often; Node's own 30 s would be theirs
      keepAliveTimeout: 2_000,
      maxHeaderSize: 8_192,
    },
    async put(name, bytes, binding, { signal }: Abortable = {}) {
      const { id } = parseItemName(name, "httpStore");
      if (bytes.length > maxItemBytes) {
        const message = `httpStore: an item of ${bytes.length} bytes; the backing store takes ${maxItemBytes}`;
        throw new GuardError("ERR_CONFIG_INVALID", message);
      }
      if (id !== binding.id) throw new GuardError("ERR_CONFIG_INVALID", "httpStore: an item of another sealing");
      const token = tokenFor(root, binding);
      await records.add(binding, digestOf(token), signal);
      await backing.put(name, itemCipher(token, id).seal(name, bytes), binding, { ...(signal && { signal }) });
    },
    async delete(name, options: Abortable = {}) {
      const { id } = parseItemName(name, "httpStore");
      options.signal?.throwIfAborted();
      // What is deleted is not to be had even if this fails; the digest stays, so that a late use is noticed.
      await records
        .change(id, (record) => (record.closed ? record : { ...record, closed: true }), options.signal)
        .catch((error) => tell({ type: "error", error }));
      return backing.delete(name, options);
    },
    has: (name, options) => backing.has(name, options),
    list: (options) => backing.list(options),
    async opener(binding) {
      if (binding.format === "ignition") return undefined;
      return httpOpener(`${url}/${binding.id}`, tokenFor(root, binding), certificateAuthority);
    },
    ignition: (binding) => ({
      source: `${url}/${binding.id}/0`,
      httpHeaders: [{ name: "Authorization", value: `Bearer ${tokenFor(root, binding)}` }],
      ...(certificateAuthority !== undefined && { certificateAuthority }),
    }),
    report: async (id, { signal }: Abortable = {}) => (await records.get(id, signal))?.report,
  };
}
