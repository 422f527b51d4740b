import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createGuard, fileJournal, verifyJournal } from "provider-guard";
import { object } from "provider-guard/object";
import { expect, it } from "vitest";
import { AcmeClient, acmeOptions, managementCluster, subject } from "../support/acme.ts";
import { mountSmallDisk } from "../support/small-disk.ts";

it("a disk that fills up in the middle of a run: mutating calls are refused, reads go on, nothing recorded is lost", async (test) => {
  const disk = mountSmallDisk("96k");
  if (disk === undefined) return test.skip("mounting a small file system is not allowed here");
  test.onTestFinished(() => disk.remove());
  const { directory } = disk;
  const filler = join(directory, "filler");
  writeFileSync(filler, Buffer.alloc(48 * 1024));
  const audit = join(directory, "audit");
  const guard = await createGuard({
    owner: { managementCluster, provider: "infrastructure-acme" },
    audit: fileJournal({ directory: audit }),
    rateLimit: { rules: [{ name: "wide", ratePerSecond: 1e6, burst: 1e6 }] },
  });
  const raw = new AcmeClient();
  const client = guard.wrap(raw, object(acmeOptions));
  const create = (name: string) => guard.reconcile(subject("a"), () => client.createServer({ name }));

  let refusal: unknown;
  for (let i = 0; i < 1000 && refusal === undefined; i++) await create(`m-${i}`).catch((error) => (refusal = error));
  expect(refusal).toMatchObject({ code: "ERR_AUDIT_UNAVAILABLE", retryable: true, cause: { code: "ENOSPC" } });
  const created = raw.sent.length;
  expect(created).toBeGreaterThan(10);
  await expect(client.deleteServer({ id: "srv-1" })).rejects.toMatchObject({ code: "ERR_AUDIT_UNAVAILABLE" });
  await client.listServers();
  expect(raw.sent.slice(created).map(({ operation }) => operation)).toEqual(["listServers"]);
  expect(await verifyJournal({ directory: audit })).toMatchObject({ ok: true, intents: created });

  rmSync(filler);
  await create("again");
  await guard.close();
  const { ok, intents, outcomes, unfinished } = await verifyJournal({ directory: audit });
  expect({ ok, intents, outcomes, unfinished }).toEqual({
    ok: true,
    intents: created + 1,
    outcomes: created + 1,
    unfinished: 0,
  });
});
