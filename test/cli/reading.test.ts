import { once } from "node:events";
import { appendFileSync, cpSync, rmSync, writeFileSync } from "node:fs";
import { fileJournal, systemClock } from "provider-guard";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemRandom } from "../../src/core/id.ts";
import { controllersDay, folder, linesIn, parsed, removeFolders, rewrite, run, segmentOf, start } from "./support.ts";

let directory: string;

beforeAll(async () => {
  directory = folder();
  await controllersDay(directory);
});
afterAll(removeFolders);

const copy = (): string => {
  const path = folder();
  cpSync(directory, path, { recursive: true });
  return path;
};

const principal = { managementCluster: "mc", provider: "infrastructure-acme" };
const open = (path: string) =>
  fileJournal({ directory: path }).open({ clock: systemClock, random: systemRandom, principal });

describe("audit tail", () => {
  it("shows one line for each call and notice, the last ones last", async () => {
    const { code, stdout, stderr } = await run("audit", "tail", directory, "-n", "9");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatchInlineSnapshot(`
      "2026-01-05T08:31:00.000Z  ok        resizeServer  default/staging  srv-9  0ms  01ke6mfvd0cvca8v91ktc877a5
      2026-01-05T08:31:00.000Z  notice    freeze  scope=all  by=alice  reason=incident 42  here=true
      2026-01-05T08:31:00.000Z  refused   deleteServer  default/prod m-1  server  ERR_FREEZE_ACTIVE  01ke6mfvd0bcse4qcp1cy29eae
      2026-01-05T08:31:00.000Z  notice    thaw  scope=all  by=bob  here=true
      2026-01-05T09:31:00.000Z  ok        resizeServer  default/staging  srv-9  0ms  by hand: carol  01ke6qxq10yg3q4z6fpr2xrytk
      2026-01-05T09:31:00.000Z  unknown   createServer  default/prod m-3  server  0ms  01ke6qxq1056hk17cz2e63p67a
      2026-01-05T09:32:00.000Z  notice    opened  managementCluster=b3f0a1de-0000-4000-8000-000000000001  provider=infrastructure-acme  unfinished=1
      2026-01-05T09:32:00.000Z  ok        createServer  default/prod m-3  srv-1  0ms  01ke6qzhm0bgpv0n3g4cy2nenn
      2026-01-05T09:32:05.000Z  unknown   createServer  default/prod m-4  server  5s  waited 5s  01ke6qzhm0c34yw2v2r9m8s3td
      "
    `);
  });

  it("shows a create without an outcome as open", async () => {
    const path = copy();
    rewrite(path, (lines) => lines.slice(0, -1));
    const { stdout } = await run("audit", "tail", path, "-n", "1");
    expect(stdout).toMatch(
      /^2026-01-05T09:32:00\.000Z {2}open {6}createServer {2}default\/prod m-4 {2}server {2}\w{26}\n$/,
    );
    expect((await run("audit", "tail", path, "--result", "open")).stdout).toBe(stdout);
  });

  it("prints stored lines byte for byte with --json", async () => {
    const { stdout } = await run("audit", "tail", directory, "--json", "-n", "1000");
    expect(stdout).toBe(`${linesIn(directory).slice(1).join("\n")}\n`);
  });

  it.each([
    [["--cluster", "staging"], 2],
    [["--cluster", "default/staging"], 2],
    [["--cluster", "uid-staging"], 2],
    [["--cluster", "stag"], 0],
    [["--operation", "resizeServer"], 2],
    [["--operation", "*Server"], 8],
    [["--operation", "*Server*s"], 1],
    [["--operation", "createServer", "--result", "unknown"], 2],
    [["--result", "refused"], 1],
    [["--since", "2026-01-05T09:31:00Z"], 5],
    [["--since", "2026-01-05T09:31:00Z", "--until", "2026-01-05T09:32:00Z"], 2],
    [["--since", "2026-01-05T09:31:00Z", "-n", "3"], 3],
    [["--since", "1h"], 0],
    [["-n", "0"], 0],
  ])("shows what fits %j", async (options, count) => {
    const { code, stdout } = await run("audit", "tail", directory, ...options);
    expect([code, stdout.split("\n").length - 1]).toEqual([0, count]);
  });

  it("finds the intents of outcomes that begin before the part of the file that it reads first", async () => {
    const path = folder();
    const journal = await open(path);
    const target = { cloud: "acme", service: "s", account: "a", region: "r" };
    const facts = { target, operation: "createServer", kind: "create", owner: principal } as const;
    const outcome = { type: "outcome", result: "ok", ms: 1, attempts: [] } as const;
    await journal.append({ type: "intent", call: "early", at: 1, ...facts, input: {} });
    for (let i = 0; i < 6; i++) {
      const input = { text: "x".repeat(1024 * 1024) };
      await journal.append({ type: "intent", call: `c${i}`, at: 2, ...facts, operation: "other", input });
      journal.enqueue({ ...outcome, call: `c${i}`, at: 3 });
    }
    journal.enqueue({ ...outcome, call: "early", at: 4 });
    await journal.close();
    const last = await run("audit", "tail", path, "-n", "1");
    expect(last.stdout).toContain("ok        createServer");
    const first = await run("audit", "tail", path, "-n", "8");
    expect(first.stdout.split("\n").length).toBe(9);
    expect(first.stdout).toContain("opened");
  });

  it("follows a journal that is written, until it is interrupted", async () => {
    const path = copy();
    const child = await start("audit", "tail", path, "--follow", "-n", "1");
    let out = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
    });
    const shown = (text: string) =>
      new Promise<void>((resolve) => {
        const look = () => {
          if (out.includes(text)) resolve();
        };
        child.stdout.on("data", look);
        look();
      });
    await shown("m-4");
    const journal = await open(path);
    journal.enqueue({ type: "notice", at: 0, event: "half", details: {} });
    await journal.flush();
    await shown("half");
    await journal.close();
    // The first segment was months old: the journal went on in a second one.
    // A line that arrives in two parts is shown once it is whole.
    const [line] = linesIn(path).slice(-1) as [string];
    const next = line.replace("half", "later");
    appendFileSync(segmentOf(path, 2), next.slice(0, 40));
    appendFileSync(segmentOf(path, 2), `${next.slice(40)}\n`);
    await shown("later");
    child.kill("SIGINT");
    expect(await once(child, "exit")).toEqual([130, null]);
    expect(out.match(/half/g)).toHaveLength(1);
  });

  it("goes on past damage, says where it is and exits 1", async () => {
    const path = copy();
    rewrite(path, (lines) => lines.with(13, "garbage").with(15, '{"seq":15,"type":"outcome","attempts":7,"call":[]}'));
    const { code, stdout, stderr } = await run("audit", "tail", path, "-n", "100");
    expect(code).toBe(1);
    expect(stdout.split("\n").length).toBeGreaterThan(10);
    expect(stderr).toMatch(/damaged at segment 1, seq 13, byte \d+: .*\n$/);
  });

  it("cannot be made to write on the terminal by whoever names things", async () => {
    const path = folder();
    const journal = await open(path);
    journal.enqueue({ type: "notice", at: 0, event: "a\u001b[2J\u202eb\u009b", details: { "\n\u0007": "\r\n" } });
    await journal.close();
    const { stdout } = await run("audit", "tail", path, "-n", "1");
    expect(stdout).toBe(
      "1970-01-01T00:00:00.000Z  notice    a\\u{1b}[2J\\u{202e}b\\u{9b}  \\u{a}\\u{7}=\\u{d}\\u{a}\n",
    );
  });
});

