import type { TagSupport } from "../../src/core/adapter.ts";
import { givenTagsIn, idsIn, readPath, tagsIn, withPath } from "../../src/core/path.ts";
import { plainTags } from "../../src/ownership/plain-tags.ts";
import type { ObjectAdapterOptions, ObjectOperation } from "./options.ts";

type Args = readonly unknown[];

/** Tags and tokens in the first argument, where the operations say. */
export function tagSupport(
  options: ObjectAdapterOptions,
  operations: ReadonlyMap<string, ObjectOperation>,
): TagSupport {
  const { codec = plainTags, seen, read } = options;
  const argument = (input: unknown) => (input as Args)[0];
  const replaced = (input: unknown, path: string, value: unknown) =>
    (input as Args).with(0, withPath(argument(input), path, value));
  return {
    codec,
    write({ operation, input }, tags) {
      const path = operations.get(operation)?.tags;
      if (path === undefined) return undefined;
      const own = readPath(argument(input), path);
      return replaced(input, path, own === undefined ? tags : { ...tagsIn(own), ...tags });
    },
    given({ operation, input }) {
      const path = operations.get(operation)?.tags;
      const own = path === undefined ? undefined : readPath(argument(input), path);
      return own === undefined ? undefined : givenTagsIn(own);
    },
    token({ operation, input }, token) {
      const path = operations.get(operation)?.token;
      if (path === undefined) return undefined;
      const own = readPath(argument(input), path);
      if (typeof own === "string") return { input, token: own };
      return { input: replaced(input, path, token), token };
    },
    targets: ({ operation, input }) =>
      (operations.get(operation)?.targets ?? []).flatMap((path) => idsIn(readPath(argument(input), path))),
    ...(seen === undefined ? {} : { seen: (call, result) => seen(call.operation, result) }),
    ...(read === undefined ? {} : { read: (id, call) => read(id, call.binding.client) }),
  };
}
