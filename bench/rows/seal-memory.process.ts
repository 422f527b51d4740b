// Prints by how many megabytes resident memory rises at its peak while 512 KB are sealed.
import { createCipheriv, generateKeyPairSync, randomBytes, randomFillSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { sealerTo } from "./seal.ts";

const collect = globalThis.gc as () => void;

function byHand(data: Uint8Array): string {
  const cipher = createCipheriv("aes-256-gcm", randomBytes(32), randomBytes(12));
  const sealed = Buffer.concat([cipher.update(gzipSync(data)), cipher.final()]).toString("base64");
  return JSON.stringify({ sealed, tag: cipher.getAuthTag().toString("base64") });
}

const kilobytes = (name: string): number => {
  const status = readFileSync("/proc/self/status", "utf8");
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]);
};

const seal = sealerTo(generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey);
/** Compresses as keys in PEM do. It is made in place: what were freed before would be used again, and not be counted. */
const alphabet = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
function keys(bytes: number): Uint8Array {
  const data = randomFillSync(new Uint8Array(bytes));
  for (const [index, byte] of data.entries()) data[index] = alphabet[byte & 63] as number;
  return data;
}

const [warm, data] = [keys(1024), keys(512 * 1024)];
for (let round = 0; round < 3; round++) {
  await seal(warm);
  byHand(warm);
}
for (let round = 0; round < 50; round++) {
  await seal(warm);
  byHand(warm);
}
for (let round = 0; round < 5; round++) {
  collect();
  await new Promise((resolve) => setTimeout(resolve, 20));
}
writeFileSync("/proc/self/clear_refs", "5"); // the peak begins again
const before = kilobytes("VmRSS");
const [who, count] = process.argv.slice(2);
for (let left = Number(count); left > 0; left--) {
  if (who === "by-hand") byHand(data);
  else await seal(data);
}
process.stdout.write(`${JSON.stringify((kilobytes("VmHWM") - before) / 1000)}\n`);
process.exit(0);
