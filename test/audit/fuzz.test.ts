import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { verifyJournal } from "../../src/audit/verify.ts";
import { isGuardError } from "../../src/core/errors.ts";
import { seededRandom } from "../../src/testing/seeded-random.ts";
import { continues, type Files, mutate, rehash, same } from "./mutations.ts";
import { intent, openJournal, outcome, read, temporaryDirectory } from "./support.ts";

const rounds = Number(process.env.AUDIT_FUZZ_ROUNDS ?? 1500);
const seed = Number(process.env.AUDIT_FUZZ_SEED ?? 5);

const filesIn = (directory: string): Files =>
  new Map(
    readdirSync(directory)
      .filter((name) => name.endsWith(".jsonl"))
      .sort()
      .map((name) => [name, readFileSync(join(directory, name))]),
  );

/** Makes the directory hold these files, writing only what differs from what it holds. */
function put(directory: string, held: Files, wanted: Files): void {
  for (const name of held.keys()) if (!wanted.has(name)) rmSync(join(directory, name));
  for (const [name, content] of wanted) {
    if (held.get(name) !== content) writeFileSync(join(directory, name), content);
  }
}

it(`none of ${rounds} random mutations of a journal verifies against its pinned head, and none breaks the verifier`, async () => {
  const directory = temporaryDirectory();
  const journal = await openJournal(directory, { segmentBytes: 1500 });
  for (let i = 0; i < 9; i++) {
    await journal.append(intent(`a${i}`, i % 4 === 3 ? { token: "a0" } : { token: `a${i}` }));
    journal.enqueue(i % 3 === 0 ? outcome(`a${i}`) : read(`r${i}`));
  }
  await journal.close();
  const valid = filesIn(directory);
  expect(valid.size).toBeGreaterThanOrEqual(4);
  const { head, status } = await verifyJournal({ directory });
  if (head === undefined || status !== "ok") throw new Error("the journal itself does not verify");
  expect(same(rehash(valid), valid)).toBe(true); // else re-hashed mutations would prove nothing

  const found: Record<string, number> = {};
  let held: Files = valid;
  for (let round = 0; round < rounds; round++) {
    const mutated = mutate(valid, seededRandom(seed * 1_000_003 + round));
    if (same(mutated, valid)) continue;
    put(directory, held, mutated);
    held = mutated;
    const result = await verifyJournal({ directory, head }).catch((error: unknown) => error);
    const where = `seed ${seed}, round ${round}`;
    if (result instanceof Error) {
      // A header that claims a newer format is not judged at all.
      if (!isGuardError(result) || !result.message.includes("has format")) throw new Error(where, { cause: result });
      found.newer = (found.newer ?? 0) + 1;
      continue;
    }
    const { ok, problem, status } = result as Awaited<ReturnType<typeof verifyJournal>>;
    if (ok && continues(valid, mutated)) continue;
    expect([where, ok]).toEqual([where, false]);
    expect(problem, where).toMatchObject({ segment: expect.any(Number), what: expect.stringMatching(/\w{3}.*\.$/) });
    found[status] = (found[status] ?? 0) + 1;
  }
  put(directory, held, valid);
  expect((await verifyJournal({ directory, head })).status).toBe("ok");
  // With the last line pinned, whatever is missing at the end is more than incomplete.
  expect(found.tampered).toBeGreaterThan(rounds * 0.9);
}, 600_000);
