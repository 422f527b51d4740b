import { deepStrictEqual, equal, ok } from "node:assert/strict";
import type { Adapter, Attachment } from "../../core/adapter.ts";
import type { Call } from "../../core/call.ts";
import type { CredentialLease } from "../../core/credential.ts";
import { type RecordingPort, recordingPort, type SeenAttempt } from "./recording-port.ts";
import { type Script, type ScriptedWire, scriptedWire } from "./scripted-wire.ts";
import type { ConformanceCapability, ConformanceSubject, InputExtras, SubjectOperation } from "./subject.ts";

/** One client with the kit's rings around it. */
export interface Session<C extends object> {
  readonly adapter: Adapter<C>;
  /** The client as it was made. */
  readonly bare: C;
  /** What the adapter returned for it. */
  readonly guarded: C;
  readonly attachment: Attachment<C>;
  readonly port: RecordingPort;
  readonly wire: ScriptedWire;
}

/** Makes a fresh adapter, client, wire and rings, and joins them. */
export async function begin<C extends object>(
  subject: ConformanceSubject<C>,
  script: readonly Script[] = ["ok"],
  credentials?: CredentialLease,
): Promise<Session<C>> {
  let port: RecordingPort | undefined;
  const wire = scriptedWire(() => port?.arrived());
  wire.script = [...script];
  const adapter = subject.adapter();
  const bare = await subject.makeClient(wire);
  port = recordingPort(adapter as unknown as Adapter, bare, credentials);
  const attachment = adapter.attach(bare, port);
  return { adapter, bare, guarded: attachment.client, attachment, port, wire };
}

/** How a call ended. */
export type Outcome = { readonly result: unknown } | { readonly error: unknown };

/** Makes an operation's call, with an input that nobody can change. */
export async function invoke<C>(
  client: C,
  operation: SubjectOperation<C>,
  extras: InputExtras = {},
  signal?: AbortSignal,
): Promise<Outcome> {
  try {
    return { result: await operation.invoke(client, deepFreeze(operation.input(extras)) as never, signal) };
  } catch (error) {
    return { error };
  }
}

/** Makes a call that must succeed. @returns Its call and last attempt. */
export async function succeed<C extends object>(
  session: Session<C>,
  operation: SubjectOperation<C>,
  extras: InputExtras = {},
): Promise<{ readonly call: Call; readonly last: SeenAttempt; readonly result: unknown }> {
  const outcome = await invoke(session.guarded, operation, extras);
  if ("error" in outcome) throw new Error(`${operation.operation} failed`, { cause: outcome.error });
  const { port } = session;
  deepStrictEqual(port.violations, []);
  const [call, last] = [port.calls.at(-1), port.attempts.at(-1)];
  ok(call, `${operation.operation} entered no operation ring`);
  ok(last, `${operation.operation} entered no attempt ring`);
  equal(call.operation, operation.operation, "the operation's name");
  return { call, last, result: outcome.result };
}

/** Freezes plain objects and arrays through and through. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  const prototype = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) return value;
  Object.freeze(value);
  for (const inner of Object.values(value)) deepFreeze(inner);
  return value;
}

/** Lets everything happen that can happen without time passing. */
export async function quiet(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** A check before its title and its reason to be skipped are known. */
export interface Check<C extends object> {
  readonly title: string;
  /** What must be there for it to make sense: the first reason found why it is not. */
  readonly needs?: readonly (ConformanceCapability | false | undefined | "" | { readonly missing: string })[];
  run(subject: ConformanceSubject<C>): Promise<void>;
}

/** A need that the subject does not meet, unless the condition holds. */
export function need(condition: unknown, missing: string): false | { readonly missing: string } {
  return condition ? false : { missing };
}
