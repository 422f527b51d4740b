import { createGuard, fileJournal } from "provider-guard";
import { object } from "provider-guard/object";
import { expect, it } from "vitest";
import { AcmeClient, AcmeError, acmeOptions, managementCluster, subject } from "../support/acme.ts";
import { temporaryDirectory } from "./support.ts";

it("guard.unfinished() names what the last process left open, until a resumed call settles it", async () => {
  const directory = temporaryDirectory();
  const start = () =>
    createGuard({
      owner: { managementCluster, provider: "infrastructure-acme" },
      audit: fileJournal({ directory, segmentBytes: 1024 }),
    });
  const raw = new AcmeClient();

  const first = await start();
  expect(first.unfinished()).toEqual([]);
  const client = first.wrap(raw, object(acmeOptions));
  raw.answers.push(new AcmeError("socket hang up"));
  await expect(first.reconcile(subject("a"), () => client.createServer({ name: "one" }))).rejects.toThrow("hang up");
  for (let i = 0; i < 5; i++) await first.reconcile(subject("a"), () => client.createServer({ name: `x${i}` }));
  const lost = raw.sent[0]?.input as { requestId: string; labels: Record<string, string> };
  expect(first.unfinished()).toEqual([]); // its own, not an earlier process's
  first.unwrap(client);
  await first.close();

  const second = await start();
  const [open, ...more] = second.unfinished();
  expect(more).toEqual([]);
  expect(open).toMatchObject({
    operation: "createServer",
    service: "acme",
    owner: { cluster: { name: "a", uid: "uid-a" } },
    token: lost.requestId,
    at: expect.any(Number),
    fingerprint: expect.any(String),
  });
  expect(Object.values(lost.labels)).toContain(open?.call); // the tag to look for

  const again = second.wrap(raw, object(acmeOptions));
  await second.reconcile(subject("a"), () => again.createServer({ name: "one" }));
  expect(raw.sent.at(-1)?.input).toMatchObject({ requestId: lost.requestId });
  await second.close();
  const third = await start();
  expect(third.unfinished()).toEqual([]);
  await third.close();
});

it("guard.unfinished() is empty without an audit log", async () => {
  const guard = await createGuard({ owner: { managementCluster, provider: "p" }, audit: false });
  expect(guard.unfinished()).toEqual([]);
  await guard.close();
});
