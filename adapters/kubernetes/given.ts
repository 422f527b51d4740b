import { fieldsOf } from "../../src/core/kubernetes-status.ts";
import type { Tags } from "../../src/core/tags.ts";
import { plainTags } from "../../src/ownership/plain-tags.ts";
import { type KnownObject, reservedIn, reservedMaps, tagsOf } from "./known-objects.ts";

type Known = Pick<KnownObject, "labels" | "annotations">;

const { prefix } = plainTags;
const places = ["labels", "annotations"] as const;
type Place = (typeof places)[number];

const emptied = (tags: Tags): Tags => Object.fromEntries(Object.keys(tags).map((key) => [key, ""]));

/** What goes with a whole map: what is known to be in it, and one key where nothing is known. */
const swept = (known: Known | undefined, place: Place): Tags =>
  emptied(known?.[place] ?? { [`${prefix}management-cluster`]: "" });

const allSwept = (known: Known | undefined): Tags => ({ ...swept(known, "annotations"), ...swept(known, "labels") });

/** All entries where one is not as it was: together they say whom the object is to belong to. */
export const changes = (tags: Tags, known: Tags): Tags =>
  Object.entries(tags).some(([key, value]) => known[key] !== value) ? tags : {};

/** What the parts of a patch say together; of two that contradict each other neither counts. */
function joined(parts: readonly Tags[]): Tags {
  const tags: Record<string, string> = {};
  for (const [key, value] of parts.flatMap((part) => Object.entries(part))) {
    tags[key] = Object.hasOwn(tags, key) && tags[key] !== value ? "" : value;
  }
  return tags;
}

const hasDirective = (map: unknown) => Object.keys(fieldsOf(map)).some((key) => key.startsWith("$")); // `$patch: replace`

const named = (map: unknown): Tags =>
  Object.fromEntries(
    Object.entries(fieldsOf(map)).flatMap(([key, value]) =>
      key.startsWith(prefix) ? [[key, value === null ? "" : String(value)]] : [],
    ),
  );

/** Reserved keys that a merge patch names, or removes with what holds them. */
function inMerge(patch: unknown, known: Known | undefined): Tags {
  const { metadata } = fieldsOf(patch);
  if (metadata === null) return allSwept(known);
  const inPlace = (place: Place): Tags[] => {
    const map = fieldsOf(metadata)[place];
    return [map === null || hasDirective(map) ? swept(known, place) : {}, named(map)];
  };
  return joined([hasDirective(metadata) ? allSwept(known) : {}, ...places.flatMap(inPlace)]);
}

const unescaped = (part: string) => part.replaceAll("~1", "/").replaceAll("~0", "~");

/** Reserved keys that an operation of a JSON patch touches at `path`; putting back a whole map changes nothing. */
function touched(path: unknown, value: unknown, known: Known | undefined): Tags {
  if (typeof path !== "string") return {};
  const [, top, place, key] = path.split("/").map(unescaped);
  if (top === undefined) return touched("/metadata", fieldsOf(value).metadata, known);
  if (top !== "metadata") return {};
  if (place === undefined) {
    return joined(places.map((name) => touched(`/metadata/${name}`, fieldsOf(value)[name], known)));
  }
  if (place !== "labels" && place !== "annotations") return {};
  if (key === undefined) return changes({ ...swept(known, place), ...reservedIn(value) }, known?.[place] ?? {});
  return key.startsWith(prefix) ? { [key]: typeof value === "string" ? value : "" } : {};
}

function inOperation(operation: unknown, known: Known | undefined): Tags {
  const { op, path, from, value } = fieldsOf(operation);
  if (op === "test") return {};
  return joined([touched(path, value, known), op === "move" ? touched(from, undefined, known) : {}]);
}

/**
 * The reserved tags that a patch brings or takes away.
 *
 * @param known - The object when it was last seen.
 */
export function givenInPatch(body: unknown, known: Known | undefined): Tags {
  if (!Array.isArray(body)) return inMerge(body, known);
  return joined(body.map((operation) => inOperation(operation, known)));
}

/**
 * The reserved tags that a replacement changes: a controller sends back what it has read, and that is
 * no change.
 *
 * @param known - The object's tags when it was last seen.
 * @param whole - Whether what is missing is taken away: not in a subresource's body.
 */
export function givenInReplacement(body: unknown, known: Tags, whole: boolean): Tags {
  const tags = tagsOf(reservedMaps(fieldsOf(body).metadata));
  const gone = Object.fromEntries(Object.entries(known).filter(([key]) => !Object.hasOwn(tags, key)));
  return { ...changes(tags, known), ...(whole ? emptied(gone) : {}) };
}
