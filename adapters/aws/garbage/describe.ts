import { isNamed } from "../bootstrap/call.ts";
import type { AwsClient, OpenClient } from "../client.ts";

/** Anything of an SDK's answer. */
export type Fields = Readonly<Record<string, unknown>>;

export const fieldsOf = (value: unknown): Fields =>
  typeof value === "object" && value !== null ? (value as Fields) : {};
export const textOf = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;
export const listOf = (value: unknown): readonly Fields[] => (Array.isArray(value) ? value.map(fieldsOf) : []);

/** Makes commands by name out of an SDK that may not be installed, and sends them. */
export interface Commands {
  send(name: string, input: Fields, signal: AbortSignal): Promise<Fields>;
}

type Sdk = Readonly<Record<string, unknown>>;

/** @param load - Imports the SDK of the client when it is first used. */
export function commandsOf(client: AwsClient, load: () => Promise<Sdk>): Commands {
  const open = client as unknown as OpenClient;
  return {
    async send(name, input, signal) {
      signal.throwIfAborted();
      const Command = (await load())[name] as new (input: Fields) => object;
      // The SDK listens to the signal of each request: many at a time on one would be taken for a leak.
      return fieldsOf(await open.send(new Command(input), { abortSignal: AbortSignal.any([signal]) }));
    },
  };
}

/** Whether the cloud says that there is no such resource: names as `InvalidVolume.NotFound` and `ResourceNotFoundException`. */
export function isNotFound(error: unknown): boolean {
  const { name } = fieldsOf(error);
  if (typeof name !== "string") return false;
  return /^Invalid\w+\.NotFound$|NotFound(Exception|Fault)?$/.test(name) || isNamed(error, "NatGatewayNotFound");
}

/** `tags` as the SDK lists them, by key. */
export function tagsOf(list: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(listOf(list).map(({ Key, Value }) => [String(Key), String(Value ?? "")]));
}

/** Unix milliseconds of a time in an answer. */
export function timeOf(value: unknown): number | undefined {
  const at = value instanceof Date ? value.getTime() : typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}
