// Prints how many milliseconds it takes to import what the arguments name.
const from = performance.now();
for (const name of process.argv.slice(2)) await import(name);
process.stdout.write(`${performance.now() - from}\n`);
