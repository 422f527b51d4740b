// Seals bootstrap data for one machine after the other and cleans up after every second one, until somebody
// kills it. Prints `sealed NAME DIGEST-OF-USER-DATA` and `cleaned NAME` once that is done.
import { createHash } from "node:crypto";
import { writeSync } from "node:fs";
import { fileState } from "provider-guard/file";
import { bootstrapVaultFor, dataOf, machineOf, request } from "./bootstrap-vault.ts";

const [folder = "", run = "", publicKey = ""] = process.argv.slice(2);
const vault = bootstrapVaultFor(folder, fileState({ directory: `${folder}/state` }), publicKey);

writeSync(1, "ready\n");
for (let number = 0; ; number++) {
  const name = `m-${run}-${number}`;
  const { userData } = await vault.seal(request(machineOf(name), dataOf(name)));
  writeSync(1, `sealed ${name} ${createHash("sha256").update(userData).digest("hex")}\n`);
  if (number % 2 === 0) continue;
  await vault.cleanup(machineOf(name), { reason: "node" });
  writeSync(1, `cleaned ${name}\n`);
}
