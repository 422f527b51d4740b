import type { OperationFacts } from "./facts.ts";
import { readSchema } from "./schema.ts";
import { readTable } from "./table.ts";

/** Knows operations by the schemas of the SDK in use, else by the generated table. */
export interface FactBook {
  /** Reads an operation's schema, once. */
  learn(service: string, operation: string, schema: unknown): void;
  /** @returns `undefined` for an operation that neither a schema nor the table knows. */
  get(service: string, operation: string): OperationFacts | undefined;
}

const most = 8192;

/** Makes an empty book with the generated table behind it. */
export function factBook(): FactBook {
  const read = new WeakSet<object>();
  const known = new Map<string, OperationFacts>();
  return {
    learn(service, operation, schema) {
      if (typeof schema !== "object" || schema === null || read.has(schema)) return;
      read.add(schema);
      const facts = readSchema(service, operation, schema);
      if (known.size >= most) known.clear();
      if (facts !== undefined) known.set(`${service}.${operation}`, facts);
    },
    get: (service, operation) => known.get(`${service}.${operation}`) ?? readTable(service, operation),
  };
}
