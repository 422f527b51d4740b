import type { TagSupport } from "../../src/core/adapter.ts";
import type { Call } from "../../src/core/call.ts";
import { givenTagsIn, idsIn, readPath, tagsIn, withPath } from "../../src/core/path.ts";
import { plainTags } from "../../src/ownership/plain-tags.ts";
import type { FetchAdapterOptions } from "./options.ts";
import type { FetchLike } from "./request.ts";
import type { Route } from "./routes.ts";

/** A call's input as this adapter makes it: what is recorded, and what the phases may change. */
export interface HttpInput {
  readonly method: string;
  /** The route's path; a URL may hold secrets. */
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** What this adapter made of the caller's request. */
export const inputOf = (call: Call) => call.input as HttpInput;

/** JSON of the answers in which resources are looked for. */
export const bodies = new WeakMap<object, unknown>();

/** Tags and tokens in JSON bodies and headers, where the routes say. */
export function tagSupport(options: FetchAdapterOptions, routes: ReadonlyMap<string, Route>): TagSupport {
  const { codec = plainTags, seen, read } = options;
  const tagsPath = (call: Call) => (inputOf(call).body === undefined ? undefined : routes.get(call.operation)?.tags);
  return {
    codec,
    write(call, tags) {
      const path = tagsPath(call);
      if (path === undefined) return undefined;
      const input = inputOf(call);
      return { ...input, body: withPath(input.body, path, { ...tagsIn(readPath(input.body, path)), ...tags }) };
    },
    given(call) {
      const path = tagsPath(call);
      return path === undefined ? undefined : givenTagsIn(readPath(inputOf(call).body, path));
    },
    token(call, token) {
      const place = routes.get(call.operation)?.token;
      const input = inputOf(call);
      if (place === undefined) return undefined;
      if ("header" in place) {
        const mine = input.headers[place.header]; // the caller set one
        if (mine !== undefined) return { input, token: mine };
        return { input: { ...input, headers: { ...input.headers, [place.header]: token } }, token };
      }
      const own = readPath(input.body, place.body);
      if (typeof own === "string") return { input, token: own };
      return { input: { ...input, body: withPath(input.body, place.body, token) }, token };
    },
    targets: (call) => (routes.get(call.operation)?.targets ?? []).flatMap((name) => idsIn(inputOf(call).params[name])),
    ...(seen === undefined ? {} : { seen: (call, result) => seen(call.operation, bodies.get(result as object)) }),
    ...(read === undefined ? {} : { read: (id, call) => read(id, call.binding.client as unknown as FetchLike) }),
  };
}
