import type { GarbageItem } from "../../../src/garbage/inventory.ts";
import { type Commands, type Fields, isNotFound, listOf, tagsOf, textOf, timeOf } from "./describe.ts";
import type { TypeReader } from "./type-reader.ts";

/** What bootstrap left in Secrets Manager. */
export function secretReader({ send }: Commands, pageSize: number): TypeReader {
  const itemOf = (found: Fields): GarbageItem | undefined => {
    const id = textOf(found.ARN);
    if (id === undefined || found.DeletedDate !== undefined) return undefined;
    const createdAt = timeOf(found.CreatedDate);
    const name = textOf(found.Name);
    const owned = textOf(found.OwningService);
    return {
      id,
      type: "secret",
      tags: tagsOf(found.Tags),
      ...(createdAt !== undefined && { createdAt }),
      ...(name !== undefined && { name }),
      ...(owned !== undefined && { protectedBy: "a service of AWS manages it" }),
    };
  };
  return {
    type: { name: "secret", holdsData: false },
    async *list({ signal, from }) {
      for (let next = from; ; ) {
        const input = { MaxResults: Math.min(pageSize, 100), ...(next !== undefined && { NextToken: next }) };
        const answer = await send("ListSecretsCommand", input, signal);
        next = textOf(answer.NextToken);
        const items = listOf(answer.SecretList).map(itemOf);
        yield { items: items.filter((item) => item !== undefined), ...(next !== undefined && { next }) };
        if (next === undefined) return;
      }
    },
    async read(id, { signal }) {
      try {
        return itemOf(await send("DescribeSecretCommand", { SecretId: id }, signal));
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
    async remove({ id }, { signal }) {
      try {
        await send("DeleteSecretCommand", { SecretId: id, ForceDeleteWithoutRecovery: true }, signal);
        return "deleted";
      } catch (error) {
        if (isNotFound(error)) return "gone";
        throw error;
      }
    },
    async tag({ id }, key, value, { signal }) {
      if (value === undefined) await send("UntagResourceCommand", { SecretId: id, TagKeys: [key] }, signal);
      else await send("TagResourceCommand", { SecretId: id, Tags: [{ Key: key, Value: value }] }, signal);
    },
  };
}

/** What bootstrap left in the Parameter Store. Its lists show no tags: they are read one by one. */
export function parameterReader({ send }: Commands, pageSize: number): TypeReader {
  const resource = (id: string) => ({ ResourceType: "Parameter", ResourceId: id });

  async function itemOf(found: Fields, signal: AbortSignal): Promise<GarbageItem | undefined> {
    const id = textOf(found.Name);
    if (id === undefined) return undefined;
    const tags = await send("ListTagsForResourceCommand", resource(id), signal).then(
      ({ TagList }) => tagsOf(TagList),
      (error) => {
        signal.throwIfAborted();
        if (isNotFound(error) || textOf(error?.name) === "InvalidResourceId") return undefined; // gone meanwhile
        return "unknown" as const;
      },
    );
    if (tags === undefined) return undefined;
    // Every change makes it younger: a parameter that changes is not forgotten.
    const createdAt = timeOf(found.LastModifiedDate);
    return { id, type: "parameter", tags, name: id, ...(createdAt !== undefined && { createdAt }) };
  }

  const selected = (answer: Fields, signal: AbortSignal) =>
    Promise.all(listOf(answer.Parameters).map((found) => itemOf(found, signal)));

  return {
    type: { name: "parameter", holdsData: false },
    async *list({ signal, from }) {
      for (let next = from; ; ) {
        const mine = [{ Key: "tag:provider-guard/management-cluster" }];
        const page = { MaxResults: Math.min(pageSize, 50), ParameterFilters: mine };
        const input = { ...page, ...(next !== undefined && { NextToken: next }) };
        const answer = await send("DescribeParametersCommand", input, signal);
        next = textOf(answer.NextToken);
        const items = (await selected(answer, signal)).filter((item) => item !== undefined);
        yield { items, ...(next !== undefined && { next }) };
        if (next === undefined) return;
      }
    },
    async read(id, { signal }) {
      const only = { ParameterFilters: [{ Key: "Name", Option: "Equals", Values: [id] }] };
      const [item] = await selected(await send("DescribeParametersCommand", only, signal), signal);
      return item;
    },
    async remove({ id }, { signal }) {
      try {
        await send("DeleteParameterCommand", { Name: id }, signal);
        return "deleted";
      } catch (error) {
        if (isNotFound(error)) return "gone";
        throw error;
      }
    },
    async tag({ id }, key, value, { signal }) {
      if (value === undefined) await send("RemoveTagsFromResourceCommand", { ...resource(id), TagKeys: [key] }, signal);
      else await send("AddTagsToResourceCommand", { ...resource(id), Tags: [{ Key: key, Value: value }] }, signal);
    },
  };
}
