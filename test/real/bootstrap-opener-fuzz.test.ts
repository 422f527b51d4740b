import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { KeyWrap } from "../../src/bootstrap/contract.ts";
import { sealData } from "../../src/bootstrap/seal-data.ts";
import type { SealedData } from "../../src/bootstrap/sealed-data.ts";
import { seededRandom } from "../../src/testing/index.ts";
import { type Corrupted, corruptions, type Material } from "./bootstrap-opener/corruptions.ts";
import { describeOpener, type TestMachine, testMachine } from "./bootstrap-opener/machine.ts";
import { binding, canary, sampleScript, signer, stagedIn } from "./bootstrap-opener/sealed.ts";

/** Over all shells; `node scripts/fuzz-opener.mjs` runs more. */
const runs = Number(process.env.OPENER_FUZZ_RUNS ?? 300);
const seed = Number(process.env.OPENER_FUZZ_SEED ?? 7);
const progress = process.env.OPENER_FUZZ_PROGRESS !== undefined;

/** Wraps nothing: a key of one's own for each sealing, in the user data, whose theft is not what this is about. */
const openWrap: KeyWrap = {
  name: "open",
  wrap: async (key) => Buffer.from(key).toString("base64"),
  opener: () => ({
    script: `pg_unwrap() {\nprintf '%s\\n' "$pg_wrapped" | openssl base64 -d -A >"$1" || return 2\n}`,
  }),
};

describeOpener("an opener that gets corrupted data", (shell) => {
  let machine: TestMachine;
  let material: Material;
  const random = seededRandom(seed).fork(shell);

  beforeAll(async () => {
    machine = testMachine(shell);
    const data = sampleScript(machine.folder);
    const now = Math.floor(Date.now() / 1000) * 1000;
    const seal = (minutesAgo: number, minutes: number, name = "prod-1"): Promise<SealedData> => {
      const sealedAt = now - minutesAgo * 60_000;
      const made = binding({ sealedAt, expiresAt: sealedAt + minutes * 60_000 });
      const bound = { ...made, machine: { ...made.machine, machine: { ...made.machine.machine, name } } };
      return sealData({ data, binding: bound, wrap: openWrap, signer, maxItemBytes: 512, maxItems: 20 });
    };
    const [sealed, older, expired, other] = await Promise.all([
      seal(1, 600),
      seal(2, 600),
      seal(90, 60),
      seal(1, 600, "prod-2"),
    ]);
    material = { sealed, older, expired, other };
    expect(sealed.chunks.length).toBeGreaterThan(2);
  });
  afterAll(() => machine.remove());

  async function boot({ sealed, opened }: Corrupted) {
    rmSync(join(machine.folder, "store"), { recursive: true, force: true });
    rmSync(join(machine.folder, "state"), { recursive: true, force: true });
    if (opened) {
      const { id, sealedAt } = material.sealed.binding;
      mkdirSync(join(machine.folder, "state/bootstrap"), { recursive: true });
      writeFileSync(join(machine.folder, "state/bootstrap/opened"), `${id} ${sealedAt / 1000}\n`);
    }
    const wrap = openWrap.opener(sealed.binding);
    const { opener, store, first } = stagedIn(machine.folder, { sealed, wrap });
    machine.write(opener);
    const { code, stdout, stderr } = await machine.run();
    const asked = join(store, "asked");
    const forgotten = existsSync(asked) && /forget/.test(readFileSync(asked, "utf8"));
    const items = readdirSync(store).filter((name) => Number(name) < first).length;
    return { code, stdout, stderr, forgotten, items };
  }

  it(
    `executes none of it, deletes nothing remotely, and leaves no plaintext (seed ${seed})`,
    async () => {
      const names = Object.keys(corruptions);
      const mine = Math.ceil(runs / 3);
      for (let run = 0; run < mine; run++) {
        // Each of them in turn; then by chance.
        const name = names[run < names.length ? run : Math.floor(random() * names.length)] as string;
        const corrupted = corruptions[name]?.(material, random);
        if (corrupted === undefined) continue;
        const outcome = await boot(corrupted);
        const what = `run ${run}: ${name}`;
        expect(outcome, what).toEqual({
          code: 10,
          stdout: "",
          stderr: "",
          forgotten: false,
          items: corrupted.sealed.chunks.length,
        });
        expect(machine.status(), what).toMatch(/^refused [a-z-]+$/);
        expect(existsSync(join(machine.folder, "effect")), what).toBe(false);
        expect(existsSync(join(machine.folder, "run/bootstrap")), what).toBe(false);
        expect(machine.mounts(), what).toEqual([]);
        expect(machine.holding(canary), what).toEqual([]);
        if (progress && run % 50 === 49) process.stderr.write(`${shell}: ${run + 1} of ${mine}\n`);
      }
      expect(machine.console().length).toBeGreaterThan(0);
    },
    Math.max(120_000, runs * 2000),
  );

  it("opens the same data when nothing of it is corrupted", async () => {
    expect(await boot({ sealed: material.sealed })).toMatchObject({ code: 0, stderr: "", forgotten: true, items: 0 });
    expect(readFileSync(join(machine.folder, "effect"), "utf8")).toBe("ran 0022\n");
  });
});
