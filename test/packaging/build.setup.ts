import { build } from "../../scripts/build.mjs";

export default async function setup(): Promise<void> {
  await build({ quiet: true });
}
