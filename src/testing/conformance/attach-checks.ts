import { deepStrictEqual, equal, ok } from "node:assert/strict";
import { hostileValues } from "./hostile.ts";
import { begin, type Check, invoke, need, succeed } from "./session.ts";
import type { ConformanceSubject } from "./subject.ts";

/** Names of everything that can be called on an object, wherever it is defined. */
function methodsOf(client: object): string[] {
  const names = new Set<string>();
  let level: object | null = client;
  while (level !== null && level !== Object.prototype && level !== Function.prototype) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(level))) {
      if (typeof value === "function") names.add(name);
    }
    level = Object.getPrototypeOf(level);
  }
  return [...names];
}

/** The client before and after: what it is, what it offers, what it costs to take the hooks out again. */
export function attachChecks<C extends object>(subject: ConformanceSubject<C>): Check<C>[] {
  const { read } = subject.operations;
  return [
    {
      title: "accepts its own clients, and survives being asked about anything",
      async run() {
        const { adapter, bare } = await begin(subject);
        equal(adapter.accepts(bare), true, "its own client is refused");
        for (const value of hostileValues()) adapter.accepts(value as object);
      },
    },
    {
      title: "refuses clients of other families",
      needs: ["foreign", need(subject.foreign?.length, "the subject names no foreign clients")],
      async run() {
        const adapter = subject.adapter();
        for (const [i, client] of (subject.foreign ?? []).entries()) {
          equal(adapter.accepts(client), false, `foreign[${i}] is accepted`);
        }
      },
    },
    {
      title: "attach keeps the client's type and its methods",
      async run() {
        const plain = await subject.makeClient({ send: () => Promise.reject(new Error("not used")) });
        const { guarded } = await begin(subject);
        equal(typeof guarded, typeof plain);
        equal(Object.getPrototypeOf(guarded), Object.getPrototypeOf(plain), "the prototype");
        const gone = methodsOf(plain).filter((name) => typeof Reflect.get(guarded, name) !== "function");
        deepStrictEqual(gone, [], "methods that are gone");
      },
    },
    {
      title: "attaching twice still runs each ring once",
      async run() {
        const { adapter, bare, port, wire } = await begin(subject);
        const again = adapter.attach(bare, port);
        const outcome = await invoke(again.client, read);
        ok("result" in outcome, "the call failed");
        deepStrictEqual(port.violations, []);
        deepStrictEqual([port.calls.length, port.attempts.length, wire.requests.length], [1, 1, 1]);
        again.detach();
      },
    },
    {
      title: "detach takes the hooks out, and can be called twice",
      async run() {
        const { bare, guarded, attachment, port, wire } = await begin(subject);
        attachment.detach();
        attachment.detach();
        port.unwatched = true;
        for (const client of [bare, guarded]) ok("result" in (await invoke(client, read)), "the call failed");
        deepStrictEqual([port.calls.length, port.attempts.length, wire.requests.length], [0, 0, 2]);
      },
    },
    {
      title: "one client's hooks leave other clients alone",
      async run() {
        const first = await begin(subject);
        const second = await begin(subject);
        await succeed(second, read);
        deepStrictEqual([first.port.calls.length, second.port.calls.length], [0, 1]);
        second.attachment.detach();
        await succeed(first, read);
        deepStrictEqual([first.port.calls.length, second.port.calls.length], [1, 1]);
      },
    },
  ];
}
