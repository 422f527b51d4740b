import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { context } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { createGuard, credentialLease, fileJournal, type GuardOptions } from "provider-guard";
import { fetchAdapter } from "provider-guard/fetch";
import { object } from "provider-guard/object";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AcmeClient, AcmeError, acmeOptions, managementCluster, subject } from "../support/acme.ts";
import { acmeServer, json } from "../support/acme-server.ts";

const canary = "CANARY-5ecr3t";
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "canary-"));
});
afterEach(() => rm(directory, { recursive: true }));

/** Where the canary sings, with a little of what stands before it. */
function around(text: string): string | undefined {
  const at = text.indexOf(canary);
  return at < 0 ? undefined : text.slice(Math.max(0, at - 200), at + 40);
}

/** Everything that a guard writes anywhere. */
async function listening(options: Partial<GuardOptions> = {}) {
  const spans = new InMemorySpanExporter();
  const exporter = new InMemoryMetricExporter(1);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
  const meterProvider = new MeterProvider({ readers: [reader] });
  const guard = await createGuard({
    owner: { managementCluster, provider: "infrastructure-acme" },
    audit: fileJournal({ directory: join(directory, "audit") }),
    telemetry: { tracerProvider, meterProvider },
    ...options,
  });
  const errors: unknown[] = [];
  return {
    guard,
    /** Runs a step that may fail, and keeps what the guard itself threw. */
    async attempt(step: () => Promise<unknown>) {
      await step().catch((error: unknown) => {
        if ((error as { code?: string }).code?.startsWith("ERR_")) errors.push(error);
      });
    },
    async everythingWritten(): Promise<string> {
      await guard.close();
      await reader.forceFlush();
      context.disable();
      const files = await readdir(join(directory, "audit"));
      const texts = await Promise.all(
        files.map((name) => readFile(join(directory, "audit", name), "latin1").catch(() => "")),
      );
      const seen = spans
        .getFinishedSpans()
        .map(({ name, attributes, events, status }) => [name, attributes, events, status]);
      const thrown = errors.map((error) => [String(error), (error as Error).stack, JSON.stringify(error)]);
      expect(texts.join("").length).toBeGreaterThan(1000);
      expect(seen.length).toBeGreaterThan(3);
      return JSON.stringify([texts, seen, exporter.getMetrics(), thrown]);
    },
  };
}

describe("a marked secret", () => {
  it("in inputs, errors, credentials and answers of an object is written nowhere", async () => {
    const { guard, attempt, everythingWritten } = await listening({
      rateLimit: { rules: [{ name: "all", ratePerSecond: 1000, burst: 1000 }] },
    });
    const raw = new AcmeClient();
    let issued = 0;
    const fresh = async () => ({ value: `${canary}-${++issued}`, expiresAt: Date.now() + 3.6e6 + issued });
    const credentials = credentialLease({ fetch: fresh });
    const client = guard.wrap(raw, object(acmeOptions), { credentials });
    const inputs = [
      { name: "a", password: canary },
      { name: "b", labels: { note: canary } },
      { name: "c", userData: Buffer.from(canary) },
      { name: "d", nested: { deep: [{ token: canary, anything: canary }] } },
      { name: "e", [canary]: 1 },
      { name: `-----BEGIN PRIVATE KEY----- ${canary}` },
      { name: "f", requestId: "own", comment: canary },
    ];
    for (const input of inputs) {
      await attempt(() => guard.reconcile(subject("a"), () => client.createServer(input as never)));
    }
    for (const status of [400, 403, 404, 409, 500, 401]) {
      raw.answers.push(new AcmeError(`refused: ${canary}`, { status }), new AcmeError(canary, { status }));
      await attempt(() => client.deleteServer({ id: "srv-1" }));
    }
    raw.answers.push(Object.assign(new Error(canary), { response: { headers: { authorization: canary } } }));
    await attempt(() => client.listServers());
    await attempt(() => client.createServer({ name: "outside", password: canary }));
    await attempt(() =>
      guard.reconcile({ cluster: { namespace: "d", name: "n", uid: `${canary} ` } }, () => undefined),
    );
    await attempt(() => client.resizeServer({ id: "srv-1", password: canary } as never));
    guard.explain({ client, operation: "createServer", input: [{ password: canary }] }).toString();
    expect(around(await everythingWritten())).toBeUndefined();
  });

  it("in URLs, headers and bodies of a fetch is written nowhere", async () => {
    await using server = await acmeServer();
    const { guard, attempt, everythingWritten } = await listening();
    const adapter = fetchAdapter({
      cloud: "acme",
      unknownRoutes: "allow",
      routes: [{ operation: "CreateServer", method: "POST", path: "/servers", kind: "create", tags: "labels" }],
    });
    const credentials = credentialLease({ fetch: async () => ({ value: canary, expiresAt: Date.now() + 3.6e6 }) });
    const fetch = guard.wrap(globalThis.fetch, adapter, { credentials });
    const headers = { "x-api-key": canary, cookie: canary, "content-type": "application/json" };
    const send = (path: string, init: RequestInit) =>
      attempt(() => guard.reconcile(subject("a"), () => fetch(`${server.url}${path}`, { headers, ...init })));
    await send(`/servers?token=${canary}`, {
      method: "POST",
      body: JSON.stringify({ name: canary, password: canary }),
    });
    await send(`/elsewhere/${canary}`, { method: "POST", body: canary });
    await send(`/elsewhere/${canary}?q=${canary}`, { method: "GET" });
    server.handlers.push(json(500, { error: canary }, { "x-error": canary }), json(401, {}), json(401, {}));
    await send("/servers", { method: "POST", body: JSON.stringify({ name: "x" }) });
    await send("/servers", { method: "POST", body: JSON.stringify({ name: "x" }) });
    expect(server.requests.some(({ headers: sent }) => sent.authorization?.includes(canary))).toBe(true);
    expect(around(await everythingWritten())).toBeUndefined();
  });

  it("in a failing credential source is written nowhere", async () => {
    const { guard, attempt, everythingWritten } = await listening();
    const events: unknown[] = [];
    const credentials = credentialLease({
      fetch: () => Promise.reject(Object.assign(new Error(canary), { response: { body: canary } })),
      onEvent: (event) => events.push(event),
    });
    const client = guard.wrap(new AcmeClient(), object(acmeOptions), { credentials });
    for (let i = 0; i < 5; i++) await attempt(() => client.deleteServer({ id: "srv-1" }));
    expect(events.length).toBeGreaterThan(0);
    expect(JSON.stringify(events)).not.toContain(canary);
    expect(around(await everythingWritten())).toBeUndefined();
  });
});
