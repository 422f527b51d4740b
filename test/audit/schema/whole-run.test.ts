import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CallKind, createGuard, fileJournal } from "provider-guard";
import { object } from "provider-guard/object";
import { seededRandom, simulatedClock } from "provider-guard/testing";
import { afterEach, expect, it } from "vitest";
import { AcmeClient, AcmeError, acmeOptions, managementCluster, subject } from "../../support/acme.ts";
import { fittingRecords } from "./fitting.ts";

const directory = mkdtempSync(join(tmpdir(), "schema-"));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** A provider's day in small: two processes, every kind of call, of answer and of record. */
async function day(): Promise<void> {
  const clock = simulatedClock();
  const random = seededRandom(11);
  for (const _process of [1, 2]) {
    const guard = await createGuard({
      owner: { managementCluster, provider: "infrastructure-acme" },
      audit: fileJournal({ directory }),
      clock,
      random,
      quota: { budgets: [{ name: "deletes", per: ["cluster"], kinds: ["delete"], limit: 4, windowMs: 3_600_000 }] },
    });
    const raw = new AcmeClient();
    const client = guard.wrap(raw, object(acmeOptions));
    const ended = { ok: 0, failed: 0 };
    const one = async (call: () => Promise<unknown>) => {
      const settled = call().then(
        () => ended.ok++,
        () => ended.failed++,
      );
      await clock.runUntil(settled);
    };
    for (let round = 0; round < 40; round++) {
      const cluster = subject(`c${round % 3}`, round % 2 === 0 ? `m${round}` : undefined);
      const failures = [
        new AcmeError("throttled", { status: 429, code: "Throttled" }),
        new AcmeError("denied", { status: 403 }),
        new AcmeError("lost"),
        undefined,
        undefined,
      ];
      raw.answers.push(failures[round % failures.length]);
      await one(() =>
        guard.reconcile(cluster, () => client.createServer({ name: `s${round}`, password: "hunter2", labels: {} })),
      );
      await one(() => guard.reconcile(cluster, () => client.listServers()));
      await one(() => guard.reconcile(cluster, () => client.deleteServer({ id: `srv-${round}` })));
      await one(() => client.createServer({ name: "outside" }));
      await one(() =>
        guard.manual({ operator: "ada", reason: "resize by hand", ticket: "CHG-1", ...cluster }, () =>
          client.resizeServer({ id: `srv-${round}`, size: 2 }),
        ),
      );
      await clock.advance(5_000);
    }
    await clock.runUntil(guard.freeze({ reason: "drill", by: "ada" }));
    await one(() => guard.reconcile(subject("c0"), () => client.resizeServer({ id: "srv-1", size: 3 })));
    await clock.runUntil(guard.close());
    expect(ended.ok).toBeGreaterThan(20);
    expect(ended.failed).toBeGreaterThan(20);
  }
}

it("every line that a guard writes in a long mixed run fits the documented schema", async () => {
  await day();
  const records = await fittingRecords(directory);

  const seen = new Set(records.map(({ type }) => type));
  for (const type of ["header", "intent", "outcome", "read", "refusal", "notice"] as const)
    expect(seen).toContain(type);
  const kinds = new Set(records.flatMap((each) => ("kind" in each ? [each.kind as CallKind] : [])));
  expect([...kinds].sort()).toEqual(["create", "delete", "read", "update"]);
  const results = new Set(records.flatMap((each) => ("result" in each ? [each.result] : [])));
  expect([...results].sort()).toEqual(["failed", "ok", "unknown"]);

  const manual = records.find((each) => each.type === "intent" && each.manual !== undefined);
  expect(manual).toMatchObject({ manual: { operator: "ada", ticket: "CHG-1" }, resources: [expect.any(String)] });
  const created = records.find((each) => each.type === "outcome" && each.resources !== undefined);
  expect(created).toMatchObject({ result: "ok", resources: [expect.stringMatching(/^srv-/)] });
  expect(JSON.stringify(records)).not.toContain("hunter2");
});
