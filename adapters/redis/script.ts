import { createHash } from "node:crypto";
import type { Send } from "./connection.ts";

/** A Lua script. Redis executes it as one step: nothing else happens meanwhile, and it happens whole. */
export interface Script {
  run(send: Send, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
}

/** Prepares a script: it is sent by its hash, and whole where Redis does not know it (any more). */
export function script(lua: string): Script {
  const sha = createHash("sha1").update(lua).digest("hex");
  return {
    async run(send, keys, args) {
      const rest = [keys.length, ...keys, ...args];
      try {
        return await send("evalsha", [sha, ...rest]);
      } catch (error) {
        if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
        return send("eval", [lua, ...rest]);
      }
    },
  };
}
