import { findMoto } from "../../scripts/moto.mjs";
import { describeWithServer } from "./require-server.ts";

export { type Moto, serveMoto as startMoto } from "../../scripts/moto.mjs";

/** Groups tests that need moto, a local AWS; they get the Python that has it. */
export function describeWithMoto(name: string, tests: (python: string) => void): void {
  describeWithServer(name, { server: "moto", program: findMoto(), hint: "node scripts/moto.mjs" }, tests);
}
