import type { TagSupport } from "../../src/core/adapter.ts";
import type { Call } from "../../src/core/call.ts";
import { fieldsOf, readFailure } from "../../src/core/kubernetes-status.ts";
import type { Tags } from "../../src/core/tags.ts";
import { plainTags } from "../../src/ownership/plain-tags.ts";
import { isOwnerless } from "./classify.ts";
import type { ResponseContext } from "./client.ts";
import { collectionTarget, foreignIn } from "./collection.ts";
import { generatedName } from "./generated-name.ts";
import { changes, givenInPatch, givenInReplacement } from "./given.ts";
import { type KnownObjects, objectsIn, reservedIn, reservedMaps, tagsOf } from "./known-objects.ts";
import { perCallKeys, tokenKey, tokensOf, withAnnotation, withTags, withUid } from "./metadata.ts";
import { objectId, parseRef, pathOf, refOfId } from "./object-ref.ts";
import { parseOperation } from "./operation.ts";
import type { metadataOnly } from "./past.ts";
import type { KubernetesInput } from "./request.ts";
import { jsonOf } from "./response.ts";

/** Reads objects past the rings: their metadata alone, where the server can. */
export type ReadMetadata = (
  path: string,
  kind: Parameters<typeof metadataOnly>[0],
  call: Call,
) => Promise<ResponseContext>;

const mostSeen = 5_000;

/** What an answer holds: as it passes the rings, or as the caller gets it. */
const contentOf = (result: unknown) =>
  typeof fieldsOf(result).httpStatusCode === "number" ? jsonOf(result as object) : result;

const inputOf = ({ input }: Call) => fieldsOf(input) as Partial<KubernetesInput>;
const refOf = (call: Call) => parseRef(inputOf(call).objectRef);

/** The id of the object that a call is about, if it is about one that may belong to somebody. */
function targetOf(call: Call): string | undefined {
  const ref = refOf(call);
  if (ref === undefined || ref.name === "" || isOwnerless(ref.group, ref.resource)) return undefined;
  return objectId(ref);
}

/** What a delete names that names no object, where others' may be among it. */
function collectionOf(call: Call): string | undefined {
  const ref = refOf(call);
  if (ref === undefined || parseOperation(call.operation)?.verb !== "deletecollection") return undefined;
  return isOwnerless(ref.group, ref.resource)
    ? undefined
    : collectionTarget(ref, inputOf(call).query ?? {}, call.owner);
}

/** What makes what is not there, and changes what is. */
const mayCreate = (verb: string | undefined) => verb === "apply" || verb === "put";

/** A body that can carry metadata. */
function objectIn(call: Call): object | undefined {
  const { body } = inputOf(call);
  return typeof body === "object" && body !== null && !Array.isArray(body) ? body : undefined;
}

const withBody = (call: Call, body: object): KubernetesInput => ({ ...(call.input as KubernetesInput), body });

const without = (tags: Tags, keys: ReadonlySet<string>): Tags =>
  Object.fromEntries(Object.entries(tags).filter(([key]) => !keys.has(key)));

