import { describe } from "vitest";

/**
 * Groups tests that need a real server's program.
 *
 * @param server - What it is called, e.g. `moto`.
 * @param program - What was found of it; `undefined` skips the group with one line that says so.
 * @param hint - How to install it.
 * @param mode - `required`: fail instead of skipping.
 * @throws where `REAL_SERVERS=required` and there is no program.
 */
export function describeWithServer(
  name: string,
  { server, program, hint }: { server: string; program: string | undefined; hint: string },
  tests: (program: string) => void,
  mode = process.env.REAL_SERVERS,
): void {
  if (program !== undefined) {
    describe(name, () => tests(program));
    return;
  }
  if (mode === "required") throw new Error(`${server} is not installed, and REAL_SERVERS=required: ${hint}`);
  process.stderr.write(`skipped: ${name}: ${server} is not installed (${hint})\n`);
  describe.skip(`${name} (${server} is not installed: ${hint})`, () => tests(""));
}
