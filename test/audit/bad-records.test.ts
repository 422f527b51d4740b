import { describe, expect, it } from "vitest";
import { verifyJournal } from "../../src/audit/verify.ts";
import type { AuditRecord } from "../../src/core/journal.ts";
import { createRedactor } from "../../src/core/redact.ts";
import { failure, intent, openJournal, outcome, read, recordsOf, temporaryDirectory } from "./support.ts";

const circular: Record<string, unknown> = {};
circular.self = circular;

class Machine {
  readonly secret = "hunter2";
}

const throwing = {
  get name(): string {
    throw new Error("hunter2");
  },
};

const proxy = new Proxy(
  {},
  {
    ownKeys() {
      throw new Error("hunter2");
    },
  },
);

/** Says another thing each time it is asked. */
function twoFaced(): object {
  let asked = 0;
  return { toString: () => (asked++ === 0 ? "plain" : 'x","type":"end","next":2,"y":"') };
}

const hostile: readonly (readonly [string, unknown])[] = [
  ["circular", circular],
  ["a BigInt", { n: 10n ** 5000n, m: 1n }],
  ["a Buffer", { data: Buffer.from("hunter2"), view: new Uint8Array(1e6) }],
  ["a class instance", new Machine()],
  ["a getter that throws", throwing],
  ["a proxy that throws", proxy],
  ["toJSON", { toJSON: () => ({ type: "header", password: "hunter2" }) }],
  ["toJSON that throws", { toJSON: () => throwing.name }],
  ["huge", { text: "x".repeat(2e7), list: new Array(1e6).fill("hunter2") }],
  ["deep", Array.from({ length: 10_000 }).reduce((value) => ({ value }), "hunter2")],
  ["a function and a symbol", { f: () => 1, s: Symbol("hunter2"), u: undefined }],
  [
    "a map, a set, a date and an error",
    { a: new Map([["k", "hunter2"]]), b: new Date(Number.NaN), c: new Error("hunter2") },
  ],
  ["no object", undefined],
];

describe("input that is no plain data", () => {
  const { redact } = createRedactor();

  it.each(hostile)("is recorded by its shape, in little room, and breaks nothing: %s", async (_, input) => {
    const directory = temporaryDirectory();
    const journal = await openJournal(directory);
    for (const policy of [undefined, { allow: new Set(["name", "text", "list", "data", "n", "m"]) }]) {
      await journal.append(intent("a", { input: redact(input, policy).value }));
    }
    await journal.close();
    expect(await verifyJournal({ directory })).toMatchObject({ ok: true, intents: 2 });
    const stored = JSON.stringify(recordsOf(directory));
    expect(stored.length).toBeLessThan(20_000);
    if (_ !== "huge") expect(stored).not.toContain("hunter2"); // there an allowed key holds it
  });

  it.each(hostile)("is refused or recorded where it was not redacted, and breaks nothing: %s", async (_, input) => {
    const directory = temporaryDirectory();
    const journal = await openJournal(directory);
    await journal.append(intent("a", { input })).catch((error) => {
      expect(error).toMatchObject({ code: "ERR_AUDIT_UNAVAILABLE", retryable: false });
      expect(error.message).not.toContain("hunter2");
    });
    journal.enqueue({ type: "notice", at: 1, event: "x", details: input as never });
    await journal.append(intent("b"));
    await journal.close();
    const again = await openJournal(directory);
    expect(again.unfinished.map(({ call }) => call)).toContain("b");
    expect(await verifyJournal({ directory })).toMatchObject({ ok: true });
  });
});

describe("a record that is not what its type says", () => {
  const lying = new Proxy(read("r"), {
    get: (record, key) => (key === "type" && lies++ > 0 ? "header" : Reflect.get(record, key)),
  });
  let lies = 0;
  const bad: readonly (readonly [string, unknown])[] = [
    ["a field without JSON", { ...intent("a"), input: () => 1, target: Symbol("x"), owner: () => 2 }],
    ["no target and no owner", { ...intent("a"), target: undefined, owner: undefined }],
    ["names that change", { ...intent("a"), operation: twoFaced(), token: twoFaced() }],
    [
      "numbers in the place of text",
      { ...outcome("a"), attempts: [{ n: 1, code: 5, requestId: {}, result: 1, ms: "7" }] },
    ],
    ["attempts that are none", { ...outcome("a"), attempts: { length: 2, map: () => ({ join: () => "}x" }) } }],
    ["a link", { type: "end", next: 2 }],
    ["a record of the journal's own", { type: "open", intents: [] }],
    ["a notice with toJSON", { type: "notice", at: 1, event: "x", toJSON: () => ({ type: "end", next: 2 }) }],
    [
      "a refusal that changes its type",
      new Proxy({ type: "refusal" }, { get: (_, key) => (key === "type" ? twoFaced() : undefined) }),
    ],
    ["a type that changes", lying],
    [
      "a getter that throws",
      {
        ...intent("a"),
        type: "refusal",
        get code() {
          return throwing.name;
        },
      },
    ],
    ["nothing", null],
    ["text", "intent"],
  ];

  it.each(bad)("never breaks the journal: %s", async (_, record) => {
    const directory = temporaryDirectory();
    const journal = await openJournal(directory);
    await journal.append(record as AuditRecord).catch((error) => {
      expect(error).toMatchObject({ code: "ERR_AUDIT_UNAVAILABLE", retryable: false });
    });
    await journal.flush();
    // As the last line and as one before others: the last one must be whole in itself.
    expect(await verifyJournal({ directory })).toMatchObject({ ok: true });
    journal.enqueue(record as AuditRecord);
    await journal.append(intent("b"));
    await journal.close();
    await (await openJournal(directory)).close();
    expect(await verifyJournal({ directory })).toMatchObject({ ok: true });
    for (const line of recordsOf(directory))
      expect(["header", "notice", "intent", "outcome", "read", "refusal"]).toContain(line.type);
  });
});

describe("keys that are to be denied", () => {
  it.each(["**.secret", "a.b", "secret*", "", "x-api-key", "k".repeat(65), 7])(
    "are refused where they are in no key that could be recorded: %s",
    async (part) => {
      const error = await failure(() => createRedactor({ denyKeys: ["licence", part as string] }));
      expect(error.code).toBe("ERR_CONFIG_INVALID");
      expect(error.message).toMatch(/^redaction\.denyKeys\[1\]: .* matches no key/);
    },
  );
});
