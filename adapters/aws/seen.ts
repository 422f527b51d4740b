import type { SeenResource } from "../../src/core/adapter.ts";
import type { Call } from "../../src/core/call.ts";
import type { Tags } from "../../src/core/tags.ts";
import { fieldsOf, tagsIn } from "./tag-styles.ts";

/** Own id members that are not called after the list that holds the structure. */
const idMembers: Readonly<Record<string, string>> = {
  Address: "AllocationId",
  DhcpOptions: "DhcpOptionsId",
  Host: "HostId",
  ManagedPrefixList: "PrefixListId",
  PlacementGroup: "GroupId",
  SecurityGroup: "GroupId",
  VpcEndpointService: "ServiceId",
};

const mostResources = 5_000;
const deepest = 3;

function singularName(name: string): string {
  if (name === "DhcpOptions") return name;
  if (name.endsWith("Addresses")) return name.slice(0, -2);
  return name.endsWith("s") ? name.slice(0, -1) : name;
}

function idIn(value: Readonly<Record<string, unknown>>, noun: string): string | undefined {
  const id = value[idMembers[noun] ?? `${noun}Id`];
  return typeof id === "string" ? id : undefined;
}

/** Structures with an id of their own and all their tags, in an answer of EC2. */
function inAnswer(output: unknown, noun: string): SeenResource[] {
  const found: SeenResource[] = [];

  function look(value: unknown, name: string, depth: number): void {
    if (found.length >= mostResources || depth > deepest || typeof value !== "object" || value === null) return;
    if (Array.isArray(value)) {
      for (const item of value) look(item, singularName(name), depth);
      return;
    }
    const fields = fieldsOf(value);
    const tags = fields.Tags ?? fields.TagSet;
    const id = idIn(fields, name);
    if (id !== undefined && Array.isArray(tags)) found.push({ id, tags: tagsIn(tags, "Key") });
    // What DescribeTags answers may be a part of a resource's tags, and would make an owned one look free.
    for (const member in fields) {
      if (member === "Tags" || member === "TagSet" || member === "$metadata") continue;
      const inner = fields[member];
      if (typeof inner === "object" && inner !== null) look(inner, member, depth + 1);
    }
  }

  look(output, noun, 0);
  return found;
}

/** What a create answered carries the tags that were sent, also where the answer does not repeat them. */
function created(call: Call, output: unknown, sent: Tags | undefined): SeenResource[] {
  if (sent === undefined) return [];
  const fields = fieldsOf(output);
  const tagged = (ids: readonly unknown[]) =>
    ids.filter((id) => typeof id === "string" && id !== "").map((id) => ({ id: id as string, tags: sent }));
  switch (call.target.service) {
    case "EC2": {
      const noun = call.operation.replace(/^[A-Z][a-z]+/, "");
      return tagged([idIn(fields, noun), idIn(fieldsOf(fields[noun]), noun)]);
    }
    case "SecretsManager":
      return tagged([fields.ARN, fields.Name]);
    case "KMS": {
      const key = fieldsOf(fields.KeyMetadata);
      return tagged([key.KeyId, key.Arn]);
    }
    case "S3":
      return call.operation === "CreateBucket" ? tagged([fieldsOf(call.input).Bucket]) : [];
    case "SSM":
      return call.operation === "PutParameter" ? tagged([fieldsOf(call.input).Name]) : [];
    default:
      return tagged(Object.values(fields).filter((value) => typeof value === "string" && value.startsWith("arn:")));
  }
}

/**
 * Resources with their tags in the answer to a create or a read.
 *
 * @param output - The SDK's output.
 * @param sent - Tags that a create carried.
 */
export function seenIn(call: Call, output: unknown, sent: Tags | undefined): readonly SeenResource[] {
  const found = call.kind === "create" ? created(call, output, sent) : [];
  if (call.target.service !== "EC2") return found;
  return [...found, ...inAnswer(output, call.operation.replace(/^[A-Z][a-z]+/, ""))];
}
