import { randomUUID } from "node:crypto";
import type { SecretApi, SecretObject } from "provider-guard/kubernetes";
import { apiError } from "./lease-elector-model.ts";

/** The API server as far as Secrets go, with the failures that a test asks for. */
export function secretServer() {
  const stored = new Map<string, SecretObject>();
  const requests: string[] = [];
  /** Called before a request is served, and after; what it throws is the answer. */
  let around: (verb: string, when: "before" | "after") => void = () => {};

  async function serve<T>(verb: string, work: () => T): Promise<T> {
    requests.push(verb);
    around(verb, "before");
    const answer = structuredClone(work());
    around(verb, "after");
    return answer;
  }

  function at(name: string): SecretObject {
    const found = stored.get(name);
    if (found === undefined) throw apiError(404);
    return found;
  }

  const core: SecretApi = {
    readNamespacedSecret: ({ name }) => serve("get", () => at(name)),
    createNamespacedSecret: ({ body }) =>
      serve("create", () => {
        const name = body.metadata?.name ?? "";
        if (stored.has(name)) throw apiError(409);
        const metadata = { ...body.metadata, uid: randomUUID(), creationTimestamp: new Date(0) };
        stored.set(name, { ...body, metadata });
        return at(name);
      }),
    deleteNamespacedSecret: ({ name, body }) =>
      serve("delete", () => {
        if (at(name).metadata?.uid !== body?.preconditions?.uid) throw apiError(409);
        stored.delete(name);
      }),
    listNamespacedSecret: ({ labelSelector = "", limit = 1_000, _continue = "0" }) =>
      serve("list", () => {
        const wanted = labelSelector.split(",").map((term) => term.split("="));
        const all = [...stored.values()].filter(({ metadata }) =>
          wanted.every(([key = "", value]) => metadata?.labels?.[key] === value),
        );
        const end = Number(_continue) + limit;
        return {
          items: all.slice(Number(_continue), end),
          metadata: { ...(end < all.length && { _continue: String(end) }) },
        };
      }),
  };
  return {
    core,
    stored,
    requests,
    set around(hook: typeof around) {
      around = hook;
    },
  };
}
