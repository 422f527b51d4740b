import type { GarbageItem } from "../../../src/garbage/inventory.ts";
import type { AwsClient } from "../client.ts";
import { type Commands, commandsOf, type Fields, isNotFound, listOf, tagsOf, textOf, timeOf } from "./describe.ts";
import type { TypeReader } from "./type-reader.ts";

/** Where the two generations of the service differ. */
interface Balancing {
  readonly name: string;
  readonly after: readonly string[];
  /** Commands, without `Command`. */
  readonly list: string;
  readonly remove: string;
  readonly items: string;
  readonly id: string;
  /** How a list takes ids. */
  readonly ids: string;
  /** How a deletion takes the id. */
  readonly one: string;
  readonly created?: string;
  /** How tags are asked for and answered. */
  readonly tags: { readonly ids: string; readonly id: string };
}

const v2 = { tags: { ids: "ResourceArns", id: "ResourceArn" } };

const types: Readonly<Record<"v2" | "v1", readonly Balancing[]>> = {
  v2: [
    {
      ...v2,
      name: "load-balancer",
      after: [],
      list: "DescribeLoadBalancers",
      remove: "DeleteLoadBalancer",
      items: "LoadBalancers",
      id: "LoadBalancerArn",
      ids: "LoadBalancerArns",
      one: "LoadBalancerArn",
      created: "CreatedTime",
    },
    {
      ...v2,
      name: "target-group",
      after: ["load-balancer"],
      list: "DescribeTargetGroups",
      remove: "DeleteTargetGroup",
      items: "TargetGroups",
      id: "TargetGroupArn",
      ids: "TargetGroupArns",
      one: "TargetGroupArn",
    },
  ],
  v1: [
    {
      name: "classic-load-balancer",
      after: [],
      list: "DescribeLoadBalancers",
      remove: "DeleteLoadBalancer",
      items: "LoadBalancerDescriptions",
      id: "LoadBalancerName",
      ids: "LoadBalancerNames",
      one: "LoadBalancerName",
      created: "CreatedTime",
      tags: { ids: "LoadBalancerNames", id: "LoadBalancerName" },
    },
  ],
};

/** Tags come in a request of their own, for so many at a time. */
const tagsAtOnce = 20;

function balancingReader(type: Balancing, { send }: Commands, pageSize: number): TypeReader {
  const { name, after } = type;
  const idOf = (found: Fields) => textOf(found[type.id]) ?? "";

  /** Tags by id; what could not be read is unknown, and what is not in the answer, too. */
  async function readTags(
    ids: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, GarbageItem["tags"]>> {
    const found = new Map<string, GarbageItem["tags"]>();
    for (let at = 0; at < ids.length; at += tagsAtOnce) {
      try {
        const answer = await send("DescribeTagsCommand", { [type.tags.ids]: ids.slice(at, at + tagsAtOnce) }, signal);
        for (const each of listOf(answer.TagDescriptions))
          found.set(textOf(each[type.tags.id]) ?? "", tagsOf(each.Tags));
      } catch {
        signal.throwIfAborted(); // else unknown: one that is gone makes the whole request fail
      }
    }
    return found;
  }

  async function itemsOf(answer: Fields, signal: AbortSignal): Promise<GarbageItem[]> {
    const found = listOf(answer[type.items]).filter((each) => idOf(each) !== "");
    const tags = await readTags(found.map(idOf), signal);
    return found.map((each) => {
      const createdAt = timeOf(type.created === undefined ? undefined : each[type.created]);
      const shown = textOf(each.LoadBalancerName) ?? textOf(each.TargetGroupName);
      return {
        id: idOf(each),
        type: name,
        tags: tags.get(idOf(each)) ?? "unknown",
        ...(createdAt !== undefined && { createdAt }),
        ...(shown !== undefined && { name: shown }),
      };
    });
  }

  return {
    type: { name, holdsData: false, after },
    async *list({ signal, from }) {
      for (let next = from; ; ) {
        const input = { PageSize: Math.min(pageSize, 400), ...(next !== undefined && { Marker: next }) };
        const answer = await send(`${type.list}Command`, input, signal);
        next = textOf(answer.NextMarker);
        yield { items: await itemsOf(answer, signal), ...(next !== undefined && { next }) };
        if (next === undefined) return;
      }
    },
    async read(id, { signal }) {
      try {
        const items = await itemsOf(await send(`${type.list}Command`, { [type.ids]: [id] }, signal), signal);
        return items.find((item) => item.id === id);
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
    async remove({ id }, { signal }) {
      try {
        await send(`${type.remove}Command`, { [type.one]: id }, signal);
        return "deleted";
      } catch (error) {
        if (isNotFound(error)) return "gone";
        throw error;
      }
    },
    async tag({ id }, key, value, { signal }) {
      const on = { [type.tags.ids]: [id] };
      if (value !== undefined) await send("AddTagsCommand", { ...on, Tags: [{ Key: key, Value: value }] }, signal);
      else if (type.tags.id === "ResourceArn") await send("RemoveTagsCommand", { ...on, TagKeys: [key] }, signal);
      else await send("RemoveTagsCommand", { ...on, Tags: [{ Key: key }] }, signal);
    },
  };
}

/** The types that the given clients can show. */
export function loadBalancerReaders(
  second: AwsClient | undefined,
  first: AwsClient | undefined,
  pageSize: number,
): TypeReader[] {
  const readers: TypeReader[] = [];
  if (second !== undefined) {
    const commands = commandsOf(second, () => import("@aws-sdk/client-elastic-load-balancing-v2"));
    readers.push(...types.v2.map((type) => balancingReader(type, commands, pageSize)));
  }
  if (first !== undefined) {
    const commands = commandsOf(first, () => import("@aws-sdk/client-elastic-load-balancing"));
    readers.push(...types.v1.map((type) => balancingReader(type, commands, pageSize)));
  }
  return readers;
}
