import { main } from "./run.mjs";

await main("bench/dist/main.js");
