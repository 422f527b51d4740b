#!/usr/bin/env node
/** The command `provider-guard`: wires the process to its commands. */
import { readFileSync } from "node:fs";
import { systemClock } from "../core/clock.ts";
import { audit } from "./audit/index.ts";
import { type CommandFamily, dispatch } from "./command.ts";
import { gc } from "./gc/index.ts";
import { processTerminal } from "./terminal.ts";

const root: CommandFamily = {
  name: "provider-guard",
  summary: "Tools for the cloud clients that provider-guard protects.",
  commands: [audit, gc],
};

/** Of the package that this file was installed with. */
function version(): string {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return version;
}

const args = process.argv.slice(2);
process.exitCode = await dispatch(root, version, args, processTerminal(systemClock.now));
