import { createGuard, type Guard, type GuardOptions, type Subject } from "provider-guard";
import { type ObjectAdapterOptions, object } from "provider-guard/object";
import { type SimulatedClock, seededRandom, simulatedClock } from "provider-guard/testing";
import { type MemoryJournal, memoryJournal } from "./memory-journal.ts";

/** What a request of the little cloud below may answer with. */
export class AcmeError extends Error {
  readonly status: number | undefined;
  readonly code: string | undefined;
  constructor(message: string, details: { status?: number; code?: string } = {}) {
    super(message);
    this.name = "AcmeError";
    this.status = details.status;
    this.code = details.code;
  }
}

export interface CreateInput {
  readonly name: string;
  readonly password?: string;
  readonly labels?: Record<string, string>;
  readonly requestId?: string;
  readonly signal?: AbortSignal;
}

/** A client with private fields, as SDKs have them; what arrives is in `sent`. */
export class AcmeClient {
  readonly sent: { operation: string; input: unknown }[] = [];
  /** Consumed one by one: an error is thrown, anything else is the answer. */
  readonly answers: unknown[] = [];
  #servers = 0;

  async createServer(input: CreateInput): Promise<{ id: string; labels: Record<string, string> }> {
    this.#arrived("createServer", input);
    return { id: `srv-${++this.#servers}`, labels: input.labels ?? {} };
  }

  async deleteServer(input: { id: string; signal?: AbortSignal }): Promise<void> {
    this.#arrived("deleteServer", input);
  }

  async listServers(input: { signal?: AbortSignal } = {}): Promise<{ id: string; labels: Record<string, string> }[]> {
    return (this.#arrived("listServers", input) as []) ?? [];
  }

  async resizeServer(input: { id: string; size: number }): Promise<void> {
    this.#arrived("resizeServer", input);
  }

  endpoint(): string {
    return "acme.example";
  }

  #arrived(operation: string, input: unknown): unknown {
    this.sent.push({ operation, input });
    const answer = this.answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  }
}

export const acmeOptions: ObjectAdapterOptions = {
  cloud: "acme",
  operations: {
    createServer: { kind: "create", resourceType: "server", tags: "labels", token: "requestId", record: ["name"] },
    deleteServer: { kind: "delete", resourceType: "server", targets: ["id"], record: ["id"] },
    listServers: { kind: "read" },
    resizeServer: { kind: "update", targets: ["id"], record: ["id", "size"] },
  },
  passThrough: ["endpoint"],
  seen: (_operation, result) => {
    const items = (Array.isArray(result) ? result : [result]) as { id: string; labels?: Record<string, string> }[];
    return items.filter((item) => item?.labels !== undefined).map(({ id, labels = {} }) => ({ id, tags: labels }));
  },
};

export const managementCluster = "b3f0a1de-0000-4000-8000-000000000001";

export function subject(name: string, machine?: string): Subject {
  return {
    cluster: { namespace: "default", name, uid: `uid-${name}` },
    ...(machine === undefined ? {} : { machine: { namespace: "default", name: machine, uid: `uid-${machine}` } }),
  };
}

export interface Acme {
  readonly guard: Guard;
  readonly clock: SimulatedClock;
  readonly journal: MemoryJournal;
  /** The client without a guard. */
  readonly raw: AcmeClient;
  readonly client: AcmeClient;
}

/** A guard on virtual time around the little cloud. */
export async function acme(
  options: Partial<GuardOptions> = {},
  adapter: Partial<ObjectAdapterOptions> = {},
  journal: MemoryJournal = memoryJournal(),
): Promise<Acme> {
  const clock = (options.clock as SimulatedClock | undefined) ?? simulatedClock();
  const guard = await createGuard({
    owner: { managementCluster, provider: "infrastructure-acme" },
    audit: journal,
    clock,
    random: seededRandom(7),
    ...options,
  });
  const raw = new AcmeClient();
  return { guard, clock, journal, raw, client: guard.wrap(raw, object({ ...acmeOptions, ...adapter })) };
}
