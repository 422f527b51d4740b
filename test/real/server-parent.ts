// Starts a server that never ends by itself, says which process it is, and waits to be killed.
import { startProcess } from "./kubernetes/server-process.ts";

console.log(startProcess(["sleep", "600"]).pid);
setInterval(() => {}, 60_000);
