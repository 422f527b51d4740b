import { hash } from "node:crypto";
import type { ShippedObject } from "provider-guard/audit";

const bytes = Buffer.from('{"seq":0}\n');

/** One line of a journal, as a sink gets it. */
export const shippedObject: ShippedObject = {
  name: "chain/00000001.jsonl/000000000000-000000000010",
  chain: "chain",
  file: "00000001.jsonl",
  offset: 0,
  bytes,
  sha256: hash("sha256", bytes, "base64"),
};
