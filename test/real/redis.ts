import { findProgram } from "../support/programs.ts";
import { describeWithServer } from "./require-server.ts";

export { type RedisServer, startRedis } from "../support/redis-server.ts";

/** Groups tests that need redis-server; they get its path. */
export function describeWithRedis(name: string, tests: (program: string) => void): void {
  const program = findProgram("redis-server");
  describeWithServer(name, { server: "redis-server", program, hint: "apt-get install redis-server" }, tests);
}