describe("audit show", () => {
  const callOf = async (...filter: string[]) =>
    parsed((await run("audit", "tail", directory, "--json", ...filter)).stdout).at(0).call as string;

  it("tells everything about a call, and about the one that resumed it", async () => {
    const call = await callOf("--result", "unknown");
    const { code, stdout, stderr } = await run("audit", "show", directory, call);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout.replaceAll(/fingerprint .*/g, "fingerprint …")).toMatchInlineSnapshot(`
      "call      01ke6qxq1056hk17cz2e63p67a
                createServer (create server) on acme, acme, account default, default
      for       cluster default/prod (uid-prod), machine default/m-3 (uid-m-3)
      by        infrastructure-acme of management cluster b3f0a1de-0000-4000-8000-000000000001
      intent    2026-01-05T09:31:00.000Z  seq 14, segment 1, byte 5279
      input     [{"name":"m-3","labels":{"[key]":"[redacted]"},"requestId":"[string]"}]
      token     01ke6qxq1056hk17cz2e63p67a
                fingerprint …
      attempt 1 lost, 0ms
      outcome   2026-01-05T09:31:00.000Z  unknown, 0ms  seq 15, segment 1, byte 5951

      resumed by 01ke6qzhm0bgpv0n3g4cy2nenn
                createServer (create server) on acme, acme, account default, default
      for       cluster default/prod (uid-prod), machine default/m-3 (uid-m-3)
      by        infrastructure-acme of management cluster b3f0a1de-0000-4000-8000-000000000001
      intent    2026-01-05T09:32:00.000Z  seq 17, segment 1, byte 6410
      input     [{"name":"m-3","labels":{"[key]":"[redacted]"},"requestId":"[string]"}]
      token     01ke6qxq1056hk17cz2e63p67a
                fingerprint …
      own       resume, 01ke6qxq1056hk17cz2e63p67a
      attempt 1 ok, 0ms
      resources srv-1
      outcome   2026-01-05T09:32:00.000Z  ok, 0ms  seq 18, segment 1, byte 7082
      "
    `);
  });

  it("prints the records with their places for programs, from either end of the family", async () => {
    const lines = parsed(linesIn(directory).join("\n"));
    const [first, second] = [14, 17].map((seq) => lines[seq].call as string);
    for (const wanted of [first, second, "15", "18"]) {
      const { code, stdout } = await run("audit", "show", directory, wanted as string, "--json");
      const found = JSON.parse(stdout);
      expect([code, found.call, found.left]).toEqual([
        0,
        Number(wanted) >= 18 || wanted === second ? second : first,
        0,
      ]);
      expect(found.lines.map(({ seq }: { seq: number }) => seq)).toEqual([14, 15, 17, 18]);
      expect(found.lines[0]).toMatchObject({ segment: 1, record: lines[14] });
    }
  });

  it("shows a refusal, a notice, and says so where there is nothing", async () => {
    expect((await run("audit", "show", directory, "10")).stdout).toContain("freeze    refuse, ERR_FREEZE_ACTIVE");
    expect((await run("audit", "show", directory, "9")).stdout).toContain('"event": "freeze"');
    for (const wanted of ["99", "nobody"]) {
      const { code, stderr } = await run("audit", "show", directory, wanted);
      expect([code, stderr]).toEqual([2, expect.stringContaining(`holds no ${wanted === "99" ? "line" : "call"}`)]);
    }
  });
});

