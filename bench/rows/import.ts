import { output, processPath } from "../child.ts";
import { inTurns, type Row } from "../row.ts";

const importOf =
  (...names: string[]) =>
  async () =>
    (await output(processPath("import"), [], names)) as number;

/** What the library adds to the start of a controller. */
export const importTime: Row = {
  id: "import",
  what: "import of the root entry in a fresh process, no SDK loaded",
  unit: "ms",
  better: "lower",
  goal: 60,
  async run() {
    const [value = 0, parts = 0, sdk = 0] = await inTurns(9, [
      importOf("provider-guard"),
      importOf("bottleneck", "opossum", "zod"),
      importOf("@aws-sdk/client-ec2"),
    ]);
    return {
      value,
      alternatives: [
        { name: "Bottleneck, Opossum and zod", value: parts },
        { name: "for scale: @aws-sdk/client-ec2", value: sdk },
      ],
    };
  },
};
