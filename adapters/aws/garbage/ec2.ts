import type { GarbageItem } from "../../../src/garbage/inventory.ts";
import { type Commands, type Fields, fieldsOf, isNotFound, listOf, tagsOf, textOf, timeOf } from "./describe.ts";
import type { Ec2Type } from "./ec2-types.ts";
import type { TypeReader } from "./type-reader.ts";

/** What EC2 filters by, so that strangers' resources cost nothing. */
const ownerTag = "provider-guard/management-cluster";

function resourcesIn({ items }: Ec2Type, answer: Fields): readonly Fields[] {
  if (items !== "Instances") return listOf(answer[items]);
  return listOf(answer.Reservations).flatMap(({ Instances }) => listOf(Instances));
}

function itemOf(type: Ec2Type, found: Fields): GarbageItem | undefined {
  const id = textOf(found[type.id]);
  const state = type.state && found[type.state.field];
  const name = textOf(state) ?? textOf(fieldsOf(state).Name) ?? "";
  if (id === undefined || type.state?.gone.includes(name)) return undefined;
  const tags = tagsOf(found.Tags ?? found.TagSet); // network interfaces call them otherwise
  const createdAt = timeOf(type.created === undefined ? undefined : found[type.created]);
  const protectedBy = type.keeps?.(found);
  return {
    id,
    type: type.name,
    tags,
    ...(createdAt !== undefined && { createdAt }),
    ...(tags.Name !== undefined && { name: tags.Name }),
    ...(protectedBy !== undefined && { protectedBy }),
  };
}

/** Reads and deletes one type of EC2. */
export function ec2Reader(type: Ec2Type, { send }: Commands, pageSize: number): TypeReader {
  const { name, holdsData, after } = type;
  const ids = type.ids ?? `${type.id}s`;

  async function detach(id: string, signal: AbortSignal): Promise<void> {
    const answer = await send("DescribeInternetGatewaysCommand", { InternetGatewayIds: [id] }, signal);
    for (const { Attachments } of resourcesIn(type, answer)) {
      for (const { VpcId } of listOf(Attachments)) {
        await send("DetachInternetGatewayCommand", { InternetGatewayId: id, VpcId }, signal);
      }
    }
  }

  return {
    type: { name, holdsData, after },
    async *list({ signal, from }) {
      const page = type.unpaged ? {} : { MaxResults: pageSize };
      for (let next = from; ; ) {
        const filter = { Filters: [{ Name: "tag-key", Values: [ownerTag] }] };
        const filters = type.name === "nat-gateway" ? { Filter: filter.Filters } : filter;
        const input = { ...type.input, ...page, ...filters, ...(next !== undefined && { NextToken: next }) };
        const answer = await send(`${type.list}Command`, input, signal);
        next = textOf(answer.NextToken);
        const items = resourcesIn(type, answer).map((found) => itemOf(type, found));
        yield { items: items.filter((item) => item !== undefined), ...(next !== undefined && { next }) };
        if (next === undefined) return;
      }
    },
    async read(id, { signal }) {
      try {
        const answer = await send(`${type.list}Command`, { [ids]: [id] }, signal);
        const found = resourcesIn(type, answer).find((each) => each[type.id] === id);
        if (found === undefined) throw new Error(`${type.list}: an answer without the resource that was asked for`);
        return itemOf(type, found);
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    },
    async remove({ id }, { signal }) {
      try {
        if (name === "internet-gateway") await detach(id, signal);
        const several = name === "instance" || name === "vpc-endpoint";
        const answer = await send(`${type.remove}Command`, several ? { [ids]: [id] } : { [type.id]: id }, signal);
        const [unsuccessful] = listOf(answer.Unsuccessful);
        if (unsuccessful !== undefined) throw failure(unsuccessful);
        return type.state === undefined || name === "volume" ? "deleted" : "deleting";
      } catch (error) {
        if (isNotFound(error)) return "gone";
        throw error;
      }
    },
    async tag({ id }, key, value, { signal }) {
      const Tags = [value === undefined ? { Key: key } : { Key: key, Value: value }];
      await send(value === undefined ? "DeleteTagsCommand" : "CreateTagsCommand", { Resources: [id], Tags }, signal);
    },
  };
}

/** DeleteVpcEndpoints answers 200 with what it has not done. */
function failure(unsuccessful: Fields): Error {
  const { Code } = fieldsOf(unsuccessful.Error);
  return Object.assign(new Error("the endpoint was not deleted"), { name: textOf(Code) ?? "Unsuccessful" });
}