describe("audit export", () => {
  it("writes the stored records byte for byte as jsonl", async () => {
    const { code, stdout } = await run("audit", "export", directory, "--format", "jsonl");
    expect([code, stdout]).toEqual([0, `${linesIn(directory).slice(1).join("\n")}\n`]);
  });

  it("keeps intent and outcome together when it filters, and outcomes alone by their result", async () => {
    const of = async (...filter: string[]) =>
      parsed((await run("audit", "export", directory, "--format", "jsonl", ...filter)).stdout).map(({ seq }) => seq);
    expect(await of("--cluster", "staging")).toEqual([7, 8, 12, 13]);
    expect(await of("--result", "unknown")).toEqual([15, 20]);
  });

  it("writes one row of csv for each call, quoted by RFC 4180, with cells that no spreadsheet computes", async () => {
    const { code, stdout } = await run("audit", "export", directory, "--format", "csv");
    expect(code).toBe(0);
    const rows = stdout.split("\r\n");
    expect(rows.pop()).toBe("");
    expect(rows).toHaveLength(14);
    const names = (rows[0] as string).split(",");
    const manual = rows.find((row) => row.includes("CHG-7"))?.split(",") ?? [];
    expect(manual).toHaveLength(names.length);
    expect(Object.fromEntries(names.map((name, index) => [name, manual[index]]))).toMatchObject({
      seq: "13",
      time: "2026-01-05T09:31:00.000Z",
      type: "outcome",
      result: "ok",
      operation: "resizeServer",
      cluster_name: "staging",
      resources: "srv-9",
      attempts: "1",
      operator: "carol",
      reason: "'=disk full",
      ticket: "CHG-7",
    });
    expect(stdout).toContain('"{""scope"":""all"",""by"":""alice"",""reason"":""incident 42"",""here"":true}"');
  });

  it("writes one OCSF event for each call, intents joined although the export is filtered", async () => {
    const { code, stdout, stderr } = await run("audit", "export", directory, "--format", "ocsf");
    expect([code, stderr]).toEqual([0, ""]);
    const events = parsed(stdout);
    expect(events).toHaveLength(9);
    for (const event of events) expect(event).toMatchObject({ class_uid: 6003, category_uid: 6 });
    const { chain } = parsed(linesIn(directory)[0] as string)[0];
    const filtered = parsed((await run("audit", "export", directory, "--format", "ocsf", "--result", "failed")).stdout);
    expect(filtered).toEqual([
      expect.objectContaining({
        activity_id: 1,
        status_code: "TooManyRequests",
        unmapped: expect.objectContaining({ chain }),
      }),
    ]);
  });

  it("lists open calls at the end of a csv", async () => {
    const path = copy();
    rewrite(path, (lines) => lines.slice(0, -1));
    const { stdout } = await run("audit", "export", path, "--format", "csv", "--operation", "create*");
    const last = stdout.split("\r\n").at(-2) ?? "";
    expect(last).toMatch(/^19,2026-01-05T09:32:00\.000Z,intent,\w{26},open,createServer,/);
  });

  it("ends quietly when its reader has seen enough", async () => {
    const path = copy();
    const line = linesIn(path).at(-1) as string;
    for (let i = 0; i < 20; i++) appendFileSync(segmentOf(path), `${line}\n`.repeat(2_000));
    const child = await start("audit", "export", path, "--format", "jsonl");
    let errors = "";
    child.stderr.on("data", (text) => {
      errors += text;
    });
    await once(child.stdout, "data");
    child.stdout.destroy();
    expect(await once(child, "close")).toEqual([0, null]);
    expect(errors).toBe("");
  });

  it("shows progress on standard error where that is asked for, and nothing there otherwise", async () => {
    const { stdout, stderr } = await run("audit", "export", directory, "--format", "jsonl", "--progress");
    expect(stderr).toMatch(/^exported \d+ %\n/);
    expect(stdout).not.toContain("exported");
  });

  it("exits 2 for a directory without a journal", async () => {
    const empty = folder();
    writeFileSync(`${empty}/other.txt`, "");
    const { code, stderr } = await run("audit", "export", empty, "--format", "csv");
    expect([code, stderr]).toEqual([2, expect.stringContaining("holds no journal")]);
    rmSync(empty, { recursive: true });
  });
});
