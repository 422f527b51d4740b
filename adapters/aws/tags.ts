import type { TagSupport } from "../../src/core/adapter.ts";
import type { Call } from "../../src/core/call.ts";
import type { Tags } from "../../src/core/tags.ts";
import { plainTags } from "../../src/ownership/plain-tags.ts";
import type { FactBook } from "./fact-book.ts";
import { canRead, readTags, type SendPast } from "./read-tags.ts";
import { taggedTypes } from "./resource-types.ts";
import { seenIn } from "./seen.ts";
import { specialWriters } from "./special-creates.ts";
import { addTags, at, changed, fieldsOf, tagsIn } from "./tag-styles.ts";
import { targetsOf } from "./targets.ts";
import { fittingToken } from "./tokens.ts";

const takesTagsAway = /^(Delete|Remove|Untag)/;

/** The SDK's output: alone, as its caller gets it, or beside the raw response, as it passes the rings. */
function outputOf(result: unknown): unknown {
  const fields = fieldsOf(result);
  return "response" in fields && "output" in fields ? fields.output : result;
}

/** Owner tags and idempotency tokens in AWS's inputs. */
export function tagSupport(book: FactBook, sender: (client: object) => SendPast | undefined): TagSupport {
  function write({ target, operation, input }: Call, tags: Tags): unknown {
    const special = specialWriters.get(`${target.service}.${operation}`);
    if (special !== undefined) return special(input, tags);
    const place = book.get(target.service, operation)?.tags;
    if (place === undefined) return undefined;
    const types = place.style === "specifications" ? taggedTypes(operation) : [];
    if (place.style === "specifications" && types.length === 0) return undefined;
    return addTags(input, place, tags, types);
  }

  function given({ target, operation, input }: Call): Tags | undefined {
    const place = book.get(target.service, operation)?.tags;
    const fields = fieldsOf(input);
    const { LaunchTemplateData, Tagging, TagKeys, tagKeys } = fields;
    if ((place ?? LaunchTemplateData ?? Tagging ?? TagKeys ?? tagKeys) === undefined) return undefined;
    const tags: Record<string, string> = {};
    if (place !== undefined) Object.assign(tags, tagsIn(at(input, place.path), place.style));
    Object.assign(tags, tagsIn(at(input, ["LaunchTemplateData", "TagSpecifications"]), "specifications"));
    Object.assign(tags, tagsIn(at(input, ["Tagging", "TagSet"]), "Key"));
    // Tags to take away count as well: their names, or pairs, of which EC2 takes away what has this value.
    for (const key of [TagKeys, tagKeys].flat()) if (typeof key === "string") tags[key] = "";
    if (!takesTagsAway.test(operation)) return tags;
    for (const key of Object.keys(tags)) tags[key] = "";
    const sweeps = target.service === "EC2" && operation === "DeleteTags" && Object.keys(tags).length === 0;
    return sweeps ? { [`${plainTags.prefix}*`]: "" } : tags; // where none is named, EC2 takes all away
  }

  return {
    codec: plainTags,
    write,
    given,
    token({ target, operation, input }, token) {
      const member = book.get(target.service, operation)?.token;
      if (member === undefined) return undefined;
      const own = fieldsOf(input)[member];
      if (typeof own === "string" && own !== "") return { input, token: own };
      const fitting = fittingToken(target.service, token);
      return { input: changed(input, [member], () => fitting), token: fitting };
    },
    targets: targetsOf,
    seen(call, result) {
      const sent = call.kind === "create" ? given(call) : undefined;
      return seenIn(call, outputOf(result), sent);
    },
    async read(id, call) {
      if (!canRead(call.target.service)) return "unreadable";
      const send = sender(call.binding.client);
      return send === undefined ? "unreadable" : readTags(id, call, send);
    },
  };
}
