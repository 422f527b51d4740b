import { hash } from "node:crypto";

/** The letters of Kubernetes' own generated names: no vowels, so that no words come out. */
const alphabet = "bcdfghjklmnpqrstvwxz2456789";
const suffixLength = 10;
const maxLength = 63; // what Kubernetes' own generator keeps to, so that a name is a label's value as well

/**
 * The name that a create with `generateName` gets: the same for the same token, so that a repeated
 * create meets the first one's object. With ten letters where Kubernetes takes five, since the server
 * does not try again for us where two names are the same.
 */
export function generatedName(prefix: string, token: string): string {
  const digest = Buffer.from(hash("sha256", token, "hex"), "hex");
  let suffix = "";
  for (let i = 0; i < suffixLength; i++) suffix += alphabet[(digest[i] as number) % alphabet.length];
  return prefix.slice(0, maxLength - suffixLength) + suffix;
}