/** Owner tags and idempotency tokens in Kubernetes' metadata. */
export function tagSupport(known: KnownObjects, reader: (client: object) => ReadMetadata | undefined): TagSupport {
  const knownOf = (call: Call) => known.get(call.target.account, targetOf(call) ?? "");

  return {
    codec: plainTags,
    write(call, tags) {
      const body = objectIn(call);
      if (body === undefined) return undefined;
      if (!mayCreate(parseOperation(call.operation)?.verb)) return withBody(call, withTags(body, tags));
      const seen = knownOf(call);
      // Who changes what is nobody's does not become its owner. Should it be gone meanwhile, nothing is made without tags.
      if (seen !== undefined && plainTags.decode(tagsOf(seen)) === undefined)
        return withBody(call, withUid(body, seen.uid));
      // What differs each time would change the object at each apply, and wake its own controller.
      return withBody(call, withTags(body, without(tags, perCallKeys)));
    },
    given(call) {
      const { body } = inputOf(call);
      const operation = parseOperation(call.operation);
      const { labels, annotations } = fieldsOf(fieldsOf(body).metadata);
      switch (operation?.verb) {
        case "patch":
          return givenInPatch(body, knownOf(call));
        case "update": {
          if (targetOf(call) === undefined) return undefined;
          const seen = knownOf(call);
          if (seen !== undefined) return givenInReplacement(body, tagsOf(seen), operation.subresource === undefined);
          const own = plainTags.encode(call.owner, call.startedAt, call.id);
          return changes(without(tagsOf(reservedMaps({ labels, annotations })), perCallKeys), own);
        }
        case "put": {
          const seen = knownOf(call);
          if (seen !== undefined) return givenInReplacement(body, tagsOf(seen), false);
          return { ...reservedIn(annotations), ...(fieldsOf(labels) as Tags) };
        }
        case "create":
        case "apply":
          return { ...reservedIn(annotations), ...(fieldsOf(labels) as Tags) };
        default:
          return undefined;
      }
    },
    token(call, token) {
      const body = objectIn(call);
      if (body === undefined || parseOperation(call.operation)?.verb !== "create") return undefined;
      const [own, intent] = tokensOf(body);
      const mine = typeof own === "string" && own !== "" ? own : token;
      const marked = mine === own || mine === intent ? body : withAnnotation(body, tokenKey, mine);
      const metadata = fieldsOf(fieldsOf(marked).metadata);
      const { name, generateName } = metadata;
      const named =
        !name && typeof generateName === "string" && generateName !== ""
          ? { ...marked, metadata: { ...metadata, name: generatedName(generateName, mine) } }
          : marked;
      return { input: withBody(call, named), token: mine };
    },
    targets(call) {
      if (call.kind === "read") return [];
      const target = targetOf(call) ?? collectionOf(call);
      return target === undefined ? [] : [target];
    },
    *seen(call, result) {
      const [ref, operation] = [refOf(call), parseOperation(call.operation)];
      const isObject = operation?.subresource === undefined || operation.subresource === "status";
      if (ref === undefined || !isObject || isOwnerless(ref.group, ref.resource)) return;
      let count = 0;
      for (const object of objectsIn(contentOf(result), ref)) {
        if (++count > mostSeen) return;
        yield { id: object.id, tags: tagsOf(object) };
      }
    },
    async read(id, call) {
      const about = refOf(call);
      const ref = refOfId(id, about?.version ?? "v1");
      const send = reader(call.binding.client);
      if (send === undefined) return "unreadable";
      const read = async (path: string, kind: Parameters<typeof metadataOnly>[0]) => {
        const response = await send(path, kind, call);
        if (response.httpStatusCode === 404) return undefined;
        if (response.httpStatusCode >= 400) throw new UnreadableError(response);
        return jsonOf(response);
      };
      if (about !== undefined && id === collectionOf(call)) {
        return foreignIn(call, about, inputOf(call).query ?? {}, (path) => read(path, "PartialObjectMetadataList"));
      }
      if (ref === undefined) return "unreadable";
      const json = await read(pathOf(ref), "PartialObjectMetadata");
      for (const object of objectsIn(json, ref)) {
        known.learn(call.target.account, { ...object, id });
        return tagsOf(object);
      }
      if (json === undefined) known.forget(call.target.account, id);
      return undefined;
    },
  };
}

/** The server would not say whose an object is. */
class UnreadableError extends Error {
  readonly code: number;

  constructor(response: ResponseContext) {
    const { httpStatusCode, headers } = response;
    super(`HTTP ${httpStatusCode} ${readFailure(httpStatusCode, headers, jsonOf(response)).code ?? ""}`.trimEnd());
    this.name = "UnreadableError";
    this.code = httpStatusCode;
  }
}
