/** The command line: what can be said, and what is said back when it is wrong. */
import { type ParseArgsConfig, parseArgs } from "node:util";

export const help = `Usage: npm start -- [OPTIONS]

Reconciles three small clusters through a provider's controller, once with the bare cloud client
and once with the guarded one, and sets both runs side by side. The cloud is a simulator that
throttles, loses answers and fails; the controller crashes on the way.

  --seed N            decides everything that happens by chance: the same seed repeats a run
                      exactly (0 to 4294967295, default 7)
  --out DIR           keeps the audit log of the guarded run in DIR/audit
  --cloud aws         makes the guarded run through the real @aws-sdk/client-ec2 instead, without
                      faults or crash, and deletes everything again (default: simulator)
  --endpoint URL      where the AWS-compatible API is; needed with --cloud aws, so that nobody
                      pays for a demonstration by accident
  --region REGION     AWS region (default: us-east-1)
  --image AMI         image of the machines on AWS (default: ami-12345678)
  --json              prints nothing but the figures, as JSON
  --help              prints this

Exit code: 0 if the guarded run left no duplicate, no resource without an owner and an audit log
that verifies; 1 if not; 2 for a wrong option; 130 when interrupted.
`;

export interface Options {
  readonly seed: number;
  readonly out: string | undefined;
  readonly cloud: "simulator" | "aws";
  readonly endpoint: string | undefined;
  readonly region: string;
  readonly image: string;
  readonly json: boolean;
  readonly help: boolean;
}

/** A mistake on the command line, in words for its author. */
export class UsageError extends Error {}

const known = {
  seed: { type: "string", default: "7" },
  out: { type: "string" },
  cloud: { type: "string", default: "simulator" },
  endpoint: { type: "string" },
  region: { type: "string", default: "us-east-1" },
  image: { type: "string", default: "ami-12345678" },
  json: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

/** Reads a command line that holds nothing but these options. @throws {@link UsageError} */
export function parse<const T extends NonNullable<ParseArgsConfig["options"]>>(args: readonly string[], options: T) {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError((error as Error).message.split(". ")[0]);
  }
}

/** @throws {@link UsageError} */
export function readOptions(args: readonly string[]): Options {
  const { seed: seedText, cloud, endpoint, region, image, out, json, help: wantsHelp } = parse(args, known);
  const seed = Number(seedText);
  if (!/^\d{1,10}$/.test(seedText) || seed > 0xffff_ffff) {
    throw new UsageError(`--seed: expected a whole number from 0 to 4294967295, got "${seedText}"`);
  }
  if (cloud !== "simulator" && cloud !== "aws") {
    throw new UsageError(`--cloud: expected "simulator" or "aws", got "${cloud}"`);
  }
  if (cloud === "aws" && endpoint === undefined && !wantsHelp) {
    throw new UsageError(
      "--cloud aws: say --endpoint URL too, e.g. of a local moto server (npm run start:aws starts one)",
    );
  }
  if (cloud !== "aws" && endpoint !== undefined) throw new UsageError("--endpoint: goes with --cloud aws only");
  if (endpoint !== undefined && !(URL.canParse(endpoint) && /^https?:$/.test(new URL(endpoint).protocol))) {
    throw new UsageError(`--endpoint: expected an http or https URL, got "${endpoint}"`);
  }
  if (out === "") throw new UsageError("--out: expected a directory");
  return { seed, cloud, endpoint, region, image, out, json, help: wantsHelp };
}
