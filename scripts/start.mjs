import { main } from "./run.mjs";

await main("examples/quickstart/dist/main.js");
