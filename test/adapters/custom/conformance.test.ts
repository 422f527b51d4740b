import { readFileSync } from "node:fs";
import type { ConformanceSubject, SubjectOperation, Wire } from "provider-guard/testing";
import { expect, test } from "vitest";
import { type RestClient, rest } from "../../../examples/custom-adapter/rest-adapter.ts";
import { conforms } from "../../support/conformance.ts";

class RestError extends Error {
  constructor(readonly status: number | undefined) {
    super("the API said no");
  }
}

/** The client that the page speaks of, on the kit's wire. */
function clientOn(wire: Wire): RestClient {
  return {
    async request({ body }) {
      const { labels, token } = body as { labels?: Record<string, string>; token?: string };
      const { kind, status, requestId } = await wire.send({ tags: labels, token });
      if (kind === "ok") return { status: status ?? 200, requestId };
      if (kind === "lost") throw Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });
      throw new RestError(status);
    },
  };
}

function operation(action: string, body: object, secrets: readonly string[] = []): SubjectOperation<RestClient> {
  return {
    operation: action,
    service: "acme",
    input: ({ tags, token }) => ({
      action,
      body: { ...body, ...(tags && { labels: { ...tags } }), ...(token && { token }) },
    }),
    invoke: (client, request) => client.request(request),
    secrets,
  };
}

const subject: ConformanceSubject<RestClient> = {
  name: "custom",
  adapter: () => rest,
  makeClient: clientOn,
  operations: {
    read: operation("getServers", {}),
    create: operation("createServer", { name: "one", password: "kit-secret" }, ["kit-secret"]),
    update: operation("resizeServer", { id: "srv-1" }),
    delete: operation("deleteServer", { id: "srv-1" }),
  },
  foreign: [{}, [], new Map()],
  lacks: {
    signal: "the client takes no signal",
    "request-id": "its errors carry no request id",
    "retry-after": "its errors do not say when to come back",
  },
};

conforms(subject, {
  "custom: a resource's tags are read past the rings; one that is not there is undefined":
    "the adapter does not read tags",
  "custom: an abort in flight ends the call, and is read as one": "the client takes no signal",
  "custom: an abort while a call waits in either ring sends nothing, and rejects with its reason":
    "the client takes no signal",
  "custom: request ids are read, of successes and failures, each attempt its own": "its errors carry no request id",
  "custom: resources and their tags are found in answers": "the adapter does not look",
  "custom: resources can be listed for the collector": "the adapter offers no inventory",
  "custom: the caller's signal reaches the call": "the client takes no signal",
  "custom: the client's own retries are attempts of the same call": "the client has no retries of its own",
  "custom: the lease's credential signs every attempt, fresh each time": "the client takes its credential itself",
  "custom: updates and deletes tell which resources they name": "the adapter does not tell",
  "custom: what the cloud asks to wait is read": "its errors do not say when to come back",
});

test("the page shows this very adapter, in less than 60 lines of code", () => {
  const code = readFileSync("examples/custom-adapter/rest-adapter.ts", "utf8");
  expect(readFileSync("docs/adapters/custom.md", "utf8")).toContain(code);
  expect(code.split("\n").filter((line) => line.trim() !== "").length).toBeLessThan(60);
});
