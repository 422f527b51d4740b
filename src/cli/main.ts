#!/usr/bin/env node
process.exitCode = 2;
process.stderr.write("provider-guard: no commands yet\n");
